import { groupTypeWord } from '../../kernel/iommu/group-type.js';
import { groupBlockers } from '../../kernel/vfio/viability.js';
import type { GroupReason as Reason } from '../../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { GroupReasonKindEnum } from '../enums.js';
import { Endpoint, Node } from '../interfaces.js';
import { DeviceRef, DomainRef, GroupRef, PlatformRef, VfioContainerRef } from '../refs.js';
import { GroupView, containerView, deviceView, domainView, endpointView, platformView } from '../views.js';
import { Blocker } from './errors.js';
import { ReservedRegion } from './node-fields.js';

/** A reason about a PCI function; the group of a software subdevice has one about no device at all. */
type DeviceReason = Reason & { readonly device: KernelDevice };

export const GroupReason = builder
  .objectRef<{ readonly platform: Platform; readonly it: DeviceReason }>('GroupReason')
  .implement({
    description: 'Why a device is in its group.',
    fields: (t) => ({
      kind: t.field({ type: GroupReasonKindEnum, description: 'The rule.', resolve: ({ it }) => it.kind }),
      device: t.field({
        type: DeviceRef,
        description: "The device it is about; for a subdevice's group, its parent.",
        resolve: ({ platform, it }) => deviceView(platform, it.device),
      }),
      via: t.field({
        type: DeviceRef,
        nullable: true,
        description: 'The bridge or function that ties it to the others; null when there is none.',
        resolve: ({ platform, it }) => (it.via === null ? null : deviceView(platform, it.via)),
      }),
      missingAcs: t.stringList({
        description:
          'Access Control Services that are missing there, as lspci names them: SrcValid, ReqRedir, CmpltRedir, UpstreamFwd.',
        resolve: ({ it }) => [...it.missingAcs],
      }),
      explanation: t.string({ description: 'One sentence.', resolve: ({ it }) => it.explanation }),
    }),
  });

GroupRef.implement({
  description: 'The smallest set of endpoints the hardware can isolate.',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof GroupView,
  fields: (t) => ({
    number: t.int({
      description: 'As in /sys/kernel/iommu_groups; reused after the group is gone.',
      resolve: ({ it }) => it.number,
    }),
    name: t.string({
      nullable: true,
      description:
        'What its sysfs file `name` shows: vfio-noiommu for the group VFIO of V6_1 makes for a subdevice no IOMMU driver knows; null for all others, which have no such file.',
      resolve: ({ platform, it }) => platform.kernel.groupName(it),
    }),
    platform: t.field({
      type: PlatformRef,
      description: 'The machine it belongs to.',
      resolve: ({ platform }) => platformView(platform, platform),
    }),
    members: t.field({
      type: [Endpoint],
      description: 'Its members, in the order they joined.',
      resolve: ({ platform, it }) => it.members.map((member) => endpointView(platform, member)),
    }),
    type: t.string({
      description:
        'What its sysfs file `type` shows, which setGroupType writes: DMA, DMA-FQ, identity, or unknown without a default domain.',
      resolve: ({ it }) => groupTypeWord(it),
    }),
    defaultDomain: t.field({
      type: DomainRef,
      nullable: true,
      description: "Domain the kernel gave it for its own DMA; null for a subdevice's group.",
      resolve: ({ platform, it }) =>
        it.defaultDomain === null ? null : domainView(platform, it.defaultDomain),
    }),
    domain: t.field({
      type: DomainRef,
      nullable: true,
      description:
        'The domain the core believes it is attached to now. The driver can know better: attaching a subdevice without AUX changes the domain of its parent behind the back of the group (see Device.domain).',
      resolve: ({ platform, it }) => (it.domain === null ? null : domainView(platform, it.domain)),
    }),
    container: t.field({
      type: VfioContainerRef,
      nullable: true,
      description: 'The VFIO container it is in; null when it is in none.',
      resolve: ({ platform, it }) => {
        const container = platform.kernel.vfio.containerOf(it);
        return container === null ? null : containerView(platform, container);
      },
    }),
    reservedRegions: t.field({
      type: [ReservedRegion],
      description: 'Reserved ranges of all members, merged and sorted.',
      resolve: ({ platform, it }) => platform.kernel.groupReservedRegions(it),
    }),
    viable: t.boolean({
      description: 'Whether user space could own it. Linux: vfio_dev_viable().',
      resolve: ({ it }) => groupBlockers(it).length === 0,
    }),
    blockers: t.field({
      type: [Blocker],
      description: 'Members that keep user space from owning the group.',
      resolve: ({ platform, it }) => groupBlockers(it).map((blocker) => ({ platform, it: blocker })),
    }),
    because: t.field({
      type: [GroupReason],
      description: 'Why these members share a group; empty for that of a software subdevice.',
      resolve: ({ platform, it }) =>
        it.because
          .filter((reason): reason is DeviceReason => reason.device !== null)
          .map((reason) => ({ platform, it: reason })),
    }),
  }),
});
