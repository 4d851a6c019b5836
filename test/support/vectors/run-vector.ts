import { pfnOf, toHex } from '../../../src/bits/u64.js';
import type { TranslationResult } from '../../../src/hardware/index.js';
import type { PageGroupResponse } from '../../../src/layout/invalidation/index.js';
import { Bench } from '../hardware/unit-builder.js';
import { word } from '../hardware/words.js';
import type { CacheContents, Hex, RequestStep, Step, Vector } from './format.js';

const hex = (value: number): Hex => '0x' + value.toString(16);
const orNull = (value: number | null): Hex | null => (value === null ? null : hex(value));

/** Runs a vector on a unit and hands every step that expects something to `check`, with what was found. */
export function runVector(
  vector: Vector,
  check: (step: Step, found: unknown, expected: unknown) => void,
): void {
  const { unit, memory, steps } = vector;
  const bench = new Bench({
    version: Number(unit.version),
    capability: word(unit.capability),
    extendedCapability: word(unit.extendedCapability),
    hostAddressWidth: unit.hostAddressWidth,
    collapseFaults: unit.collapsesFaults,
  });
  const responses: PageGroupResponse[] = [];
  bench.unit.onPageResponse = (response) => responses.push(response);
  for (const { address, words } of memory) bench.store(Number(address), ...words);
  for (const step of steps) {
    const found = perform(bench, responses, step);
    if ('expect' in step) check(step, found, expectedOf(step));
  }
}

/** Lists of cached entries are sets. */
function expectedOf(step: Extract<Step, { expect: unknown }>): unknown {
  if (step.op === 'deviceTlb') return sorted(step.expect);
  if (step.op !== 'caches') return step.expect;
  return Object.fromEntries(Object.entries(step.expect).map(([cache, entries]) => [cache, sorted(entries)]));
}

function perform(bench: Bench, responses: readonly PageGroupResponse[], step: Step): unknown {
  switch (step.op) {
    case 'write':
      return bench.unit.writeRegister(Number(step.offset), step.bytes, word(step.value));
    case 'read': {
      const value = bench.unit.readRegister(Number(step.offset), step.bytes);
      const mask = step.mask === undefined ? { hi: ~0, lo: ~0 } : word(step.mask);
      return toHex({ hi: (value.hi & mask.hi) >>> 0, lo: (value.lo & mask.lo) >>> 0 });
    }
    case 'store':
      return bench.store(Number(step.address), ...step.words);
    case 'load':
      return step.expect.map((_, index) => toHex(bench.memory.load64(Number(step.address) + 8 * index)));
    case 'request':
      return translate(bench, step);
    case 'pageRequest':
      return bench.unit.pageRequest({
        sourceId: Number(step.sourceId),
        pasid: Number(step.pasid),
        address: word(step.address),
        read: step.read,
        write: step.write,
        execute: false,
        privileged: false,
        last: step.last,
        groupIndex: Number(step.groupIndex),
      });
    case 'interrupt': {
      const { sourceId, address, data } = step;
      const result = bench.unit.interruptRequest(Number(sourceId), word(address), Number(data));
      return { outcome: result.kind, vector: result.kind === 'DELIVERED' ? orNull(result.vector) : null };
    }
    case 'messages':
      return bench.messages.map(({ address, data }) => ({ address: toHex(word(address)), data: hex(data) }));
    case 'pageResponses':
      return responses.map(({ sourceId, pasid, groupIndex, code }) => ({
        sourceId: hex(sourceId),
        pasid: orNull(pasid),
        groupIndex: hex(groupIndex),
        code: hex(code),
      }));
    case 'deviceHolds': {
      const tlb = bench.addDeviceTlb(Number(step.sourceId));
      for (const { pasid, address } of step.entries) {
        const pfn = pfnOf(word(address));
        const access = { read: true, write: true, execute: false, privileged: false };
        tlb.insert({
          pasid: pasid === null ? null : Number(pasid),
          pfn,
          pagesLg2: 0,
          targetPfn: pfn,
          ...access,
        });
      }
      return undefined;
    }
    case 'deviceTlb': {
      const tlb = bench.deviceTlbs.get(Number(step.sourceId));
      const entries = [...(tlb?.entries() ?? [])];
      return sorted(entries.map(({ pasid, pfn }) => ({ pasid: orNull(pasid), address: hex(pfn * 4096) })));
    }
    case 'caches':
      return cachesOf(bench, step.expect);
  }
}

function translate(bench: Bench, step: RequestStep): unknown {
  const { sourceId, pasid, address, type, addressType, privileged } = step;
  return outcomeOf(
    bench.unit.translate({
      sourceId: Number(sourceId),
      pasid: pasid === null ? null : Number(pasid),
      address: word(address),
      type,
      addressType,
      privileged,
      execute: false,
      noWrite: false,
      zeroLength: false,
    }),
  );
}

function outcomeOf(result: TranslationResult): unknown {
  const { kind: outcome } = result;
  switch (result.kind) {
    case 'TRANSLATED': {
      const { physical, pageSize, access } = result;
      const names = [...(access.read ? ['READ'] : []), ...(access.write ? ['WRITE'] : [])];
      return { outcome, physical: hex(physical), pageSize: hex(pageSize), access: names };
    }
    case 'BLOCKED':
      return { outcome, reason: hex(result.reason), recorded: result.recorded };
    case 'EMPTY':
      return { outcome, recorded: result.recorded };
    case 'INTERRUPT':
      return { outcome };
  }
}

/** What is in the caches a step names. */
function cachesOf(bench: Bench, named: CacheContents): CacheContents {
  const entries = (kind: 'CONTEXT' | 'PASID' | 'IOTLB') =>
    bench.unit
      .cacheEntries(kind, 1000)
      .map(({ sourceId, pasid, domainId, address, pageSize, target, access }) => ({
        sourceId: hex(sourceId),
        pasid: orNull(pasid),
        domainId: orNull(domainId),
        address: address === null ? null : toHex(address),
        pageSize: orNull(pageSize),
        physical: target === null ? null : toHex(target),
        access,
      }));
  const found: Record<string, unknown> = {};
  if (named.context !== undefined) {
    found.context = sorted(entries('CONTEXT').map(({ sourceId, domainId }) => ({ sourceId, domainId })));
  }
  if (named.pasid !== undefined) {
    found.pasid = sorted(
      entries('PASID').map(({ sourceId, pasid, domainId }) => ({ sourceId, pasid, domainId })),
    );
  }
  if (named.iotlb !== undefined) found.iotlb = sorted(entries('IOTLB'));
  return found;
}

function sorted<T>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
