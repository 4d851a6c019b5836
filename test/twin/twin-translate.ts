import {
  bits,
  flag,
  inInterruptRange,
  span,
  TwinFault,
  type TwinMachine,
  type TwinOutcome,
  type TwinPolicy,
  type TwinRequest,
  Unspecified,
} from './twin-machine.js';
import {
  guestWidth,
  LEGACY_CODES,
  SCALABLE_CODES,
  type StageResult,
  walkFirstStage,
  walkSecondStage,
  wantedBy,
} from './twin-stages.js';

/** Reasons FPD never suppresses. Spec: VT-d 7.1.3, column "Qualified". */
const UNQUALIFIED = new Set([
  0x01, 0x08, 0x09, 0x0a, 0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x38, 0x39, 0x3a, 0x40, 0x50, 0x58,
]);
/** Translation requests: answered Success with no permission, unrecorded. */
const EMPTY_SUCCESS = new Set([
  0x04, 0x51, 0x59, 0x5c, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x80, 0x81, 0x83, 0x84,
  0x90,
]);
/** Translation requests: Unsupported Request; every other recorded reason is a Completer Abort. */
const TRANSLATION_UNSUPPORTED = new Set([
  0x01, 0x02, 0x39, 0x41, 0x0d, 0x44, 0x45, 0x46, 0x48, 0x89, 0x31, 0x33, 0x34,
]);
const TRANSLATED_ABORT = new Set([0x50, 0x52, 0x58, 0x5a, 0x5b]);

/** One request against the machine; memory gets the accessed and dirty bits the walk sets. */
export function twinTranslate(machine: TwinMachine, request: TwinRequest, policy: TwinPolicy): TwinOutcome {
  const walk = new Walk(machine, request, policy);
  try {
    return walk.run();
  } catch (fault) {
    if (!(fault instanceof TwinFault)) throw fault;
    return refusal(fault.reason, request, walk.faultsDisabled);
  }
}

function refusal(reason: number, request: TwinRequest, faultsDisabled: boolean): TwinOutcome {
  const recorded = UNQUALIFIED.has(reason) || !faultsDisabled;
  if (request.addressType === 'TRANSLATION_REQUEST') {
    if (EMPTY_SUCCESS.has(reason) || [5, 6, 0x85, 0x86].includes(reason)) return { kind: 'EMPTY', reason };
    const unsupported = TRANSLATION_UNSUPPORTED.has(reason);
    return {
      kind: 'FAULT',
      reason,
      recorded,
      completion: unsupported ? 'UNSUPPORTED_REQUEST' : 'COMPLETER_ABORT',
    };
  }
  const aborts = request.addressType === 'TRANSLATED' && TRANSLATED_ABORT.has(reason);
  return { kind: 'FAULT', reason, recorded, completion: aborts ? 'COMPLETER_ABORT' : 'UNSUPPORTED_REQUEST' };
}

class Walk {
  /** FPD of any structure entry read so far, present or not. */
  faultsDisabled = false;

  constructor(
    private readonly machine: TwinMachine,
    private readonly request: TwinRequest,
    private readonly policy: TwinPolicy,
  ) {}

  run(): TwinOutcome {
    const { request, machine } = this;
    if (request.pasid === null && inInterruptRange(request.address)) {
      if (request.addressType !== 'UNTRANSLATED')
        throw new Unspecified('a translated address in the interrupt range');
      if (request.type === 'WRITE') return { kind: 'INTERRUPT' };
      throw new TwinFault(0x29);
    }
    const mode = bits(machine.rtaddr, 11, 10);
    const highPermissions = flag(machine.rtaddr, 7);
    if (mode === 3n) throw new TwinFault(machine.capabilities.adms ? 0x33 : 0x30);
    if (mode === 2n || (mode === 1n && !machine.capabilities.smts)) throw new TwinFault(0x30);
    if (mode === 0n && highPermissions) throw new TwinFault(0x30);
    if (mode === 0n && request.pasid !== null) throw new TwinFault(0x31);
    return mode === 0n ? this.legacy() : this.scalable();
  }

