import type { PciFunction } from '../../hardware/pci/function.js';
import type { Platform } from '../../platform/platform.js';
import type { GroupComparison as It } from '../../platform/reported-groups.js';
import { builder } from '../builder.js';
import { DeviceRef } from '../refs.js';
import { deviceView } from '../views.js';
import { GroupReason } from './group.js';

/** A comparison with its platform. */
export interface GroupComparisonShape {
  readonly platform: Platform;
  readonly it: It;
}

export const GroupComparison = builder.objectRef<GroupComparisonShape>('GroupComparison').implement({
  description: "What a machine's own kernel said of a device's group, beside what the rules give.",
  fields: (t) => ({
    device: t.field({
      type: DeviceRef,
      description: 'The device.',
      resolve: ({ platform, it }) => deviceView(platform, it.device),
    }),
    agrees: t.boolean({
      description:
        'Both have the same members. Numbers depend on the order of the boot and are not compared.',
      resolve: ({ it }) => it.agrees,
    }),
    reportedNumber: t.int({
      nullable: true,
      description: "Number the machine's kernel gave the group; null when the listing names none.",
      resolve: ({ it }) => it.reportedNumber,
    }),
    reportedWith: t.field({
      type: [DeviceRef],
      description: 'The other members the listing names, as far as the PCI listing has them.',
      resolve: ({ platform, it }) => it.reportedWith.map((device) => deviceView(platform, device)),
    }),
    computedWith: t.field({
      type: [DeviceRef],
      description: 'The other members by the rules.',
      resolve: ({ platform, it }) => it.computedWith.map((device) => deviceView(platform, device)),
    }),
    because: t.field({
      type: [GroupReason],
      description: 'The rules that put the device there, with bridges and missing ACS bits.',
      resolve: ({ platform, it }) => {
        const known = (fn: PciFunction) => platform.kernel.devices.get(fn.name)!;
        return it.because.map((reason) => ({
          platform,
          it: {
            ...reason,
            device: known(reason.device),
            via: reason.via === null ? null : known(reason.via),
          },
        }));
      },
    }),
    explanation: t.string({
      nullable: true,
      description: 'What a difference can come from; null when there is none.',
      resolve: ({ it }) => it.explanation,
    }),
  }),
});
