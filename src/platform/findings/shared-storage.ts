import { PCI_BASE_CLASS_STORAGE } from '../../layout/pci/class-codes.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { FindingRule } from './finding.js';

/** Groups in which mass storage shares its fate with something else. Linux: vfio_dev_viable(). */
export const sharedStorage: FindingRule = function* ({ kernel }) {
  for (const group of kernel.groups.values()) {
    const functions = group.members.filter(
      (member): member is KernelDevice => member.kind === 'Device' && !member.fn.isBridge,
    );
    if (functions.length < 2) continue;
    for (const disk of functions) {
      if (disk.fn.classCode >>> 16 !== PCI_BASE_CLASS_STORAGE) continue;
      const others = functions.filter((member) => member !== disk).map(({ name }) => name);
      yield {
        code: 'GROUP_WITH_MASS_STORAGE',
        severity: 'WARNING',
        message: `Mass storage ${disk.name} is in group ${group.number} with ${others.join(', ')}: none of them can be given to user space while ${disk.driver ?? 'a host driver'} keeps the disk, and a machine that boots from it cannot let go of it.`,
        subject: { kind: 'Group', number: group.number },
        remedy: 'Move the card to a slot whose path has Access Control Services.',
      };
    }
  }
};
