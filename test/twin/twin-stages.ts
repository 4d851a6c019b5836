import {
  bits,
  flag,
  inInterruptRange,
  span,
  TwinFault,
  type TwinMachine,
  type TwinPolicy,
  type TwinRequest,
  Unspecified,
} from './twin-machine.js';

/** What one stage of translation came to. */
export interface StageResult {
  readonly physical: bigint;
  readonly size: bigint;
  readonly read: boolean;
  readonly write: boolean;
}

interface Wanted {
  readonly read: boolean;
  readonly write: boolean;
  readonly zeroLength: boolean;
}

/** Reason codes of a second-stage walk, by mode. Spec: VT-d 7.1.3, tables of fault conditions. */
interface SecondStageCodes {
  readonly topAccess: number;
  readonly access: number;
  readonly reserved: number;
  /** Null: absent entries are permission faults of the request's kind. */
  readonly absent: number | null;
  readonly write: number;
  readonly read: number;
}

export const LEGACY_CODES: SecondStageCodes = {
  topAccess: 3,
  access: 7,
  reserved: 0xc,
  absent: null,
  write: 5,
  read: 6,
};
export const SCALABLE_CODES: SecondStageCodes = {
  topAccess: 0x7b,
  access: 0x78,
  reserved: 0x7a,
  absent: 0x79,
  write: 0x85,
  read: 0x86,
};

export interface SecondStage {
  readonly table: bigint;
  readonly levels: number;
  readonly codes: SecondStageCodes;
  readonly updatesAccessed: boolean;
  readonly snooped: boolean;
}

export interface FirstStage {
  readonly table: bigint;
  readonly levels: number;
  readonly supervisor: boolean;
  readonly writeProtect: boolean;
  readonly extendedAccessed: boolean;
  readonly snooped: boolean;
  /** Null when first-stage addresses are host addresses. */
  readonly nestedIn: SecondStage | null;
}

export function wantedBy(request: TwinRequest): Wanted {
  if (request.addressType === 'TRANSLATION_REQUEST') return { read: false, write: false, zeroLength: false };
  return {
    read: request.type !== 'WRITE',
    write: request.type !== 'READ',
    zeroLength: request.zeroLength,
  };
}

/** Spec: VT-d 3.8 "Second-Stage Translation". Entries: 9.8 "Second-Stage Paging Entries". */
export function walkSecondStage(
  machine: TwinMachine,
  policy: TwinPolicy,
  stage: SecondStage,
  address: bigint,
  wanted: Wanted,
): StageResult {
  const { capabilities: caps, memory } = machine;
  const highPermissions = flag(machine.rtaddr, 7);
  let table = stage.table;
  let read = true;
  let write = true;
  const late: TwinFault[] = [];
  const refuse = (reason: number) => {
    if (policy.checks === 'EACH_LEVEL') throw new TwinFault(reason);
    late.push(new TwinFault(reason));
  };
  for (let level = stage.levels; ; level--) {
    const shift = 12 + 9 * (level - 1);
    const at = table + bits(address, shift + 8, shift) * 8n;
    const entry = memory.load(at);
    if (entry === null)
      throw new TwinFault(level === stage.levels ? stage.codes.topAccess : stage.codes.access);
    const r = flag(entry, highPermissions ? 61 : 0);
    const w = flag(entry, highPermissions ? 62 : 1);
    if (!r && !w) throw new TwinFault(absentReason(stage, wanted));
    read &&= r;
    write &&= w;
    const permissionFault = permissionReason(machine, stage, wanted, r, w, read, write);
    if (permissionFault !== null) refuse(permissionFault);

    const isLeaf = level === 1 || flag(entry, 7);
    let reserved = span(51, caps.haw) | (highPermissions ? 0n : span(62, 62));
    if (level >= 4) reserved |= span(7, 7);
    if (level === 3 && (caps.sllps & 2) === 0) reserved |= span(7, 7);
    if (level === 2 && (caps.sllps & 1) === 0) reserved |= span(7, 7);
    if (!isLeaf || !caps.sc) reserved |= span(11, 11);
    if (isLeaf && level > 1) reserved |= span(shift - 1, 12);
    if ((entry & reserved) !== 0n) throw new TwinFault(stage.codes.reserved);

    if (stage.updatesAccessed) {
      let updated = entry | (1n << 8n);
      if (isLeaf && wanted.write) updated |= 1n << 9n;
      if (updated !== entry) {
        if (!stage.snooped) refuse(0x7c);
        if (late.length === 0) memory.store(at, updated);
      }
    }
    if (isLeaf) {
      if (late.length > 0) throw late[0];
      const size = 1n << BigInt(shift);
      return { physical: (entry & span(51, shift)) | (address & (size - 1n)), size, read, write };
    }
    table = entry & span(51, 12);
  }
}

function absentReason(stage: SecondStage, wanted: Wanted): number {
  if (stage.codes.absent !== null) return stage.codes.absent;
  return wanted.write ? stage.codes.write : stage.codes.read;
}

function permissionReason(
  machine: TwinMachine,
  stage: SecondStage,
  wanted: Wanted,
  r: boolean,
  w: boolean,
  read: boolean,
  write: boolean,
): number | null {
  if (wanted.zeroLength && machine.capabilities.zlr) {
    if (!read && !write) throw new Unspecified('zero-length read with permissions split over levels');
    return r || w ? null : stage.codes.read;
  }
  if (!read && !write) return absentReason(stage, wanted);
  if (wanted.write && !write) return stage.codes.write;
  if (wanted.read && !read) return stage.codes.read;
  return null;
}

