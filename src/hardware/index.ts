/** What other rooms may use of the hardware. The kernel takes registers, memory and configuration space only. */
export type { CacheEntryView, UnitCacheKind } from './cache-views.js';
export type { DeviceAccess, DmaResult, DmaSegment } from './device-dma.js';
export type {
  DescriptorExecuted,
  DescriptorKind,
  FaultOccurred,
  HardwareEvent,
  InterruptDelivered,
  PageRequestArrived,
} from './events.js';
export type { InterruptResult } from './interrupts.js';
export { Machine, type MachineSource, type UnitSource } from './machine.js';
export type { PageRequest, PageRequestOutcome } from './page-requests.js';
export { PciFunction, type PciFunctionSource } from './pci/function.js';
export { PciTopology } from './pci/topology.js';
export type {
  AddressType,
  Blocked,
  Completion,
  DmaRequest,
  PageAccess,
  RequestType,
  Translated,
  TranslationResult,
  WalkLevel,
  WalkStep,
  WalkTrace,
} from './request.js';
export { type QueueState, type RegisterValue, RemappingUnit } from './unit.js';
export type { UnitOptions } from './unit-core.js';
