import fc from 'fast-check';
import { wordOf } from '../support/hardware/words.js';
import { type Operation, descriptorOf } from './cache-model.js';
import { twinRequest } from './arbitraries.js';
import { FULL_CAPABILITIES } from './full-capabilities.js';
import { copyOf, Pair, physicalOf } from './pair.js';
import { runs } from './runs.js';
import { scalableTables } from './tables.js';
import {
  type TwinMachine,
  type TwinOutcome,
  type TwinPolicy,
  type TwinRequest,
  Unspecified,
} from './twin-machine.js';
import { twinTranslate } from './twin-translate.js';

const POLICY: TwinPolicy = { checks: 'EACH_LEVEL', absentTable: 'ABSENT', interruptOverlap: 'ADDRESS' };
const CASES = 500;
const TABLES = scalableTables(FULL_CAPABILITIES);

/** One bit of one word; never the domain id, which names what an invalidation is for. */
const change = fc
  .record({ index: fc.nat(TABLES.length - 1), bit: fc.oneof(fc.nat(11), fc.nat(51), fc.nat(63)) })
  .filter(({ index, bit }) => !(isPasidEntryWord(TABLES[index].address, 1) && bit < 16));

function isPasidEntryWord(address: number, qword: number): boolean {
  return address >= 0x14000 && address < 0x16000 && (address % 64) / 8 === qword;
}

/** Domain ids and PASIDs of the generated tables. */
const DOMAINS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90];
const PASID_OF_DOMAIN: Record<number, number> = { 0x20: 1, 0x40: 3, 0x70: 6, 0x80: 7 };

/** What software owes the unit after changing the word at an address. Spec: VT-d 6.5.3.3. */
function owed(address: number): [bigint, bigint][] {
  const domains = (...ids: number[]) =>
    ids.map((domainId) => descriptorOf({ kind: 'IOTLB_DOMAIN', domainId }));
  const pasids = (...ids: number[]) =>
    ids.map((domainId) =>
      descriptorOf({ kind: 'PASID_ALL', domainId, pasid: PASID_OF_DOMAIN[domainId] } as Operation),
    );
  const pasidCache = (did: number, pasid: number): [bigint, bigint] => [
    0x17n | (BigInt(did) << 16n) | (BigInt(pasid) << 32n),
    0n,
  ];
  const everything: [bigint, bigint][] = [
    [0x11n, 0n],
    [0x37n, 0n],
    [0x12n, 0n],
  ];
  if (address < 0x11000 || (address >= 0x13000 && address < 0x14000)) return everything;
  if (address < 0x13000) {
    const sourceId = (address < 0x12000 ? 0 : 0x80) + (address % 0x1000) / 32;
    const device = BigInt(Math.floor(sourceId));
    return [
      [0x31n | (device << 32n), 0n],
      ...DOMAINS.map((did): [bigint, bigint] => [0x07n | (BigInt(did) << 16n), 0n]),
      ...domains(...DOMAINS),
    ];
  }
  if (address < 0x16000) {
    const pasid = address < 0x15000 ? Math.floor((address % 0x1000) / 64) : 64;
    const did = pasid === 64 ? 0x90 : 0x10 + 0x10 * pasid;
    return [
      pasidCache(did, pasid),
      ...domains(did),
      descriptorOf({ kind: 'PASID_ALL', domainId: did, pasid }),
    ];
  }
  if (address < 0x28000) return domains(0x10, 0x40, 0x90);
  if (address < 0x30000) return domains(0x30, 0x60);
  if (address < 0x38000) return pasids(0x20, 0x80);
  if (address < 0x60000) return pasids(0x70);
  return pasids(0x40);
}

/** Whether a word of a table says "nothing here": such a word is in no cache of a part without CM. */
function isAbsent(address: number, value: bigint): boolean {
  if (address >= 0x20000 && address < 0x30000) return (value & 3n) === 0n;
  if (address >= 0x30000) return (value & 1n) === 0n;
  return false;
}

/** The outcome of a machine without caches; null where the specification leaves it open. */
function freshOutcome(machine: TwinMachine, request: TwinRequest): TwinOutcome | null {
  try {
    return twinTranslate(machine, request, POLICY);
  } catch (error) {
    if (error instanceof Unspecified) return null;
    throw error;
  }
}

const brief = (outcome: TwinOutcome) =>
  outcome.kind === 'PASS' ? outcome.physical : outcome.kind === 'FAULT' ? outcome.reason : outcome.kind;

