import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { dmarBytes } from '../../../src/firmware/dmar/text.js';
import { toHexDigits } from '../../../src/bits/u64.js';
import type { DeviceScope } from '../../../src/layout/dmar/table.js';
import { describeRealData, filesBelow, has, manifest, readBytes, readText } from '../support/real-data.js';

const binaries = [...filesBelow('dmar', /\.bin$/), ...filesBelow('qemu-linux', /^DMAR.*\.bin$/)];
const disassemblies = [...filesBelow('dmar', /\.dsl$/), ...filesBelow('qemu-linux', /^DMAR.*\.dsl$/)];
const facts = manifest('dmar');
const rows = (paths: string[]) => (paths.length > 0 ? paths : ['(none)']);

/** `[034h 0052 001h]   Flags : 00`: what the ACPI disassembler decoded, as [byte offset, label, value]. */
function decodedFields(text: string): [number, string, string][] {
  return [...text.matchAll(/^\[([0-9A-F]{3})h [^\]]*\]\s*([^:]*?) : (.*)$/gm)].map((match) => [
    parseInt(match[1], 16),
    match[2],
    match[3].trim(),
  ]);
}

const hex = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, '0');
const hex64 = (value: { hi: number; lo: number }) => toHexDigits(value).toUpperCase().padStart(16, '0');

/** Our decoding in the disassembler's words, for the fields both have. */
function fieldsOf(bytes: Uint8Array, knowsSidp: boolean): string[] {
  const { table } = parseDmar(bytes);
  const flags =
    (table.interruptRemapping ? 1 : 0) | (table.x2apicOptOut ? 2 : 0) | (table.dmaControlOptIn ? 4 : 0);
  const found = [`24 Host Address Width ${hex(table.hostAddressWidth - 1, 2)}`, `25 Flags ${hex(flags, 2)}`];
  for (const structure of table.structures) {
    const at = (offset: number, label: string, value: string) =>
      found.push(`${hex(structure.offset + offset, 2)} ${label} ${value}`);
    at(0, 'Subtable Type', hex(structure.type, 4));
    at(2, 'Length', hex(structure.length, 4));
    const scopes = (first: number, list: readonly DeviceScope[]) => {
      let offset = first;
      for (const scope of list) {
        at(offset, 'Device Scope Type', hex(scope.type, 2));
        at(offset + 1, 'Entry Length', hex(6 + 2 * scope.path.length, 2));
        at(offset + 4, 'Enumeration ID', hex(scope.enumerationId, 2));
        at(offset + 5, 'PCI Bus Number', hex(scope.startBus, 2));
        scope.path.forEach((hop, index) =>
          at(offset + 6 + 2 * index, 'PCI Path', `${hex(hop.device, 2)},${hex(hop.function, 2)}`),
        );
        offset += 6 + 2 * scope.path.length;
      }
    };
    switch (structure.kind) {
      case 'DRHD':
        at(4, 'Flags', hex(structure.includeAll ? 1 : 0, 2));
        at(6, 'PCI Segment Number', hex(structure.segment, 4));
        at(8, 'Register Base Address', hex64(structure.registerBase));
        scopes(16, structure.scopes);
        break;
      case 'RMRR':
        at(6, 'PCI Segment Number', hex(structure.segment, 4));
        at(8, 'Base Address', hex64(structure.base));
        at(16, 'End Address (limit)', hex64(structure.last));
        scopes(24, structure.scopes);
        break;
      case 'ATSR':
        at(4, 'Flags', hex(structure.allPorts ? 1 : 0, 2));
        at(6, 'PCI Segment Number', hex(structure.segment, 4));
        scopes(8, structure.scopes);
        break;
      case 'RHSA':
        at(8, 'Base Address', hex64(structure.registerBase));
        at(16, 'Proximity Domain', hex(structure.proximityDomain, 8));
        break;
      case 'ANDD':
        at(7, 'Device Number', hex(structure.acpiDeviceNumber, 2));
        at(8, 'Device Name', `"${structure.objectName}"`);
        break;
      case 'SATC':
        at(4, 'Flags', hex(structure.atcRequired ? 1 : 0, 2));
        at(6, 'PCI Segment Number', hex(structure.segment, 4));
        scopes(8, structure.scopes);
        break;
      case 'SIDP':
        if (!knowsSidp) break;
        at(6, 'PCI Segment Number', hex(structure.segment, 4));
        scopes(8, structure.scopes);
        break;
    }
  }
  return found.sort();
}

