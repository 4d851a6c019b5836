import type { WalkStep } from '../../hardware/request.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { Command } from '../command.js';
import type { StampedEvent } from '../event-journal.js';
import type { PlatformHost } from '../host.js';
import type { Platform } from '../platform.js';
import { background } from '../time-slice.js';
import { type MappingRecord, addressHistories, newestMapping } from './address-history.js';
import { hypothesesOf } from './causes/index.js';
import { domainsOf } from './domains-of.js';
import { type Circumstances, gather } from './gather.js';
import type { Hypothesis } from './hypothesis.js';
import { rawWritesBefore } from './raw-writes.js';

export type { MappingRecord } from './address-history.js';
export type { Hypothesis, Remedy } from './hypothesis.js';

/** A mapping of the page with the commands behind it. */
export interface ToldMapping extends MappingRecord {
  /** Null at boot. */
  readonly mappedByCommand: Command['type'] | null;
  readonly unmappedByCommand: Command['type'] | null;
  /** Number of the container that has the domain; null when none has. */
  readonly container: number | null;
}

/** The full story of a fault, as of the instant it happened. */
export interface Explanation {
  /** Entries read from memory, no cache asked. */
  readonly walk: readonly WalkStep[];
  /** Whether root and context entries of it are in the scalable-mode format. */
  readonly scalable: boolean;
  readonly stoppedAt: WalkStep | null;
  /** Number of the domain that translated the request; null when none did. */
  readonly domain: number | null;
  readonly lastMapping: ToldMapping | null;
  /** Every mapping of the page in a domain the requester has or had, the newest first. */
  readonly history: readonly ToldMapping[];
  /** Number of the first event the history is made of; 1 when none is missing. */
  readonly historySince: number;
  readonly hypotheses: readonly Hypothesis[];
}

/**
 * Explains a fault by doing its command again on a second self and looking at the instant of the fault, so
 * that the answer is the same whatever happened since. Null when the platform is gone.
 *
 * @param seen the platform the fault is an event of
 */
export async function explainFault(
  host: PlatformHost,
  seen: Platform,
  stamped: StampedEvent<FaultOccurred>,
): Promise<Explanation | null> {
  const { sequence, revision, endpoint: sender } = stamped;
  const rawWrites = await rawWritesBefore(host, seen, revision);
  let found: Untold | null = null;
  await host.relive(seen, revision, async (platform) => {
    const [history] = await addressHistories(platform.events, [stamped.event.address]);
    return (event, at) => {
      if (at !== sequence || event.type !== 'FAULT') return;
      found = explainCase(platform, event, { sender, rawWrites, history, isWitnessed: true });
    };
  });
  return found === null ? null : tell(host, seen, found);
}

/** Explains faults of another machine or time, in their order, by a platform like theirs as it is now. */
export async function explainLikeFaults(
  host: PlatformHost,
  platform: Platform,
  faults: readonly FaultOccurred[],
): Promise<Explanation[]> {
  const still = await host.still(platform);
  const histories = await addressHistories(
    still.events,
    faults.map(({ address }) => address),
  );
  const explained: Explanation[] = [];
  for (const [index, fault] of faults.entries()) {
    const history = histories[index];
    const untold = explainCase(still, fault, { sender: null, rawWrites: [], history, isWitnessed: false });
    explained.push(await tell(host, still, untold));
    await background.next();
  }
  return explained;
}

/** An explanation whose mappings do not know their commands yet. */
type Untold = Omit<Explanation, 'lastMapping' | 'history'> & {
  readonly lastMapping: MappingRecord | null;
  readonly history: readonly MappingRecord[];
  readonly containers: ReadonlyMap<number, number>;
};

/** Explains a fault by a platform as it stands. */
function explainCase(platform: Platform, fault: FaultOccurred, circumstances: Circumstances): Untold {
  const evidence = gather(platform, fault, circumstances);
  const { walk, stoppedAt, domain, history, unit } = evidence;
  const known = new Set(domainsOf(evidence).map((attachment) => attachment.domain));
  if (domain !== null) known.add(domain.number);
  return {
    walk,
    scalable: unit.rootTable.ttm === 1,
    stoppedAt,
    domain: domain?.number ?? null,
    lastMapping: domain === null ? null : newestMapping(history, domain.number),
    history: history.mappings.filter((mapping) => known.has(mapping.domain)).toReversed(),
    historySince: history.since,
    hypotheses: hypothesesOf(evidence),
    containers: containersOf(platform),
  };
}

/** Names the commands behind each mapping. */
async function tell(host: PlatformHost, seen: Platform, untold: Untold): Promise<Explanation> {
  const { containers, lastMapping, history, ...rest } = untold;
  const known = new Map<number, Command['type'] | null>([[0, null]]);
  const commandOf = async (revision: number) => {
    if (!known.has(revision)) {
      for await (const { logged } of host.commands(seen, revision, revision))
        known.set(revision, logged.command.type);
    }
    return known.get(revision) ?? null;
  };
  const told = async (record: MappingRecord): Promise<ToldMapping> => ({
    ...record,
    mappedByCommand: await commandOf(record.mappedBy),
    unmappedByCommand: record.unmappedBy === null ? null : await commandOf(record.unmappedBy),
    container: containers.get(record.domain) ?? null,
  });
  const all: ToldMapping[] = [];
  for (const record of history) all.push(await told(record));
  return { ...rest, lastMapping: lastMapping === null ? null : await told(lastMapping), history: all };
}

function containersOf({ kernel }: Platform): Map<number, number> {
  const containers = new Map<number, number>();
  for (const { number, iommu } of kernel.vfio.containers.values()) {
    for (const { domain } of iommu?.domains ?? []) containers.set(domain.number, number);
  }
  return containers;
}
