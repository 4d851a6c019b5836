import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { u64ToNumber } from '../../../src/bits/u64.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { reservedMemoryOf } from '../../../src/kernel/intel/rmrr.js';
import { scopeProblems } from '../../../src/kernel/intel/scope.js';
import { deviceToUnit } from '../../../src/kernel/intel/unit-lookup.js';
import {
  capturesWith,
  EVIDENCE,
  hasEvidence,
  readEvidence,
  recordedDevices,
  topologyOfCapture,
} from '../../support/pci-evidence.js';

/** Register base of each unit, and the devices linked to it, from a listing of /sys/class/iommu. */
function recordedUnits(text: string): { base: number; devices: string[] }[] {
  return text
    .split(/^\/sys\/class\/iommu\//m)
    .slice(1)
    .map((block) => ({
      base: parseInt(/address: (\S+)/.exec(block)?.[1] ?? '', 16),
      devices: (/devices: (.*)/.exec(block)?.[1] ?? '')
        .trim()
        .split(/ +/)
        .filter((name) => name !== ''),
    }));
}

/** Reserved regions by group number from a listing of groups, lowest first. */
function recordedRegions(text: string): Map<number, string[]> {
  const regions = new Map<number, string[]>();
  for (const block of text.split(/^group /m).slice(1)) {
    regions.set(parseInt(block, 10), [...block.matchAll(/0x[0-9a-f]+ 0x[0-9a-f]+ direct\S*/g)].map(String));
  }
  return regions;
}

describe('recorded virtual machines', () => {
  if (!hasEvidence('qemu-linux')) {
    it('are not compared: recorded machines are not here', () => {
      console.warn('SKIPPED: no recorded machines beside the project');
    });
    return;
  }

  const captures = capturesWith('qemu-linux', 'iommu_units.txt').filter((capture) =>
    hasEvidence(join(capture, 'DMAR.bin')),
  );

  it.each(captures)('%s: every device has the unit the kernel linked it to', (capture) => {
    const { table } = parseDmar(new Uint8Array(readFileSync(join(EVIDENCE, capture, 'DMAR.bin'))));
    const topology = topologyOfCapture(capture);
    const ours = new Map<number, string[]>();
    for (const fn of topology.functions.values()) {
      const unit = deviceToUnit(table, topology, fn);
      if (unit === null) continue;
      const base = u64ToNumber(unit.drhd.registerBase);
      ours.set(base, [...(ours.get(base) ?? []), fn.name]);
    }
    const units = recordedUnits(readEvidence(join(capture, 'iommu_units.txt')));
    const devices = recordedDevices(readEvidence(join(capture, 'pci_devices.txt')));
    // A kernel that keeps its hands off the units links nothing to them.
    if (devices.every((device) => device.unit === null)) return;
    for (const { base, devices: linked } of units) expect(ours.get(base) ?? []).toEqual(linked.sort());
    expect([...ours.values()].flat().sort()).toEqual(
      devices.filter((device) => device.unit !== null).map((device) => device.name),
    );
    expect(scopeProblems(table, topology)).toEqual([]);
  });

  it('reserved memory is direct for a network card and relaxable for USB and display', () => {
    const capture = join('qemu-linux', 'dmar', 'rmrr');
    const { table } = parseDmar(new Uint8Array(readFileSync(join(EVIDENCE, capture, 'DMAR-supplied.bin'))));
    const topology = topologyOfCapture(capture);
    const regions = recordedRegions(readEvidence(join(capture, 'iommu_groups.txt')));
    const hex = (value: number) => `0x${value.toString(16).padStart(16, '0')}`;
    for (const { name, group } of recordedDevices(readEvidence(join(capture, 'pci_devices.txt')))) {
      const fn = topology.functions.get(name);
      if (fn === undefined || group === null) continue;
      const members = regions.get(group) ?? [];
      for (const { start, last, relaxable } of reservedMemoryOf(table, topology, fn)) {
        const line = `${hex(u64ToNumber(start))} ${hex(u64ToNumber(last))} direct${relaxable ? '-relaxable' : ''}`;
        expect(members).toContain(line);
      }
    }
    const all = [...topology.functions.values()].flatMap((fn) => reservedMemoryOf(table, topology, fn));
    expect(new Set(all.map((region) => hex(u64ToNumber(region.start)))).size).toBe(
      new Set(
        [...regions.values()]
          .flat()
          .filter((line) => !line.startsWith('0x0000000000000000'))
          .map((line) => line.split(' ')[0]),
      ).size,
    );
  });
});