const LABELS = new Set([
  'Host Address Width',
  'Flags',
  'Subtable Type',
  'Length',
  'PCI Segment Number',
  'Register Base Address',
  'Base Address',
  'End Address (limit)',
  'Proximity Domain',
  'Device Number',
  'Device Name',
  'Device Scope Type',
  'Entry Length',
  'Enumeration ID',
  'PCI Bus Number',
  'PCI Path',
]);

/** @param end offset of the first structure the disassembler did not know, where it stopped */
function expectAgreement(bytes: Uint8Array, disassembly: string, end = Infinity): void {
  const theirs = decodedFields(disassembly)
    .filter(([offset, label]) => LABELS.has(label) && offset >= 0x24 && offset < end)
    .map(([offset, label, value]) => `${hex(offset, 2)} ${label} ${value.replace(/ \[.*$/, '')}`);
  expect(theirs.length).toBeGreaterThan(5);
  // Disassemblers before 2023 print structures of type 6 as unknown, without their fields.
  const ours = fieldsOf(bytes, !disassembly.includes('[Unknown Subtable Type]'));
  expect(ours.filter((field) => parseInt(field, 16) < end)).toEqual(theirs.sort());
}

describeRealData('tables of real machines', () => {
  it('are all there', () => expect(binaries.length).toBeGreaterThan(25));

  it.each(rows(binaries))('%s parses without a warning and without a wrong checksum', (path) => {
    const { table, warnings } = parseDmar(readBytes(path));
    expect(warnings).toEqual([]);
    expect(table.checksumValid).toBe(true);
  });

  it.each(rows([...facts.keys()].filter((file) => file.endsWith('.bin'))))(
    '%s is as the manifest says',
    (file) => {
      const { table } = parseDmar(readBytes(`dmar/${file}`));
      const counts = new Map<string, number>();
      for (const { kind } of table.structures) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const structures = [...counts].map(([kind, count]) => `${count}x${kind}`).join(' ');
      const text = facts.get(file) as string;
      expect(text.split(';')[0].split(' ').sort()).toEqual(structures.split(' ').sort());
      expect(table.hostAddressWidth).toBe(Number(/HAW (\d+)/.exec(text)?.[1]));
      const [oemId, oemTableId] = (/OEM ([^/]*)\/([^;]*)/.exec(text) as RegExpExecArray).slice(1);
      expect([table.oemId, table.oemTableId]).toEqual([oemId.trim(), oemTableId.trim()]);
    },
  );

  it.each(rows(disassemblies))('%s decodes as the ACPI disassembler decodes it', (path) => {
    const text = readText(path);
    expectAgreement(dmarBytes(text), text);
  });

  const iasl = '/usr/bin/iasl';
  const hasIasl = existsSync(iasl);
  if (!hasIasl) console.warn(`SKIPPED: no ACPI disassembler at ${iasl} (Debian: acpica-tools)`);
  (hasIasl ? it : it.skip)('all decode as the ACPI disassembler here decodes them', () => {
    const directory = mkdtempSync(join(tmpdir(), 'iasl-'));
    let cut = 0;
    try {
      for (const [index, path] of binaries.entries()) {
        const name = join(directory, `table-${index}`);
        writeFileSync(`${name}.bin`, readBytes(path));
        execFileSync(iasl, ['-d', '-p', name, `${name}.bin`], { stdio: 'ignore' });
        const text = readFileSync(`${name}.dsl`, 'utf8');
        // An old disassembler gives up where a structure is younger than it.
        const unknown = decodedFields(text).find(([, , value]) => value.includes('[Unknown Subtable Type]'));
        if (unknown !== undefined) cut++;
        expectAgreement(readBytes(path), text, unknown?.[0]);
      }
      console.log(`${binaries.length} tables decode as iasl decodes them, ${cut} of them as far as it goes`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describeRealData('text forms of real tables', () => {
  const texts = [...filesBelow('dmar', /\.(dsl|acpidump\.txt)$/), ...disassemblies];
  it.each(rows(texts))('%s holds the bytes of the binary', (path) => {
    const binary = path.replace(/\.(dsl|acpidump\.txt)$/, '.bin');
    expect(has(binary)).toBe(true);
    expect(dmarBytes(readText(path))).toEqual(readBytes(binary));
  });

  it.each(rows(binaries))('%s comes back from base64', (path) => {
    const base64 = Buffer.from(readBytes(path)).toString('base64');
    expect(dmarBytes(base64)).toEqual(readBytes(path));
    expect(dmarBytes(base64.replace(/.{76}/g, '$&\r\n'))).toEqual(readBytes(path));
  });
});
