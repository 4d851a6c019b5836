import fc from 'fast-check';
import {
  INDICES,
  LEGACY_SOURCES,
  legacyTables,
  PASIDS,
  type PlacedWord,
  SCALABLE_SOURCES,
  scalableTables,
} from './tables.js';
import type { TwinCapabilities, TwinRequest } from './twin-machine.js';

export interface TwinCase {
  readonly capabilities: TwinCapabilities;
  readonly rtaddr: bigint;
  readonly tables: PlacedWord[];
  readonly requests: TwinRequest[];
}

export type Mode = 'LEGACY' | 'SCALABLE';

const often = (value: boolean) => fc.oneof({ weight: 9, arbitrary: fc.constant(value) }, fc.boolean());

/** Capability sets a part could have; dependent bits follow the ones they depend on. */
function capabilities(mode: Mode): fc.Arbitrary<TwinCapabilities> {
  const scalable = mode === 'SCALABLE';
  return fc
    .record({
      sagaw: fc.constantFrom(0x2, 0x6, 0xe),
      mgaw: fc.constantFrom(39, 48, 57),
      sllps: fc.constantFrom(3, 1, 0),
      domainIdBits: scalable ? fc.constant(16) : fc.constantFrom(16, 12, 8),
      haw: fc.constantFrom(39, 42, 46, 52),
      zlr: fc.boolean(),
      fl1gp: often(true),
      fl5lp: fc.boolean(),
      dt: often(true),
      pt: often(true),
      sc: fc.boolean(),
      mts: fc.boolean(),
      nest: often(true),
      prs: often(true),
      srs: often(true),
      eafs: fc.boolean(),
      pss: fc.constantFrom(19, 19, 9, 5),
      pasid: often(true),
      slads: often(true),
      slts: often(true),
      flts: often(true),
      smpwcs: often(true),
      rps: often(true),
      adms: fc.boolean(),
      rprivs: fc.boolean(),
      ptrs: fc.boolean(),
      ssirws: fc.boolean(),
    })
    .map((caps) => ({
      ...caps,
      smts: scalable,
      pasid: scalable && caps.pasid,
      prs: scalable && caps.prs && caps.dt,
      nest: scalable && caps.nest && caps.flts && caps.slts,
      mts: scalable && caps.mts,
      srs: scalable && caps.srs,
      flts: scalable && caps.flts,
      slts: scalable && caps.slts,
      smpwcs: scalable && caps.smpwcs,
      rps: scalable && caps.rps,
      slads: scalable && caps.slads && caps.smpwcs && caps.slts,
      eafs: scalable && caps.eafs && caps.flts && caps.smpwcs,
      rprivs: scalable && caps.rprivs && caps.srs,
      ptrs: scalable && caps.ptrs && caps.dt && caps.pasid,
      ssirws: scalable && caps.ssirws && caps.slts,
    }));
}

interface Mutation {
  /** Picks a placed word, evenly over however many there are. */
  readonly at: number;
  /** Whether to pick among the words most walks read. */
  readonly busy: boolean;
  readonly change: { readonly flip: number } | { readonly set: bigint };
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  busy: fc.boolean(),
  change: fc.oneof(
    { weight: 8, arbitrary: fc.nat(63).map((flip) => ({ flip })) },
    { weight: 2, arbitrary: fc.nat(11).map((flip) => ({ flip })) },
    { weight: 1, arbitrary: fc.constantFrom(0n, 1n, 2n, 3n, 7n, 0x83n).map((set) => ({ set })) },
  ),
});

/** First words of PASID entries, first entries of tables, and what maps the tables of a nested walk. */
function isBusy(address: number): boolean {
  const inPage = address & 0xfff;
  if (address < 0x14000) return inPage < 0x10;
  if (address < 0x20000) return (address & 63) < 24;
  return inPage === 0 || (inPage >= 0x80 && inPage < 0xa0);
}

function mutated(words: PlacedWord[], mutations: readonly Mutation[]): PlacedWord[] {
  const out = [...words];
  const busyWords = out.flatMap(({ address }, index) => (isBusy(address) ? [index] : []));
  for (const { at, busy, change } of mutations) {
    // Small numbers are drawn more often than large ones; multiplying spreads them.
    const picked = Math.imul(at, 0x9e3779b1) >>> 0;
    const index = busy ? busyWords[picked % busyWords.length] : picked % out.length;
    const { address, value } = out[index];
    const next = 'set' in change ? change.set : value ^ (1n << BigInt(change.flip));
    out[index] = { address, value: next };
  }
  return out;
}

