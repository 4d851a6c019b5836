import { formatPciAddress, type PciAddress, pciAddressOf } from '../bits/pci-address.js';
import type { DescriptorKind } from '../hardware/events.js';
import type { PlatformEvent, StampedEvent } from './event-journal.js';
import type { Platform } from './platform.js';

/** What a reader wants to see; every field given must hold. */
export interface EventFilter {
  readonly kinds?: readonly PlatformEvent['type'][];
  /** Events about this function: its requests, its invalidations, its attachments, its own changes. */
  readonly device?: PciAddress;
  readonly subdevice?: string;
  readonly domain?: number;
  readonly iommuUnit?: string;
  readonly pasid?: number;
  readonly reasonCodes?: readonly number[];
  readonly descriptors?: readonly DescriptorKind[];
  readonly domainIdTag?: number;
}

type Test = (stamped: StampedEvent) => boolean;

/** Turns a filter into one test, made once for a whole stream. */
export function eventTest(platform: Platform, filter: EventFilter): Test {
  const tests: Test[] = [];
  const { kinds, device, subdevice, domain, iommuUnit, pasid, reasonCodes, descriptors, domainIdTag } =
    filter;
  if (kinds !== undefined) {
    const wanted = new Set<string>(kinds);
    tests.push(({ event }) => wanted.has(event.type));
  }
  if (device !== undefined) tests.push(concernsDevice(platform, formatPciAddress(device)));
  if (subdevice !== undefined) tests.push(concernsEndpoint('Subdevice', subdevice));
  if (domain !== undefined) tests.push(concernsDomain(domain));
  if (iommuUnit !== undefined) tests.push(({ event }) => 'unit' in event && event.unit === iommuUnit);
  if (pasid !== undefined) tests.push(({ event }) => 'pasid' in event && event.pasid === pasid);
  if (reasonCodes !== undefined) {
    const wanted = new Set(reasonCodes);
    tests.push(({ event }) => event.type === 'FAULT' && wanted.has(event.reason));
  }
  if (descriptors !== undefined) {
    const wanted = new Set(descriptors);
    tests.push(({ event }) => event.type === 'INVALIDATION' && wanted.has(event.descriptor));
  }
  if (domainIdTag !== undefined) {
    tests.push(({ event }) => event.type === 'INVALIDATION' && event.domainIdTag === domainIdTag);
  }
  return (stamped) => tests.every((test) => test(stamped));
}

function concernsEndpoint(kind: 'Device' | 'Subdevice', name: string): Test {
  return ({ event, endpoint }) => {
    if (endpoint !== null && endpoint.kind === kind && endpoint.name === name) return true;
    const subject =
      event.type === 'ATTACHMENT' ? event.endpoint : event.type === 'TOPOLOGY' ? event.subject : null;
    return subject !== null && subject.kind === kind && subject.name === name;
  };
}

function concernsDevice(platform: Platform, name: string): Test {
  const asEndpoint = concernsEndpoint('Device', name);
  const segments = new Map(platform.machine.units.map((unit) => [unit.name, unit.segment]));
  return (stamped) => {
    if (asEndpoint(stamped)) return true;
    const { event } = stamped;
    if (!('sourceId' in event) || event.sourceId === null) return false;
    return formatPciAddress(pciAddressOf(segments.get(event.unit) ?? 0, event.sourceId)) === name;
  };
}

function concernsDomain(number: number): Test {
  return ({ event }) => {
    if (event.type === 'MAPPING' || event.type === 'ATTACHMENT') return event.domain === number;
    return (
      event.type === 'TOPOLOGY' &&
      event.subject !== null &&
      event.subject.kind === 'Domain' &&
      event.subject.number === number
    );
  };
}