const shown = ({ sourceId, pasid, type, address }: TwinRequest) =>
  `${type} of 0x${address.toString(16)} by ${sourceId.toString(16)} PASID ${pasid}`;

function unitOutcome(pair: Pair, request: TwinRequest): bigint | number | string {
  const result = pair.translate(request);
  pair.bench.clearFault();
  return physicalOf(result) ?? (result.kind === 'BLOCKED' ? result.reason : result.kind);
}

function startedPair(): Pair {
  const pair = new Pair({ capabilities: FULL_CAPABILITIES, rtaddr: 0x10400n, tables: TABLES });
  pair.bench.startQueue('0x70801');
  return pair;
}

const plainRequest = twinRequest('SCALABLE').map((request): TwinRequest => ({
  ...request,
  addressType: 'UNTRANSLATED',
}));
const requests = fc.array(plainRequest, { minLength: 1, maxLength: 12 });

describe('caches and changed tables', () => {
  test('after every change and the invalidation it asks for, the unit answers as if it had no cache', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(fc.record({ change, requests }), { minLength: 1, maxLength: 6 }), (rounds) => {
        const pair = startedPair();
        for (const { change, requests } of rounds) {
          const { address } = TABLES[change.index];
          const old = pair.machine.memory.words.get(address)!;
          pair.store(address, old ^ (1n << BigInt(change.bit)));
          // A part without caching mode never caches what is not there, so nothing is owed for it.
          if (!isAbsent(address, old))
            for (const words of owed(address)) pair.bench.submit(...words.map(wordOf));
          if (pair.bench.faultStatus !== 0) throw new Error('a descriptor was refused');
          for (const request of requests) {
            const expected = freshOutcome(copyOf(pair.machine), request);
            const actual = unitOutcome(pair, request);
            if (expected !== null) {
              if (actual !== brief(expected))
                throw new Error(`${shown(request)}: ${actual}, not ${brief(expected)}`);
              compared++;
            }
            pair.acceptUnitMemory();
            if (pair.structuresMarked()) return;
          }
        }
      }),
      runs(CASES),
    );
    process.stdout.write(`twin staleness: ${compared} answers after invalidation\n`);
  });

  test('without the invalidation the answer is the old one or the new one, never a third', () => {
    let old = 0;
    let both = 0;
    fc.assert(
      // Pointers stay as they are and nested walks are left out: both can read the changed word twice in one
      // walk, once from a cache and once from memory.
      fc.property(
        requests,
        change.filter(({ bit }) => bit < 12 || bit >= 52),
        (requests, change) => {
          const pair = startedPair();
          const usable = requests.filter(({ pasid }) => pasid !== 3);
          for (const request of usable) unitOutcome(pair, request);
          pair.acceptUnitMemory();
          const before = copyOf(pair.machine);
          const { address } = TABLES[change.index];
          pair.store(address, pair.machine.memory.words.get(address)! ^ (1n << BigInt(change.bit)));
          for (const request of usable) {
            const stale = freshOutcome(copyOf(before), request);
            const fresh = freshOutcome(copyOf(pair.machine), request);
            const actual = unitOutcome(pair, request);
            if (stale === null || fresh === null) continue;
            if (actual !== brief(stale) && actual !== brief(fresh)) {
              throw new Error(`${shown(request)}: ${actual}, neither ${brief(stale)} nor ${brief(fresh)}`);
            }
            if (brief(stale) === brief(fresh)) both++;
            else if (brief(stale) === actual) old++;
          }
        },
      ),
      runs(CASES * 2),
    );
    process.stdout.write(`twin staleness: ${old} stale answers seen, ${both} where old and new agree\n`);
  });

  test('memory and the latched root pointer alone reproduce every translation', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), requests, (changes, requests) => {
        const pair = startedPair();
        for (const { index, bit } of changes) {
          const { address } = TABLES[index];
          pair.store(address, pair.machine.memory.words.get(address)! ^ (1n << BigInt(bit)));
        }
        pair.bench.submit('0x11', '0x0');
        pair.bench.submit('0x37', '0x0');
        pair.bench.submit('0x12', '0x0');
        for (const request of requests) {
          const memory = pair.bench.memory.fork();
          const restored = new Pair(
            { capabilities: FULL_CAPABILITIES, rtaddr: 0x10400n, tables: [] },
            memory,
          );
          const [here, there] = [unitOutcome(pair, request), unitOutcome(restored, request)];
          if (here !== there)
            throw new Error(`${shown(request)}: ${here} here, ${there} from the memory alone`);
          if (pair.structuresMarked()) return;
        }
      }),
      runs(CASES / 5),
    );
  });
});