/** Moves permissions to bits 61 and 62 of the second-stage entries (R and W at bits 0 and 1 stay behind). */
function withHighPermissions(words: PlacedWord[]): PlacedWord[] {
  return words.map(({ address, value }) => {
    const isSecondStage = address >= 0x20000 && address < 0x30000;
    return { address, value: isSecondStage ? value | ((value & 3n) << 61n) : value };
  });
}

const index = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(...INDICES));
const offset = fc.constantFrom(0, 0x678, 0xff8);

/** An address whose every level's index the tables may know; sometimes out of range or not canonical. */
const address: fc.Arbitrary<bigint> = fc
  .record({
    levels: fc.tuple(fc.constantFrom(...INDICES), index, index, index),
    offset,
    high: fc.oneof(
      { weight: 30, arbitrary: fc.constant(0n) },
      fc.constantFrom(1n << 39n, 1n << 48n, 1n << 57n, 0xffffn << 48n, 0x1fffn << 51n, 1n << 63n),
    ),
    interrupt: fc.oneof({ weight: 40, arbitrary: fc.constant(false) }, fc.constant(true)),
  })
  .map(({ levels, offset, high, interrupt }) => {
    if (interrupt) return 0xfee00000n + BigInt(offset);
    const low = levels.reduce((sum, index, level) => sum | (BigInt(index) << BigInt(12 + 9 * level)), 0n);
    // Index 511 at the top of four levels belongs to a canonical address only with the sign above it.
    const sign = levels[3] === 511 && high === 0n ? 0xffffn << 48n : high;
    return low | sign | BigInt(offset);
  });

/** One request of any kind, at addresses the tables of the mode may map. */
export function twinRequest(mode: Mode): fc.Arbitrary<TwinRequest> {
  const sources = mode === 'LEGACY' ? LEGACY_SOURCES : SCALABLE_SOURCES;
  const first = fc.constantFrom<number>(sources[0], sources[1]);
  return fc
    .record({
      sourceId: fc.oneof({ weight: 9, arbitrary: first }, fc.constantFrom<number>(...sources)),
      pasid: fc.oneof(
        { weight: mode === 'LEGACY' ? 60 : 2, arbitrary: fc.constant(null) },
        { weight: 5, arbitrary: fc.constantFrom<number>(1, 2, 3, 3, 3, 6, 7) },
        { weight: 1, arbitrary: fc.constantFrom<number>(...PASIDS) },
      ),
      address,
      type: fc.constantFrom('READ' as const, 'WRITE' as const, 'ATOMIC' as const),
      addressType: fc.oneof(
        { weight: 16, arbitrary: fc.constant('UNTRANSLATED' as const) },
        { weight: 3, arbitrary: fc.constant('TRANSLATION_REQUEST' as const) },
        { weight: 1, arbitrary: fc.constant('TRANSLATED' as const) },
      ),
      privileged: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      zeroLength: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
    })
    .map((fields) => {
      const isTranslation = fields.addressType === 'TRANSLATION_REQUEST';
      return {
        ...fields,
        type: isTranslation ? ('READ' as const) : fields.type,
        privileged: fields.privileged && fields.pasid !== null,
        zeroLength: fields.zeroLength && fields.type === 'READ' && fields.addressType === 'UNTRANSLATED',
      };
    });
}

/** Tables with a few bits wrong and requests against them. */
export function twinCase(mode: Mode): fc.Arbitrary<TwinCase> {
  return fc
    .record({
      capabilities: capabilities(mode),
      mutations: fc.array(mutation, { maxLength: 6 }),
      tableMode: fc.oneof(
        { weight: 80, arbitrary: fc.constant(mode === 'LEGACY' ? 0n : 1n) },
        fc.constantFrom(2n, 3n),
      ),
      highPermissions: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      requests: fc.array(twinRequest(mode), { minLength: 1, maxLength: 16 }),
    })
    .map(({ capabilities, mutations, tableMode, highPermissions, requests }) => {
      const usesHigh = highPermissions && capabilities.ssirws;
      const plain = mode === 'LEGACY' ? legacyTables(capabilities) : scalableTables(capabilities);
      return {
        capabilities,
        rtaddr: 0x10000n | (tableMode << 10n) | (usesHigh ? 0x80n : 0n),
        tables: mutated(usesHigh ? withHighPermissions(plain) : plain, mutations),
        requests,
      };
    });
}
