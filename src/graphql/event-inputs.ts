import type { EventFilter } from '../platform/event-filter.js';
import { builder } from './builder.js';
import { DescriptorKindEnum, EventKindEnum } from './enums.js';
import { filterNumber } from './ids.js';

export const EventFilterInput = builder.inputType('EventFilter', {
  description: 'Which events to give; every field given must hold.',
  fields: (t) => ({
    kinds: t.field({ type: [EventKindEnum], description: 'Only these kinds.' }),
    device: t.field({ type: 'PciAddress', description: 'Only events about this function.' }),
    subdevice: t.field({ type: 'UUID', description: 'Only events about this subdevice.' }),
    domain: t.id({ description: 'Only events about this domain.' }),
    iommuUnit: t.string({ description: 'Only events of the unit with this name.' }),
  }),
});

export const FaultFilterInput = builder.inputType('FaultFilter', {
  description: 'Which faults to give; every field given must hold.',
  fields: (t) => ({
    device: t.field({ type: 'PciAddress', description: 'Only requests of this function.' }),
    subdevice: t.field({ type: 'UUID', description: 'Only requests of this subdevice.' }),
    pasid: t.int({ description: 'Only requests with this PASID.' }),
    reasonCodes: t.intList({ description: 'Only these fault reasons.' }),
    iommuUnit: t.string({ description: 'Only faults of the unit with this name.' }),
  }),
});

export const InvalidationFilterInput = builder.inputType('InvalidationFilter', {
  description: 'Which descriptors to give; every field given must hold.',
  fields: (t) => ({
    descriptors: t.field({ type: [DescriptorKindEnum], description: 'Only these types.' }),
    iommuUnit: t.string({ description: 'Only descriptors of the unit with this name.' }),
    domainIdTag: t.int({ description: 'Only descriptors that name this domain id.' }),
    pasid: t.int({ description: 'Only descriptors that name this PASID.' }),
  }),
});

/** A filter as a client writes it. */
export type GivenFilter = {
  readonly [K in keyof EventFilter]?: K extends 'domain' ? string | null : EventFilter[K] | null;
};

/** A filter as the platform takes it: fields left out or null are absent, ids are resolved. */
export function filterOf(platform: string, given: GivenFilter | null | undefined): EventFilter {
  const { domain, ...rest } = given ?? {};
  const filter = Object.fromEntries(Object.entries(rest).filter(([, value]) => value != null)) as EventFilter;
  return domain == null
    ? filter
    : { ...filter, domain: filterNumber(domain, 'filter.domain', 'Domain', platform) };
}