  private legacy(): TwinOutcome {
    const { machine, request } = this;
    const caps = machine.capabilities;
    const high = span(63, caps.haw);
    const root = this.entry(this.rootAddress(), 2, 0x08);
    if (!flag(root[0], 0)) throw new TwinFault(0x01);
    if ((root[0] & (span(11, 1) | high)) !== 0n || root[1] !== 0n) throw new TwinFault(0x0a);

    const context = this.entry((root[0] & span(63, 12)) + BigInt(request.sourceId & 0xff) * 16n, 2, 0x09);
    this.faultsDisabled ||= flag(context[0], 1);
    if (!flag(context[0], 0)) throw new TwinFault(0x02);
    const type = bits(context[0], 3, 2);
    const reservedLow = span(11, 4) | (type === 2n ? 0n : high);
    const reservedHigh = span(7, 7) | span(63, 24) | span(23, 8 + caps.domainIdBits);
    if ((context[0] & reservedLow) !== 0n || (context[1] & reservedHigh) !== 0n) throw new TwinFault(0x0b);
    if (type === 2n && (context[0] & high) !== 0n)
      throw new Unspecified('reserved bits of an ignored pointer');
    if (type === 3n || (type === 1n && !caps.dt) || (type === 2n && !caps.pt)) throw new TwinFault(0x03);
    const width = Number(bits(context[1], 2, 0));
    if (type !== 2n && !this.widthSupported(width)) throw new TwinFault(0x03);
    if (request.addressType !== 'UNTRANSLATED' && type !== 1n) throw new TwinFault(0x0d);
    if (request.addressType === 'TRANSLATED' || type === 2n) return this.straight(0x04);

    const levels = width + 2;
    if (request.address >> BigInt(guestWidth(machine, levels)) !== 0n) throw new TwinFault(0x04);
    const stage = {
      table: context[0] & span(63, 12),
      levels,
      codes: LEGACY_CODES,
      updatesAccessed: false,
      snooped: true,
    };
    return this.finish(
      walkSecondStage(machine, this.policy, stage, request.address, wantedBy(request)),
      0x0e,
    );
  }

  private scalable(): TwinOutcome {
    const { machine, request } = this;
    const caps = machine.capabilities;
    const high = span(63, caps.haw);
    const upper = (request.sourceId & 0x80) !== 0;
    const root = this.entry(this.rootAddress(), 2, 0x38)[upper ? 1 : 0];
    if (!flag(root, 0)) throw new TwinFault(0x39);
    if ((root & (span(11, 1) | high)) !== 0n) throw new TwinFault(0x3a);

    const context = this.entry((root & span(63, 12)) + BigInt(request.sourceId & 0x7f) * 32n, 4, 0x40);
    this.faultsDisabled ||= flag(context[0], 1);
    if (!flag(context[0], 0)) throw new TwinFault(0x41);
    let reserved0 = span(5, 5) | span(8, 7) | high;
    if (!caps.dt) reserved0 |= span(2, 2);
    if (!caps.pasid) reserved0 |= span(3, 3);
    if (!caps.prs) reserved0 |= span(4, 4);
    if (!caps.ptrs) reserved0 |= span(6, 6);
    let reserved1 = span(63, 21);
    if (!caps.rps) reserved1 |= span(19, 0);
    if (!caps.rprivs) reserved1 |= span(20, 20);
    if ((context[0] & reserved0) !== 0n || (context[1] & reserved1) !== 0n) throw new TwinFault(0x42);
    if (context[2] !== 0n || context[3] !== 0n) throw new TwinFault(0x42);
    const dte = flag(context[0], 2);
    const pasidEnabled = flag(context[0], 3);
    const reach = 1n << (bits(context[0], 11, 9) + 13n);
    const ridPasid = caps.rps ? bits(context[1], 19, 0) : 0n;
    if (flag(context[0], 4) && !dte) throw new TwinFault(0x43);
    if (ridPasid >= reach) throw new TwinFault(0x43);
    if (flag(context[0], 6) && !pasidEnabled) throw new TwinFault(0x43);

    const translated = request.addressType === 'TRANSLATED';
    if (request.addressType !== 'UNTRANSLATED' && !dte) throw new TwinFault(0x44);
    if (translated && request.pasid !== null && !flag(context[0], 6)) throw new TwinFault(0x49);
    let pasid = ridPasid;
    let supervisor = flag(context[1], 20);
    if (request.pasid !== null) {
      pasid = BigInt(request.pasid);
      supervisor = request.privileged;
      if (translated) throw new Unspecified('PASID checks of a translated request');
      const problems: number[] = [];
      if (!pasidEnabled) problems.push(0x45);
      if (pasid >= reach) problems.push(0x46);
      if (pasid >> BigInt(caps.pss + 1) !== 0n) {
        if (problems.length > 0) throw new Unspecified('order of 0x89 against 0x45 and 0x46');
        problems.push(0x89);
      }
      if (pasid === ridPasid) problems.push(0x48);
      if (problems.length > 0) throw new TwinFault(problems[0]);
    }
    if (translated) return this.straight(0x83);
    return this.pasidEntry(context[0] & span(63, 12), pasid, supervisor);
  }