/** Spec: VT-d 3.6 "First-Stage Translation" and 3.9 "Nested Translation". */
export function walkFirstStage(
  machine: TwinMachine,
  policy: TwinPolicy,
  stage: FirstStage,
  address: bigint,
  wanted: Wanted,
): StageResult & { readonly guestPhysical: bigint } {
  const { capabilities: caps, memory } = machine;
  const top = 12 + 9 * stage.levels - 1;
  const sign = bits(address, 63, top);
  if (sign !== 0n && sign !== bits(span(63, top), 63, top)) throw new TwinFault(0x80);
  let table = stage.table;
  let user = true;
  let writable = true;
  let tableMayWrite = true;
  const late: TwinFault[] = [];
  const refuse = (reason: number) => {
    if (policy.checks === 'EACH_LEVEL') throw new TwinFault(reason);
    late.push(new TwinFault(reason));
  };
  for (let level = stage.levels; ; level--) {
    const shift = 12 + 9 * (level - 1);
    const isTop = level === stage.levels;
    const guestAt = table + bits(address, shift + 8, shift) * 8n;
    let at = guestAt;
    if (stage.nestedIn !== null) {
      const reached = tableThroughSecondStage(machine, policy, stage.nestedIn, guestAt, isTop);
      at = reached.physical;
      tableMayWrite = reached.write;
    }
    const entry = memory.load(at);
    if (entry === null) throw new TwinFault(isTop ? 0x73 : 0x70);
    if (!flag(entry, 0)) throw new TwinFault(0x71);
    user &&= flag(entry, 2);
    writable &&= flag(entry, 1);
    if (!stage.supervisor && !user) refuse(0x81);
    if (wanted.write && !writable && (!stage.supervisor || stage.writeProtect)) refuse(0x85);

    const isLeaf = level === 1 || flag(entry, 7);
    let reserved = stage.nestedIn === null ? span(51, caps.haw) : 0n;
    if (level >= 4 || (level === 3 && !caps.fl1gp)) reserved |= span(7, 7);
    if (isLeaf && level > 1) reserved |= span(shift - 1, 13);
    if ((entry & reserved) !== 0n) throw new TwinFault(0x72);
    const output = isLeaf ? entry & span(51, shift) : entry & span(51, 12);
    if (stage.nestedIn !== null && output >> BigInt(caps.haw) !== 0n) {
      throw new Unspecified('a nested entry whose guest address uses bits at or above HAW');
    }

    let updated = entry | (1n << 5n);
    if (isLeaf && wanted.write) updated |= 1n << 6n;
    if (stage.extendedAccessed) updated |= 1n << 10n;
    if (updated !== entry) {
      if (!stage.snooped) refuse(0x90);
      else if (stage.nestedIn !== null && !tableMayWrite) refuse(0x77);
      else if (late.length === 0) {
        memory.store(at, updated);
        if (stage.nestedIn !== null) markTableDirty(machine, policy, stage.nestedIn, guestAt);
      }
    }
    // Whether a guest address beyond the limit is noticed before or after its entry is marked accessed is not
    // said; ours notices when it goes there.
    if (stage.nestedIn !== null && output >> BigInt(guestWidth(machine, stage.nestedIn.levels)) !== 0n) {
      refuse(0x74);
    }
    if (isLeaf) {
      if (late.length > 0) throw late[0];
      const size = 1n << BigInt(shift);
      const physical = output | (address & (size - 1n));
      const write = writable || (stage.supervisor && !stage.writeProtect);
      return { physical, guestPhysical: physical, size, read: true, write };
    }
    table = output;
  }
}

/** min(MGAW, AGAW): what a second stage of so many levels takes as input. */
export function guestWidth(machine: TwinMachine, levels: number): number {
  return Math.min(machine.capabilities.mgaw, 12 + 9 * levels);
}

/** The host address of a first-stage entry, read through the second stage. */
function tableThroughSecondStage(
  machine: TwinMachine,
  policy: TwinPolicy,
  stage: SecondStage,
  guestAddress: bigint,
  isTop: boolean,
): StageResult {
  if (guestAddress >> BigInt(guestWidth(machine, stage.levels)) !== 0n) throw new TwinFault(0x74);
  const denied = isTop ? 0x75 : 0x76;
  try {
    const reached = walkSecondStage(machine, policy, stage, guestAddress, {
      read: true,
      write: false,
      zeroLength: false,
    });
    if (inInterruptRange(reached.physical))
      throw new Unspecified('a first-stage table in the interrupt range');
    return reached;
  } catch (fault) {
    if (!(fault instanceof TwinFault)) throw fault;
    if (fault.reason === 0x86) throw new TwinFault(denied);
    if (fault.reason === 0x79 && policy.absentTable === 'DENIED') throw new TwinFault(denied);
    throw fault;
  }
}

/** An A/D update of a first-stage entry is a write to its page, which the second stage notes as dirty. */
function markTableDirty(
  machine: TwinMachine,
  policy: TwinPolicy,
  stage: SecondStage,
  guestAddress: bigint,
): void {
  walkSecondStage(machine, policy, stage, guestAddress, { read: false, write: true, zeroLength: false });
}
