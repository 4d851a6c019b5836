import { type PciAddress, formatPciAddress, sourceIdOf } from '../../bits/pci-address.js';
import { type AcsCapability, decodeAcs } from '../../layout/pci/acs.js';
import { type AtsCapability, decodeAts } from '../../layout/pci/ats.js';
import {
  type CapabilityEntry,
  extendedCapabilities,
  standardCapabilities,
} from '../../layout/pci/capabilities.js';
import { CAPABILITY, EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { readConfigSpace } from '../../layout/pci/config-space.js';
import {
  type DvsecCapability,
  type ScalableIovCapability,
  decodeDvsec,
  decodeScalableIov,
  isScalableIov,
} from '../../layout/pci/dvsec.js';
import { type ExpressCapability, type PciePortType, decodeExpress } from '../../layout/pci/express.js';
import { BRIDGE_HEADER, type HeaderKind, decodeHeader } from '../../layout/pci/header.js';
import {
  type MsiCapability,
  type MsiXCapability,
  decodeMsi,
  decodeMsiX,
} from '../../layout/pci/message-signalled.js';
import { type PasidCapability, decodePasid } from '../../layout/pci/pasid.js';
import { type PriCapability, decodePri } from '../../layout/pci/pri.js';
import { type SriovCapability, decodeSriov } from '../../layout/pci/sriov.js';
import { writeConfigMasked } from './config-write.js';

/** What a function is made from; a firmware description has these and more. */
export interface PciFunctionSource {
  readonly address: PciAddress;
  readonly config: Uint8Array;
  /** The physical function when this is a virtual one. */
  readonly physicalFunction?: PciAddress | null;
}

/** Acts on writes to configuration space. */
export interface ConfigWatcher {
  configWritten(fn: PciFunction): void;
}

/**
 * One PCI function: its place, its configuration space, and what that says.
 *
 * Where capabilities stand and what kind of function it is never changes, so it is found once; views of
 * capabilities (`acs`, `ats`, ...) are decoded at each call, because control bits do change.
 */
export class PciFunction {
  readonly address: PciAddress;
  /** `0000:6a:01.0`. */
  readonly name: string;
  /** Bus, device and function as one 16-bit number: the requester id. */
  readonly sourceId: number;
  /** This function's own copy. */
  readonly config: Uint8Array;
  readonly headerKind: HeaderKind;
  /** A header with buses behind it (PCI-to-PCI or CardBus). */
  readonly isBridge: boolean;
  /** Base class, subclass and interface as one 24-bit number. */
  readonly classCode: number;
  readonly standardCapabilities: readonly CapabilityEntry[];
  readonly extendedCapabilities: readonly CapabilityEntry[];
  /** The PCIe capability; null for a conventional function. */
  readonly express: ExpressCapability | null;
  /** Address the source named as its physical function, if it did; see {@link physicalFunction}. */
  readonly statedPhysicalFunction: PciAddress | null;
  /** Told of each write; for what happens at once when a control bit changes. */
  configWatcher: ConfigWatcher | null = null;
  /**
   * Software is looking at it for the first time while the machine runs, and knows no more than its own
   * header says.
   */
  underScan = false;
  private physical: PciFunction | null = null;

  constructor(source: PciFunctionSource) {
    this.address = source.address;
    this.name = formatPciAddress(source.address);
    this.sourceId = sourceIdOf(source.address);
    this.config = source.config.slice();
    this.statedPhysicalFunction = source.physicalFunction ?? null;
    const header = decodeHeader(this.config);
    this.headerKind = header.kind;
    this.isBridge = header.kind === 'BRIDGE' || header.kind === 'CARDBUS';
    this.classCode = header.classCode;
    this.standardCapabilities = standardCapabilities(this.config);
    this.extendedCapabilities = extendedCapabilities(this.config);
    const express = this.standardCapabilities.find((entry) => entry.id === CAPABILITY.express);
    this.express = express === undefined ? null : decodeExpress(this.config, express.offset);
  }

  /** The physical function of a virtual one; null for every other function. Set by the topology. */
  get physicalFunction(): PciFunction | null {
    return this.physical;
  }

  get isVirtual(): boolean {
    return this.physical !== null;
  }

  /** Makes this a virtual function of `physical`. */
  belongsTo(physical: PciFunction): void {
    this.physical = physical;
  }

  /** A virtual function implements no vendor id of its own: it answers ones and takes its physical function's. */
  get vendorId(): number {
    const own = readConfigSpace(this.config, 0, 2);
    return own === 0xffff && this.physical !== null ? this.physical.vendorId : own;
  }

  get deviceId(): number {
    const own = readConfigSpace(this.config, 2, 2);
    return own === 0xffff && this.physical !== null ? (this.physical.sriov?.vfDeviceId ?? own) : own;
  }

  get revision(): number {
    return readConfigSpace(this.config, 8, 1);
  }

  /**
   * Whether the slot holds several functions, as software takes it: bit 7 of the header type in function 0,
   * always in another function, never in a virtual one. A scan notes it of another function only when that
   * is in place, so for whoever is told of its arrival its own bit 7 decides.
   * Linux: pci_scan_slot(), pci_iov_add_virtfn().
   */
  get isMultifunction(): boolean {
    if (this.physical !== null) return false;
    const byPlace = this.address.function !== 0 && !this.underScan;
    return byPlace || decodeHeader(this.config).multifunctionBit;
  }

  /** First bus behind a bridge; null for other functions. */
  get secondaryBus(): number | null {
    return this.isBridge ? readConfigSpace(this.config, BRIDGE_HEADER.secondaryBus, 1) : null;
  }

  /** Last bus behind a bridge; null for other functions. */
  get subordinateBus(): number | null {
    return this.isBridge ? readConfigSpace(this.config, BRIDGE_HEADER.subordinateBus, 1) : null;
  }

  /** The kind of PCIe port or endpoint; null for a conventional function. */
  get pcieType(): PciePortType | null {
    return this.express?.portType ?? null;
  }

  get isPcie(): boolean {
    return this.express !== null;
  }

  get acs(): AcsCapability | null {
    return this.view(EXTENDED_CAPABILITY.accessControlServices, decodeAcs);
  }

  get ats(): AtsCapability | null {
    return this.view(EXTENDED_CAPABILITY.addressTranslationServices, decodeAts);
  }

  get pri(): PriCapability | null {
    return this.view(EXTENDED_CAPABILITY.pageRequestInterface, decodePri);
  }

  get pasid(): PasidCapability | null {
    return this.view(EXTENDED_CAPABILITY.pasid, decodePasid);
  }

  get sriov(): SriovCapability | null {
    return this.view(EXTENDED_CAPABILITY.singleRootIov, decodeSriov);
  }

  get msi(): MsiCapability | null {
    return this.standardView(CAPABILITY.msi, decodeMsi);
  }

  get msiX(): MsiXCapability | null {
    return this.standardView(CAPABILITY.msiX, decodeMsiX);
  }

  get dvsecs(): DvsecCapability[] {
    return this.extendedCapabilities
      .filter((entry) => entry.id === EXTENDED_CAPABILITY.designatedVendorSpecific)
      .map((entry) => decodeDvsec(this.config, entry.offset));
  }

  /** The capability that announces Scalable IOV. */
  get scalableIov(): ScalableIovCapability | null {
    const dvsec = this.dvsecs.find(isScalableIov);
    return dvsec === undefined ? null : decodeScalableIov(this.config, dvsec.offset);
  }

  /** A configuration read; bytes the machine's description did not hold read as ones. */
  readConfig(offset: number, bytes: 1 | 2 | 4): number {
    return readConfigSpace(this.config, offset, bytes);
  }

  /** A configuration write: read-only bits keep their value, write-1-to-clear bits clear. */
  writeConfig(offset: number, bytes: 1 | 2 | 4, value: number): void {
    writeConfigMasked(this, offset, bytes, value);
    this.configWatcher?.configWritten(this);
  }

  private standardView<T>(id: number, decode: (config: Uint8Array, offset: number) => T): T | null {
    const entry = this.standardCapabilities.find((candidate) => candidate.id === id);
    return entry === undefined ? null : decode(this.config, entry.offset);
  }

  private view<T>(id: number, decode: (config: Uint8Array, offset: number) => T): T | null {
    const entry = this.extendedCapabilities.find((candidate) => candidate.id === id);
    return entry === undefined ? null : decode(this.config, entry.offset);
  }
}