  private pasidEntry(directory: bigint, pasid: bigint, supervisor: boolean): TwinOutcome {
    const { machine, request, policy } = this;
    const caps = machine.capabilities;
    const high = span(63, caps.haw);
    const pointer = this.entry(directory + (pasid >> 6n) * 8n, 1, 0x50)[0];
    this.faultsDisabled ||= flag(pointer, 1);
    if (!flag(pointer, 0)) throw new TwinFault(0x51);
    if ((pointer & (span(11, 2) | high)) !== 0n) throw new TwinFault(0x52);
    const entry = this.entry((pointer & span(63, 12)) + (pasid & 63n) * 64n, 8, 0x58);
    this.faultsDisabled ||= flag(entry[0], 1);
    if (!flag(entry[0], 0)) throw new TwinFault(0x59);

    const type = Number(bits(entry[0], 8, 6));
    const usesSecond = type === 2 || type === 3;
    const usesFirst = type === 1 || type === 3;
    let reserved0 = span(5, 5) | span(11, 10);
    if (usesSecond) reserved0 |= high;
    let reserved1 = span(22, 16) | span(31, 27);
    if (!caps.mts) reserved1 |= span(26, 25) | span(63, 32);
    let reserved2 = span(1, 1) | span(11, 8);
    if (type === 1) reserved2 |= high;
    const rest = entry.slice(3).some((qword) => qword !== 0n);
    if (
      (entry[0] & reserved0) !== 0n ||
      (entry[1] & reserved1) !== 0n ||
      (entry[2] & reserved2) !== 0n ||
      rest
    ) {
      throw new TwinFault(0x5a);
    }
    if (!usesSecond && (entry[0] & high) !== 0n) throw new Unspecified('reserved bits of an unused pointer');
    if (!usesFirst && (entry[2] & high) !== 0n) throw new Unspecified('reserved bits of an unused pointer');
    if (type === 3 && (entry[2] & high) !== 0n) throw new Unspecified('a guest pointer above HAW');
    this.refuseUnsettledBits(entry, type, usesFirst, usesSecond);

    const supported = [false, caps.flts, caps.slts, caps.nest, caps.pt, false, false, false][type];
    const width = Number(bits(entry[0], 4, 2));
    if (!supported) throw new TwinFault(0x5b);
    if (usesSecond && !this.widthSupported(width)) throw new TwinFault(0x5b);
    const mode = Number(bits(entry[2], 3, 2));
    if (usesFirst && (mode > 1 || (mode === 1 && !caps.fl5lp))) throw new TwinFault(0x5b);
    const firstTable = entry[2] & span(63, 12);
    if (type === 3 && firstTable >> BigInt(guestWidth(machine, width + 2)) !== 0n) throw new TwinFault(0x5b);
    if (supervisor && !flag(entry[2], 0)) {
      if (!usesFirst) throw new Unspecified('SRE of an entry without first stage');
      throw new TwinFault(0x5d);
    }
    if (supervisor && request.addressType !== 'UNTRANSLATED')
      throw new Unspecified('privileged translation request');

    const snooped = caps.smpwcs && flag(entry[1], 23);
    const second = {
      table: entry[0] & span(63, 12),
      levels: width + 2,
      codes: SCALABLE_CODES,
      updatesAccessed: flag(entry[0], 9) && usesSecond,
      snooped,
    };
    const first = {
      table: firstTable,
      levels: mode + 4,
      supervisor,
      writeProtect: flag(entry[2], 4),
      extendedAccessed: flag(entry[2], 7),
      snooped,
      nestedIn: type === 3 ? second : null,
    };
    const wanted = wantedBy(request);
    if (type === 4) {
      if (request.address >> BigInt(caps.haw) !== 0n) throw new TwinFault(0x83);
      if (inInterruptRange(request.address)) throw new TwinFault(0x87);
      return { kind: 'PASS', physical: request.address, page: null };
    }
    if (type === 1) return this.finish(walkFirstStage(machine, policy, first, request.address, wanted), 0x87);
    if (type === 2) {
      if (request.address >> BigInt(guestWidth(machine, second.levels)) !== 0n) throw new TwinFault(0x84);
      return this.finish(walkSecondStage(machine, policy, second, request.address, wanted), 0x87);
    }
    const guest = walkFirstStage(machine, policy, first, request.address, wanted);
    const host = walkSecondStage(machine, policy, second, guest.guestPhysical, wanted);
    if (request.zeroLength && !guest.write && !host.read) {
      throw new Unspecified('a zero-length read whose write permission only one stage gives');
    }
    return this.finish(
      {
        physical: host.physical,
        size: host.size < guest.size ? host.size : guest.size,
        read: host.read,
        write: host.write && guest.write,
      },
      0x87,
    );
  }

