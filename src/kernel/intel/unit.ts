import type { HostFrame } from '../../bits/address.js';
import { type U64, u64, u64FromPfn, u64ToNumber } from '../../bits/u64.js';
import { type UnitCapabilities, decodeCapabilities } from '../../layout/capability.js';
import type { DeviceScope, DrhdStructure } from '../../layout/dmar/table.js';
import { GLOBAL, REGISTER } from '../../layout/registers.js';
import type { UnitRegisters } from '../machine-port.js';
import { DomainIds } from './domain-ids.js';
import { InterruptSlots } from './interrupt-slots.js';
import type { InvalidationRing, UnitSurroundings } from './submit.js';

/** Widest table the driver asks for by default: 57 bits. Linux: DEFAULT_DOMAIN_ADDRESS_WIDTH. */
const WIDEST_AGAW = 3;

/** The driver's view of one remapping unit: its registers, and what was set up for it. Linux: struct intel_iommu. */
export class IntelUnit {
  /** `dmar0`, `dmar1`, ... in table order. */
  readonly name: string;
  readonly segment: number;
  readonly registerBase: U64;
  readonly includeAll: boolean;
  readonly capability: U64;
  readonly extendedCapability: U64;
  /** The VER register. */
  readonly version: number;
  readonly capabilities: UnitCapabilities;
  /** Asked for and able. Linux: sm_supported(). */
  readonly scalableMode: boolean;
  readonly domainIds: DomainIds;
  /** AW value of the widest second-stage tables; -1 when there are none. Linux: iommu_calculate_agaw(). */
  readonly agaw: number;
  /** Not used for DMA remapping. */
  ignored = false;
  rootFrame: HostFrame | null = null;
  /** Null while the unit is used through its invalidation registers. */
  ring: InvalidationRing | null = null;
  /** First frame of the interrupt remapping table; null while interrupts are not remapped. */
  interruptTableFrame: HostFrame | null = null;
  /** Entries of that table in use. */
  readonly interruptSlots = new InterruptSlots();
  /** It can walk the tables of processes. Linux: VTD_FLAG_SVM_CAPABLE. */
  sharesMemory = false;
  translationEnabled = false;
  /** Message data of the fault event; null until it is set up. */
  faultVector: number | null = null;
  /** Queue of page requests, and message data of their event; null where the unit takes none. */
  pageRequestFrame: HostFrame | null = null;
  pageRequestVector: number | null = null;
  /** Bits of GCMD that are levels, as last written. */
  private command = 0;

  constructor(
    readonly sequence: number,
    readonly drhd: DrhdStructure,
    readonly registers: UnitRegisters,
    readonly surroundings: UnitSurroundings,
    wanted: { readonly scalableMode: boolean; readonly reservesDefaultDomainId: boolean },
  ) {
    this.name = `dmar${sequence}`;
    this.segment = drhd.segment;
    this.registerBase = drhd.registerBase;
    this.includeAll = drhd.includeAll;
    this.capability = registers.readRegister(REGISTER.CAP, 8);
    this.extendedCapability = registers.readRegister(REGISTER.ECAP, 8);
    this.version = registers.readRegister(REGISTER.VER, 4).lo;
    this.capabilities = decodeCapabilities(this.version, this.capability, this.extendedCapability);
    this.scalableMode = wanted.scalableMode && this.capabilities.SMTS;
    this.domainIds = new DomainIds(
      2 ** this.capabilities.domainIdBits,
      this.scalableMode || wanted.reservesDefaultDomainId,
    );
    this.agaw = widestAgaw(this.capabilities.SAGAW, WIDEST_AGAW);
  }

  get scopes(): readonly DeviceScope[] {
    return this.drhd.scopes;
  }

  get domainIdsSupported(): number {
    return this.domainIds.supported;
  }

  /** Reserved ids included, as sysfs counts. */
  get domainIdsUsed(): number {
    return this.domainIds.used;
  }

  /** Address of the root table; null before it is set up. */
  get rootTableAddress(): U64 | null {
    return this.rootFrame === null ? null : u64FromPfn(this.rootFrame);
  }

  /** Widest input address a table of this unit translates. */
  get addressWidth(): number {
    return Math.min(30 + 9 * this.agaw, this.capabilities.maxGuestAddressWidth);
  }

  /** Linux: pasid_supported(). */
  get pasidSupported(): boolean {
    return this.scalableMode && this.capabilities.PASID;
  }

  /** AW of pass-through entries in legacy mode: the widest there is. Linux: iommu.msagaw. */
  get widestAgaw(): number {
    return widestAgaw(this.capabilities.SAGAW, 4);
  }

  read32(offset: number): number {
    return this.registers.readRegister(offset, 4).lo;
  }

  read64(offset: number): U64 {
    return this.registers.readRegister(offset, 8);
  }

  write32(offset: number, value: number): void {
    this.registers.writeRegister(offset, 4, u64(0, value));
  }

  write64(offset: number, value: U64): void {
    this.registers.writeRegister(offset, 8, value);
  }

  /** Switches a level of GCMD on and waits for its status. */
  enable(bits: number): void {
    this.command = (this.command | bits) >>> 0;
    this.write32(REGISTER.GCMD, this.command);
    this.expectStatus(bits);
  }

  /** Issues a one-shot command of GCMD. */
  strobe(bit: number): void {
    this.write32(REGISTER.GCMD, (this.command | bit) >>> 0);
    if (bit !== GLOBAL.WBF) this.expectStatus(bit);
  }

  print(text: string): void {
    this.surroundings.log.print(text);
  }

  /** Base of the register set as a number, for messages. */
  get registerAddress(): number {
    return u64ToNumber(this.registerBase);
  }

  private expectStatus(bits: number): void {
    // Linux: IOMMU_WAIT_OP() panics after ten seconds.
    if ((this.read32(REGISTER.GSTS) & bits) === 0) throw new Error('DMAR hardware is malfunctioning');
  }
}

function widestAgaw(sagaw: number, from: number): number {
  for (let agaw = from; agaw >= 0; agaw--) if (((sagaw >>> agaw) & 1) === 1) return agaw;
  return -1;
}
