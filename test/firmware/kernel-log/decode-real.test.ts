import { formatPciAddress, sourceIdOf } from '../../../src/bits/pci-address.js';
import { toHex } from '../../../src/bits/u64.js';
import { decodeKernelLog } from '../../../src/firmware/kernel-log/decode.js';
import type { DecodedKind, DecodedLine } from '../../../src/firmware/kernel-log/decoded-line.js';
import { FAULT_REASONS } from '../../../src/layout/fault-reasons.js';
import { describeRealData, filesBelow, manifest, readText } from '../support/real-data.js';

/** The part of a text between two marks, found without patterns; null when a mark is missing. */
function between(text: string, before: string, after: string): string | null {
  const start = text.indexOf(before);
  if (start < 0) return null;
  const end = text.indexOf(after, start + before.length);
  return end < 0 ? null : text.slice(start + before.length, end);
}

/** What a line is, as one would grep for it; null when it is not about remapping. */
function kindOf(line: string): DecodedKind | null {
  const has = (text: string) => line.includes(text);
  if (has('Request device [')) return has('[INTR-REMAP]') ? 'INTERRUPT_FAULT' : 'DMA_FAULT';
  if (has('handling fault status reg')) return 'FAULT_STATUS';
  if (has('dmar_fault: ') && has('callbacks suppressed')) return 'SUPPRESSED_CALLBACKS';
  if (has('AMD-Vi: Event logged [') || has('Unhandled context fault:') || has('event 0x10 received:'))
    return 'OTHER_VENDOR_FAULT';
  if (has('DMAR: fault ')) return 'UNPARSED_FAULT';
  if (has('DMAR: DRHD base: ') || has(' reg_base_addr ')) return 'REMAPPING_UNIT';
  if (has('DMAR: RMRR base: ') || (has('DMAR: [Firmware Bug]:') && has('RMRR'))) return 'RESERVED_MEMORY';
  if (has('Adding to iommu group')) return 'GROUP_ASSIGNMENT';
  const marks = ['DMAR: ', 'DMAR-IR: ', ' iommu: ', ' AMD-Vi: ', 'Removing from iommu group', 'arm-smmu-v3 '];
  marks.push(
    'x2apic: IRQ remapping',
    'ACPI: DMAR',
    'ACPI: Reserving DMAR',
    'ACPI: IVRS',
    'ACPI: Reserving IVRS',
  );
  marks.push('[DMAR-', ': Using iommu ', 'vfio_iommu_type1');
  return marks.some(has) ? 'OTHER_REMAPPING' : null;
}

/** Fields of a fault line by splitting at blanks, not by the patterns under test. */
function faultFields(line: string) {
  const code = between(line, '[fault reason ', ']') ?? '';
  const device = (between(line, 'Request device [', ']') ?? '').replaceAll('0x', '');
  const words = line.split('[fault reason ')[0].split(' ');
  const after = (word: string) => words[words.lastIndexOf(word) + 1];
  const pasid = words.includes('PASID') ? after('PASID').replace(']', '') : 'ffffffff';
  return {
    sourceId: `0000:${device}`,
    address: BigInt(`0x${after(line.includes('fault index') ? 'index' : 'addr').replace('0x', '')}`),
    pasid: pasid === 'ffffffff' ? null : Number(`0x${pasid.replace('0x', '')}`),
    access: line.includes('[DMA Read') ? 'READ' : line.includes('[DMA Write') ? 'WRITE' : null,
    reason: code.startsWith('0x') ? parseInt(code.slice(2), 16) : parseInt(code, 10),
  };
}

const fieldsOf = ({ sourceId, address, pasid, access, reason }: DecodedLine) => ({
  sourceId: sourceId && formatPciAddress(sourceId),
  address: address && BigInt(toHex(address)),
  pasid,
  access,
  reason: reason && reason.code,
});

const LOGS = [
  ...filesBelow('dmesg', /\.txt$/),
  ...filesBelow('topology', /\.dmesg.*\.txt$/),
  ...filesBelow('qemu-linux', /^dmesg.*\.txt$/),
];
const orNone = (paths: string[]) => (paths.length > 0 ? paths : ['(none)']);
const totals = new Map<string, number>();

