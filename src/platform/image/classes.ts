import { ContextCache } from '../../hardware/caches/context-cache.js';
import { DeviceTlb } from '../../hardware/caches/device-tlb.js';
import { InterruptEntryCache } from '../../hardware/caches/interrupt-entry-cache.js';
import { Iotlb } from '../../hardware/caches/iotlb.js';
import { PagingStructureCache } from '../../hardware/caches/paging-structure-cache.js';
import { PasidCache } from '../../hardware/caches/pasid-cache.js';
import { SecondStageRoutes } from '../../hardware/caches/second-stage-routes.js';
import { TranslationCaches } from '../../hardware/caches/translation-caches.js';
import { EventMessage } from '../../hardware/event-message.js';
import { FaultRecorder } from '../../hardware/faults.js';
import { InvalidationQueue } from '../../hardware/invalidation-queue.js';
import { Machine, MachineBus } from '../../hardware/machine.js';
import { PciFunction } from '../../hardware/pci/function.js';
import { PciTopology } from '../../hardware/pci/topology.js';
import { RegisterFile } from '../../hardware/register-file.js';
import { translationOf } from '../../hardware/translate/translate.js';
import { UnitCore } from '../../hardware/unit-core.js';
import { UnitRouting } from '../../hardware/unit-routing.js';
import { RemappingUnit } from '../../hardware/unit.js';
import { AmdIommuOps } from '../../kernel/amd/ops.js';
import { KernelDevice } from '../../kernel/device/kernel-device.js';
import { FlushQueue } from '../../kernel/dma/flush-queue.js';
import { IovaSpace } from '../../kernel/dma/iova-space.js';
import { DomainIds } from '../../kernel/intel/domain-ids.js';
import { InterruptSlots } from '../../kernel/intel/interrupt-slots.js';
import { IntelIommuOps } from '../../kernel/intel/ops.js';
import { IoPageTable } from '../../kernel/intel/page-table.js';
import { PasidAllocator } from '../../kernel/intel/pasid-allocator.js';
import { PasidTable } from '../../kernel/intel/pasid-table.js';
import { InvalidationRing } from '../../kernel/intel/submit.js';
import { IntelUnit } from '../../kernel/intel/unit.js';
import { Bus } from '../../kernel/iommu/bus.js';
import { Domain } from '../../kernel/iommu/domain.js';
import { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import { ProcessorVectors } from '../../kernel/interrupt/processor-vectors.js';
import { Kernel } from '../../kernel/kernel.js';
import { KernelLog } from '../../kernel/log/kernel-log.js';
import { RateLimit } from '../../kernel/log/rate-limit.js';
import { SoftwareParent } from '../../kernel/mdev/software-parent.js';
import { SoftwareSubdevice, Subdevice } from '../../kernel/mdev/subdevice.js';
import { KernelOptions } from '../../kernel/profile/options.js';
import { SiovIommuOps } from '../../kernel/siov/ops.js';
import { KernelState } from '../../kernel/state.js';
import { ProcessMemory } from '../../kernel/sva/process-memory.js';
import { DmaList } from '../../kernel/vfio/dma-list.js';
import { VfioContainer } from '../../kernel/vfio/objects.js';
import { VfioState } from '../../kernel/vfio/state.js';
import { Vfio } from '../../kernel/vfio/vfio.js';
import { UserFrames, UserMemory } from '../../kernel/vfio/user-memory.js';
import { FrameAllocator } from '../../memory/frame-allocator.js';
import { PendingEvents } from '../pending-events.js';
import { Platform } from '../platform.js';

/** How instances of a class are copied. Without a word on a field, it is copied with all it leads to. */
export interface ClassRule<T extends object = object> {
  /** For images; never changes. */
  readonly name: string;
  readonly type: { readonly prototype: T };
  /** Fields with what never changes once the object is made: two platforms may hold the same. */
  readonly shared: readonly string[];
  /** Collections that change and hold what never does: they are copied, their contents shared. */
  readonly flat: readonly string[];
  /** Fields that say nothing the rest of the object does not say, and are made anew from that. */
  readonly derived: Readonly<Record<string, (owner: T) => unknown>>;
  /** Instances that say nothing at all: a copy has one as good as new. */
  readonly fresh: (() => T) | null;
}

const rules: ClassRule[] = [];

function rule<T extends object>(
  name: string,
  type: { readonly prototype: T },
  special: Partial<Pick<ClassRule<T>, 'shared' | 'flat' | 'derived' | 'fresh'>> = {},
): void {
  const plain = { shared: [], flat: [], derived: {}, fresh: null };
  rules.push({ name, type, ...plain, ...special } as unknown as ClassRule);
}

rule('Platform', Platform, { shared: ['header'], flat: ['described'] });
// Who looks on at one platform does not look on at its copies.
rule('PendingEvents', PendingEvents, { derived: { watcher: () => null } });

rule('Machine', Machine);
rule('MachineBus', MachineBus);
rule('PciTopology', PciTopology);
rule('PciFunction', PciFunction, {
  shared: ['address', 'standardCapabilities', 'extendedCapabilities', 'express', 'statedPhysicalFunction'],
});
rule('UnitRouting', UnitRouting);
rule('RemappingUnit', RemappingUnit, { shared: ['capabilities', 'registerBase'] });
rule('UnitCore', UnitCore, {
  shared: ['capabilities'],
  // It holds what it was told last, for speed, and finds it again when it is asked next.
  derived: { translation: translationOf },
});
rule('RegisterFile', RegisterFile, { shared: ['map', 'writable', 'writeOneToClear', 'hidden'] });
rule('EventMessage', EventMessage);
rule('FaultRecorder', FaultRecorder, { shared: ['capabilities'] });
rule('InvalidationQueue', InvalidationQueue);
rule('TranslationCaches', TranslationCaches);
rule('ContextCache', ContextCache);
rule('PasidCache', PasidCache);
rule('Iotlb', Iotlb);
rule('PagingStructureCache', PagingStructureCache);
rule('InterruptEntryCache', InterruptEntryCache, { flat: ['byIndex'] });
rule('DeviceTlb', DeviceTlb, { flat: ['byKey'] });
rule('SecondStageRoutes', SecondStageRoutes, { fresh: () => new SecondStageRoutes() });

rule('FrameAllocator', FrameAllocator, { flat: ['free'] });

rule('Kernel', Kernel);
rule('KernelState', KernelState, {
  shared: ['config', 'profile', 'options', 'parameters', 'dmar', 'model', 'organisation', 'otherVendors'],
});
rule('KernelOptions', KernelOptions);
rule('KernelLog', KernelLog, { flat: ['printed'] });
rule('RateLimit', RateLimit);
rule('IntelUnit', IntelUnit, {
  shared: ['drhd', 'registerBase', 'capability', 'extendedCapability', 'capabilities'],
});
rule('InvalidationRing', InvalidationRing);
rule('DomainIds', DomainIds);
rule('InterruptSlots', InterruptSlots);
rule('ProcessorVectors', ProcessorVectors);
rule('PasidAllocator', PasidAllocator);
rule('PasidTable', PasidTable);
rule('IoPageTable', IoPageTable);
const OPS = { shared: ['pageSizeBitmap', 'domainTypes', 'functions'] };
rule('IntelIommuOps', IntelIommuOps, OPS);
rule('SiovIommuOps', SiovIommuOps, OPS);
rule('AmdIommuOps', AmdIommuOps, OPS);
rule('Bus', Bus);
rule('IommuGroup', IommuGroup);
rule('KernelDevice', KernelDevice, { shared: ['address', 'mdevTypeInputs'] });
rule('SoftwareParent', SoftwareParent, { shared: ['mdevTypeInputs', 'bus'] });
rule('Subdevice', Subdevice, { shared: ['typeInput'] });
rule('SoftwareSubdevice', SoftwareSubdevice, { shared: ['typeInput'] });
rule('Domain', Domain, { shared: ['pageSizeBitmap'] });
rule('ProcessMemory', ProcessMemory);
rule('IovaSpace', IovaSpace);
rule('FlushQueue', FlushQueue);
rule('Vfio', Vfio);
rule('VfioState', VfioState, { shared: ['parameters'] });
rule('VfioContainer', VfioContainer);
rule('DmaList', DmaList, { flat: ['sorted'] });
rule('UserFrames', UserFrames);
rule('UserMemory', UserMemory, { shared: ['ranges'], flat: ['blocks'] });

/** Every class whose instances a platform can hold, but for memory and the journal of events. */
export const CLASS_RULES: readonly ClassRule[] = rules;

const byPrototype = new Map<object, ClassRule>(rules.map((each) => [each.type.prototype, each]));
const byName = new Map(rules.map((each) => [each.name, each]));

/** The rule for an object of a class; undefined for one no platform should hold. */
export function ruleFor(prototype: object): ClassRule | undefined {
  return byPrototype.get(prototype);
}

export function ruleNamed(name: string): ClassRule | undefined {
  return byName.get(name);
}
