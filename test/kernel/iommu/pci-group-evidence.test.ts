import { join } from 'node:path';
import { computeGroups } from '../../../src/kernel/iommu/pci-group.js';
import { enableAcs } from '../../../src/kernel/pci/acs.js';
import { bootOrder } from '../../../src/kernel/pci/boot-order.js';
import {
  capturesWith,
  hasEvidence,
  readEvidence,
  recordedDevices,
  rootBusesInLog,
  topologyOfCapture,
} from '../../support/pci-evidence.js';

describe('groups of recorded virtual machines', () => {
  if (!hasEvidence('qemu-linux')) {
    it('are not compared: recorded machines are not here', () => {
      console.warn('SKIPPED: no recorded machines beside the project');
    });
    return;
  }

  const captures = capturesWith('qemu-linux', 'lspci-xxxx.txt');

  it.each(captures)('%s: same members and same numbers', (capture) => {
    const recorded = recordedDevices(readEvidence(join(capture, 'pci_devices.txt')));
    const topology = topologyOfCapture(capture);
    expect([...topology.functions.keys()]).toEqual(recorded.map((device) => device.name));
    if (recorded.every((device) => device.group === null)) return;
    for (const fn of topology.functions.values()) enableAcs(fn);
    const rootBuses = rootBusesInLog(readEvidence(join(capture, 'dmesg.txt')));
    const groups = computeGroups(topology, bootOrder(topology, rootBuses)).map((members) =>
      members.map((fn) => fn.name),
    );
    const expected: string[][] = [];
    for (const { name, group } of recorded) if (group !== null) (expected[group] ??= []).push(name);
    expect(groups.map((members) => [...members].sort())).toEqual(expected.map((members) => members.sort()));
  });
});