describeRealData('real kernel logs', () => {
  afterAll(() => {
    const counts = [...totals].sort().map(([kind, count]) => `${kind} ${count}`);
    console.info(`decoded ${LOGS.length} logs: ${counts.join(', ')}`);
  });

  it.each(orNone(LOGS))('%s: every line is of the kind one would grep for', (path) => {
    const text = readText(path);
    const expected = text.split('\n').flatMap((line, index) => {
      const kind = kindOf(line);
      return kind === null ? [] : [`${index + 1} ${kind} ${line.trimEnd()}`];
    });
    const decoded = decodeKernelLog(text);
    expect(decoded.map(({ line, kind, text: whole }) => `${line} ${kind} ${whole}`)).toEqual(expected);
    for (const { kind } of decoded) totals.set(kind, (totals.get(kind) ?? 0) + 1);
  });

  it.each(orNone(LOGS))('%s: every fault has the fields of its line', (path) => {
    for (const line of decodeKernelLog(readText(path))) {
      if (line.kind !== 'DMA_FAULT' && line.kind !== 'INTERRUPT_FAULT') continue;
      expect(fieldsOf(line)).toEqual(faultFields(line.text));
      // The kernel wrote the reason out; it has to be that of the code.
      const written = line.text.slice(line.text.lastIndexOf('] ') + 2).trim();
      const named = FAULT_REASONS.filter(({ text }) => text === written).map(({ code }) => code);
      expect([written, named]).toEqual([written, [line.reason?.code]]);
    }
  });

  const facts = new Map([...manifest('dmesg'), ...manifest('topology')]);
  const stated = LOGS.filter((path) => facts.has(path.split('/')[1]));
  it.each(orNone(stated))('%s: the counts are those of the manifest', (path) => {
    const contents = facts.get(path.split('/')[1]) ?? '';
    const decoded = decodeKernelLog(readText(path));
    const count = (...kinds: DecodedKind[]) => decoded.filter(({ kind }) => kinds.includes(kind)).length;
    const number = (pattern: RegExp) => Number(pattern.exec(contents)?.[1] ?? NaN);
    const check = (pattern: RegExp, ...kinds: DecodedKind[]) => {
      const expected = number(pattern);
      if (!Number.isNaN(expected)) expect([contents, count(...kinds)]).toEqual([contents, expected]);
    };
    check(/(\d+) fault\/event lines/, 'DMA_FAULT', 'INTERRUPT_FAULT', 'OTHER_VENDOR_FAULT');
    check(/(\d+) fault-status lines/, 'FAULT_STATUS');
    check(/(\d+) group assignments/, 'GROUP_ASSIGNMENT');
    const notices = /suppressed notices \[([\d, ]+)\]/.exec(contents);
    expect(decoded.flatMap(({ suppressed }) => suppressed ?? [])).toEqual(
      notices ? notices[1].split(', ').map(Number) : [],
    );
  });
});

describeRealData('the lines Linux printed for the records of an emulated unit', () => {
  it.each(orNone(filesBelow('qemu-linux/faults', /^summary\.csv$/)))('%s: decode to the record', (path) => {
    let checked = 0;
    for (const row of readText(path).split('\n')) {
      const message = /DMAR: \[[^,]*/.exec(row)?.[0];
      const record = /,0x([0-9a-f]+),0x([0-9a-f]+),(?:0x[0-9a-f]+)?,DMAR/.exec(row);
      if (!message || !record) continue;
      const [low, high] = [BigInt(`0x${record[1]}`), BigInt(`0x${record[2]}`)];
      const [line] = decodeKernelLog(message);
      const isInterrupt = line.kind === 'INTERRUPT_FAULT';
      // VT-d 10.4.14 "Fault Recording Registers".
      const hasPasid = ((high >> 31n) & 1n) === 1n && !isInterrupt;
      const access = ((high >> 62n) & 1n) === 1n ? 'READ' : 'WRITE';
      expect({ ...fieldsOf(line), sourceId: line.sourceId && sourceIdOf(line.sourceId) }).toEqual({
        sourceId: Number(high & 0xffffn),
        address: isInterrupt ? low >> 48n : low & ~0xfffn,
        pasid: hasPasid ? Number((high >> 40n) & 0xfffffn) : null,
        access: isInterrupt ? null : access,
        reason: Number((high >> 32n) & 0xffn),
      });
      checked++;
    }
    console.info(`${path}: ${checked} lines decoded to the records they were printed for`);
    expect(checked).toBeGreaterThan(10);
  });
});