  /** Enable bits without the matching capability: whether they are reserved is not said. */
  private refuseUnsettledBits(entry: bigint[], type: number, usesFirst: boolean, usesSecond: boolean): void {
    const caps = this.machine.capabilities;
    const unsettled =
      (!caps.slads && flag(entry[0], 9)) ||
      (!usesSecond && flag(entry[0], 9)) ||
      (!caps.smpwcs && flag(entry[1], 23)) ||
      (!caps.sc && flag(entry[1], 24)) ||
      (!caps.srs && (flag(entry[2], 0) || flag(entry[2], 4))) ||
      (!caps.eafs && flag(entry[2], 7)) ||
      (!usesFirst && (flag(entry[2], 0) || flag(entry[2], 4) || flag(entry[2], 7))) ||
      (type === 3 && flag(entry[2], 7));
    if (unsettled) throw new Unspecified('an enable bit without its capability or its stage');
  }

  /** Output address of a page walk: into the interrupt range is a fault of its own. */
  private finish(result: StageResult, interruptReason: number): TwinOutcome {
    const first = result.physical & ~(result.size - 1n);
    const overlaps = first <= 0xfeefffffn && first + result.size > 0xfee00000n;
    const hit = this.policy.interruptOverlap === 'PAGE' ? overlaps : inInterruptRange(result.physical);
    if (hit) throw new TwinFault(interruptReason);
    const { physical, read, write } = result;
    // No more of a large page can be passed on than the part of it that is memory.
    const size = overlaps ? 4096n : result.size;
    return { kind: 'PASS', physical, page: { size, read, write } };
  }

  /** The address itself, when the host address width allows it. */
  private straight(beyond: number): TwinOutcome {
    const { address } = this.request;
    if (address >> BigInt(this.machine.capabilities.haw) !== 0n) {
      if (this.request.addressType === 'TRANSLATED') throw new TwinFault(beyond);
      throw new TwinFault(0x04);
    }
    return { kind: 'PASS', physical: address, page: null };
  }

  private widthSupported(width: number): boolean {
    return width >= 1 && width <= 3 && ((this.machine.capabilities.sagaw >> width) & 1) === 1;
  }

  private rootAddress(): bigint {
    const bus = BigInt(this.request.sourceId >> 8);
    return (this.machine.rtaddr & span(this.machine.capabilities.haw - 1, 12)) + bus * 16n;
  }

  private entry(address: bigint, qwords: number, unreadable: number): bigint[] {
    const words: bigint[] = [];
    for (let index = 0; index < qwords; index++) {
      const value = this.machine.memory.load(address + BigInt(index * 8));
      if (value === null) throw new TwinFault(unreadable);
      words.push(value);
    }
    return words;
  }
}
