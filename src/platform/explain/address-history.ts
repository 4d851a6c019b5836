import { type U64, pfnOf } from '../../bits/u64.js';
import type { AttachmentKind, MappingChanged } from '../../kernel/events.js';
import type { EndpointRef } from '../command.js';
import type { EventJournal, StampedEvent } from '../event-journal.js';

/** A mapping that covers or covered the page, or its target. */
export interface MappingRecord {
  readonly domain: number;
  readonly iova: U64;
  readonly physical: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
  readonly mappedBy: number;
  /** Milliseconds since 1970. */
  readonly mappedAt: number;
  /** Null while it is there. */
  readonly unmappedBy: number | null;
  readonly unmappedAt: number | null;
}

/** A domain's time with an endpoint. */
export interface AttachmentRecord {
  readonly domain: number;
  readonly endpoint: EndpointRef;
  readonly kind: AttachmentKind;
  readonly pasid: number | null;
  readonly attachedBy: number;
  readonly detachedBy: number | null;
}

/** What the events before a fault tell of its page. */
export interface AddressHistory {
  /** Mappings of the page in any domain, oldest first. */
  readonly mappings: readonly MappingRecord[];
  /** Mappings, still there, whose target is the page: the address could be a physical one by mistake. */
  readonly targets: readonly MappingRecord[];
  /** Oldest first; of every endpoint. */
  readonly attachments: readonly AttachmentRecord[];
  /** Number of the first event that was looked at; 1 when nothing is missing. */
  readonly since: number;
}

type Open<T> = { -readonly [K in keyof T]: T[K] };

/** Reads what happened to a page before an event: mapped, unmapped, its domains attached, detached and freed. */
export function addressHistory(events: EventJournal, page: U64): AddressHistory {
  const pfn = pfnOf(page);
  const mappings: Open<MappingRecord>[] = [];
  const targets: Open<MappingRecord>[] = [];
  const attachments: Open<AttachmentRecord>[] = [];
  const end = (
    records: Open<MappingRecord>[],
    stamped: StampedEvent,
    isOver: (record: MappingRecord) => boolean,
  ) => {
    for (const record of records) {
      if (record.unmappedBy !== null || !isOver(record)) continue;
      record.unmappedBy = stamped.revision;
      record.unmappedAt = stamped.recordedAt;
    }
  };
  for (let at = events.first; at <= events.last; at++) {
    const stamped = events.at(at)!;
    const { event } = stamped;
    switch (event.type) {
      case 'MAPPING':
        if (!event.mapped) {
          if (covers(event.iova, event.size, pfn))
            end(mappings, stamped, ({ domain }) => domain === event.domain);
          end(
            targets,
            stamped,
            (record) =>
              record.domain === event.domain && covers(event.iova, event.size, sourceOf(record, pfn)),
          );
          break;
        }
        if (covers(event.iova, event.size, pfn)) mappings.push(recordOf(stamped, event));
        if (covers(event.physical!, event.size, pfn)) targets.push(recordOf(stamped, event));
        break;
      case 'ATTACHMENT':
        noteAttachment(attachments, stamped);
        break;
      case 'TOPOLOGY': {
        if (event.change !== 'DOMAIN_FREED' || event.subject?.kind !== 'Domain') break;
        const freed = event.subject.number;
        end(mappings, stamped, ({ domain }) => domain === freed);
        end(targets, stamped, ({ domain }) => domain === freed);
        break;
      }
      default:
    }
  }
  return {
    mappings,
    targets: targets.filter(({ unmappedBy }) => unmappedBy === null),
    attachments,
    since: events.first,
  };
}

/** The newest mapping of the page in a domain; null when there never was one. */
export function newestMapping(history: AddressHistory, domain: number): MappingRecord | null {
  return history.mappings.findLast((record) => record.domain === domain) ?? null;
}

/** The mapping of the page that counts now: the first, as an entry that is there wins. Null when there is none. */
export function liveMapping(history: AddressHistory, domain: number): MappingRecord | null {
  return history.mappings.find((record) => record.domain === domain && record.unmappedBy === null) ?? null;
}

/** The range of a mapping and what it allowed, as a command takes it. */
export function rangeOf({ iova, physical, size, read, write }: MappingRecord) {
  return { iova, physical, size, read, write };
}

function covers(start: U64, size: U64, pfn: number): boolean {
  const first = pfnOf(start);
  return pfn >= first && pfn < first + Math.ceil((size.hi * 4294967296 + size.lo) / 4096);
}

/** The page of a mapping whose target is this frame. */
function sourceOf({ iova, physical }: MappingRecord, frame: number): number {
  return pfnOf(iova) + frame - pfnOf(physical);
}

function recordOf({ revision, recordedAt }: StampedEvent, event: MappingChanged): Open<MappingRecord> {
  const { domain, iova, size, read, write } = event;
  const range = { domain, iova, physical: event.physical!, size, read, write };
  return { ...range, mappedBy: revision, mappedAt: recordedAt, unmappedBy: null, unmappedAt: null };
}

function noteAttachment(attachments: Open<AttachmentRecord>[], { revision, event }: StampedEvent): void {
  if (event.type !== 'ATTACHMENT') return;
  const { domain, endpoint, kind, pasid, attached } = event;
  if (endpoint.kind !== 'Device' && endpoint.kind !== 'Subdevice') return;
  if (attached) {
    attachments.push({ domain, endpoint, kind, pasid, attachedBy: revision, detachedBy: null });
    return;
  }
  const open = attachments.findLast(
    (record) =>
      record.detachedBy === null &&
      record.domain === domain &&
      record.endpoint.name === endpoint.name &&
      record.pasid === pasid,
  );
  if (open !== undefined) open.detachedBy = revision;
}
