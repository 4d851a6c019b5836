import { formatPciAddress, sourceIdOf } from '../../../src/bits/pci-address.js';
import { parseHex } from '../../../src/bits/u64.js';
import { decodeKernelLog } from '../../../src/firmware/kernel-log/decode.js';
import { type FaultSeen, faultLine } from '../../../src/kernel/log/fault-lines.js';
import { isInterruptFault } from '../../../src/kernel/log/fault-reason-texts.js';
import { RateLimit } from '../../../src/kernel/log/rate-limit.js';
import type { KernelProfileName } from '../../../src/kernel/config.js';
import { profileOf } from '../../../src/kernel/profile/profile.js';
import type { DecodedKind } from '../../../src/firmware/kernel-log/decoded-line.js';
import { FAULT_REASONS } from '../../../src/layout/fault-reasons.js';
import { kernelConfig } from '../../../src/platform/kernel-choice.js';
import { Platform } from '../../../src/platform/platform.js';
import { templates } from '../../../src/platform/templates/index.js';

const PROFILES: readonly KernelProfileName[] = ['V5_10', 'V5_15', 'V6_1'];
const PASIDS = [null, 0, 5, 0xfffff];
const SOURCES = [0, 0x0010, 0x6a08, 0xf0ff, 0xffff];
const ADDRESSES = ['0', '7f000', 'fffffffffffff000'];

/** Everything a record can hold, for one profile. */
function* records(): Generator<FaultSeen> {
  for (const { code } of FAULT_REASONS)
    for (const isRead of [true, false])
      for (const pasid of PASIDS)
        for (const sourceId of SOURCES)
          for (const address of ADDRESSES)
            yield { reason: code, isRead, pasid, sourceId, address, index: (code * 257) & 0xffff };
}

describe.each(PROFILES)('a fault %s prints', (name) => {
  it('decodes to the record it was made from, for every reason, direction and PASID', () => {
    const { faultLines } = profileOf(name);
    let count = 0;
    for (const fault of records()) {
      const text = faultLine(faultLines, fault);
      const [decoded, ...more] = decodeKernelLog(text);
      const isInterrupt = isInterruptFault(fault.reason);
      const expected = {
        line: 1,
        text,
        kind: isInterrupt ? 'INTERRUPT_FAULT' : 'DMA_FAULT',
        sourceId: fault.sourceId,
        // The line of an interrupt shows neither direction nor PASID.
        pasid: isInterrupt ? null : fault.pasid,
        access: isInterrupt ? null : fault.isRead ? 'READ' : 'WRITE',
        address: isInterrupt ? { hi: 0, lo: fault.index } : parseHex(fault.address),
        reason: fault.reason,
        suppressed: null,
      };
      const got = {
        ...decoded,
        sourceId: decoded.sourceId && sourceIdOf(decoded.sourceId),
        reason: decoded.reason?.code,
      };
      if (more.length > 0 || JSON.stringify(sorted(got)) !== JSON.stringify(sorted(expected)))
        expect(got).toEqual(expected);
      count++;
    }
    console.info(`${name}: ${count} fault lines decoded to their records`);
    expect(count).toBe(FAULT_REASONS.length * 2 * PASIDS.length * SOURCES.length * ADDRESSES.length);
  });
});

describe.each(PROFILES)('the boot log of %s', (profile) => {
  it.each(templates.map((template) => [template.name, template] as const))(
    'of %s decodes to the units, ranges and group members it was made from',
    (name, template) => {
      const description = template.describe();
      const commandLine = `${description.commandLine} intel_iommu=on`;
      const config = kernelConfig(commandLine, { profile });
      const platform = new Platform({
        name,
        origin: 'TEMPLATE',
        createdAt: 0,
        description,
        kernel: config,
        warnings: [],
      });
      const lines = platform.kernel.log.lines.map(({ text }) => text);
      const decoded = decodeKernelLog(lines.join('\n'));
      const of = (kind: DecodedKind) => decoded.filter((line) => line.kind === kind);
      const structures = description.dmar?.structures ?? [];
      const drhds = structures.flatMap((one) => (one.kind === 'DRHD' ? [one.registerBase] : []));
      // Each structure is followed by the unit found there.
      expect(of('REMAPPING_UNIT').map(({ address }) => address)).toEqual(
        drhds.flatMap((base) => [base, base]),
      );
      const reserved = structures.flatMap((one) => (one.kind === 'RMRR' ? [one.base] : []));
      expect(of('RESERVED_MEMORY').map(({ address }) => address)).toEqual(reserved);
      const members = [...platform.kernel.groups.values()].flatMap((group) => group.members);
      expect(
        of('GROUP_ASSIGNMENT')
          .map(({ sourceId }) => sourceId && formatPciAddress(sourceId))
          .sort(),
      ).toEqual(members.map((device) => device.name).sort());
      // Nothing the simulator prints about remapping is lost or taken for a fault.
      const missed = lines.filter((line) => !decoded.some(({ text }) => text === line.trimEnd()));
      expect(missed.filter((line) => /DMAR|iommu/i.test(line))).toEqual([]);
      expect(decoded.filter(({ kind }) => kind.includes('FAULT'))).toEqual([]);
    },
  );
});

it('the line about refused calls decodes to their number', () => {
  const lines: string[] = [];
  const limit = new RateLimit(5000, 10, 'dmar_fault');
  for (let call = 0; call < 33; call++) limit.allows(0, (text) => lines.push(text));
  limit.allows(5001, (text) => lines.push(text));
  expect(decodeKernelLog(lines.join('\n'))).toMatchObject([{ kind: 'SUPPRESSED_CALLBACKS', suppressed: 23 }]);
});

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
