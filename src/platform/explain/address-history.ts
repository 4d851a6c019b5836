import { type U64, pfnOf } from '../../bits/u64.js';
import type { AttachmentKind, MappingChanged } from '../../kernel/events.js';
import type { EndpointRef } from '../command.js';
import type { EventJournal, StampedEvent } from '../event-journal.js';
import { scanEvents } from '../event-scan.js';
import { background } from '../time-slice.js';

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

/** Changes of these kinds make a history. */
const KINDS = ['MAPPING', 'ATTACHMENT', 'TOPOLOGY'] as const;

/**
 * Reads what happened to pages, in their order: mapped, unmapped, their domains attached, detached and freed. Others are
 * served meanwhile.
 *
 * @param events not to be added to until it is done
 */
export async function addressHistories(
  events: EventJournal,
  pages: readonly U64[],
): Promise<AddressHistory[]> {
  const byPage = new Map(pages.map((page) => [pfnOf(page), new PageReader(pfnOf(page))]));
  const readers = [...byPage.values()];
  const wanted = new Set<string>(KINDS);
  const { first, last } = events;
  for (const stamped of scanEvents(events, { first, last, backwards: false }, KINDS, ({ event }) =>
    wanted.has(event.type),
  )) {
    if (stamped !== null) for (const reader of readers) reader.see(stamped);
    const pause = background.next();
    if (pause !== null) await pause;
  }
  return pages.map((page) => byPage.get(pfnOf(page))!.history(first));
}

/** Keeps of the events it sees what concerns one page. */
class PageReader {
  private readonly mappings: Open<MappingRecord>[] = [];
  private readonly targets: Open<MappingRecord>[] = [];
  private readonly attachments: Open<AttachmentRecord>[] = [];

  constructor(private readonly pfn: number) {}

  see(stamped: StampedEvent): void {
    const { event } = stamped;
    switch (event.type) {
      case 'MAPPING':
        return event.mapped ? this.seeMapped(stamped, event) : this.seeUnmapped(stamped, event);
      case 'ATTACHMENT':
        return noteAttachment(this.attachments, stamped);
      case 'TOPOLOGY': {
        if (event.change !== 'DOMAIN_FREED' || event.subject?.kind !== 'Domain') return;
        const freed = event.subject.number;
        end(this.mappings, stamped, ({ domain }) => domain === freed);
        end(this.targets, stamped, ({ domain }) => domain === freed);
        return;
      }
      default:
    }
  }

  history(since: number): AddressHistory {
    const { mappings, attachments } = this;
    return {
      mappings,
      targets: this.targets.filter(({ unmappedBy }) => unmappedBy === null),
      attachments,
      since,
    };
  }

  private seeMapped(stamped: StampedEvent, event: MappingChanged): void {
    if (covers(event.iova, event.size, this.pfn)) this.mappings.push(recordOf(stamped, event));
    if (covers(event.physical!, event.size, this.pfn)) this.targets.push(recordOf(stamped, event));
  }

  private seeUnmapped(stamped: StampedEvent, { domain, iova, size }: MappingChanged): void {
    if (covers(iova, size, this.pfn)) end(this.mappings, stamped, (record) => record.domain === domain);
    end(
      this.targets,
      stamped,
      (record) => record.domain === domain && covers(iova, size, sourceOf(record, this.pfn)),
    );
  }
}

function end(
  records: Open<MappingRecord>[],
  stamped: StampedEvent,
  isOver: (record: MappingRecord) => boolean,
): void {
  for (const record of records) {
    if (record.unmappedBy !== null || !isOver(record)) continue;
    record.unmappedBy = stamped.revision;
    record.unmappedAt = stamped.recordedAt;
  }
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
