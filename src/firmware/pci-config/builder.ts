import { CAPABILITY, EXTENDED_CAPABILITY } from '../../layout/pci/capability-ids.js';
import { CARDBUS_HEADER, HEADER, STATUS_HAS_CAPABILITIES } from '../../layout/pci/header.js';
import { atsBody, pasidBody, priBody } from './address-translation.js';
import type { AtsPart, PasidPart, PriPart } from './address-translation.js';
import { expressBody, withPrefixesForPasid } from './express.js';
import type { ExpressPart } from './express.js';
import { headerBytes } from './header.js';
import type { HeaderPart } from './header.js';
import { acsBody, ariBody } from './isolation.js';
import type { AcsPart, AriPart } from './isolation.js';
import { msiBody, msixBody } from './message-signalled.js';
import type { MsiPart, MsixPart } from './message-signalled.js';
import { dvsecBody, siovBody, sriovBody } from './virtualization.js';
import type { DvsecPart, SiovPart, SriovPart } from './virtualization.js';

interface Capability {
  readonly id: number;
  /** Extended capabilities only. */
  readonly version: number;
  /** With room for the header in front, zero there. */
  readonly body: Uint8Array;
  /** Offset it must have; null to be placed behind what is there. */
  readonly at: number | null;
}

const CONVENTIONAL_SIZE = 256;
const EXTENDED_SIZE = 4096;
const FIRST_CAPABILITY = 0x40;
/** The list of extended capabilities always starts here. Spec: PCI Express 7.6 "PCI Express Extended Configuration Space". */
const FIRST_EXTENDED = 0x100;

/**
 * A configuration space from named parts. Capabilities are linked in the order they are added and placed
 * one behind the other, unless an offset is given. 4096 bytes for a PCI Express function, else 256.
 *
 * @example new ConfigSpaceBuilder({ vendorId: 0x8086, deviceId: 0x0b25, classCode: 0x088000 })
 *   .express({ portType: 'ROOT_COMPLEX_ENDPOINT' }).pasid({ maxWidth: 20 }).siov({}).build()
 */
export class ConfigSpaceBuilder {
  private readonly conventional: Capability[] = [];
  private readonly extended: Capability[] = [];
  private header: HeaderPart;
  private prefixesSaid = false;

  constructor(header: HeaderPart) {
    this.header = header;
  }

  multiFunction(set = true): this {
    this.header = { ...this.header, multiFunction: set };
    return this;
  }

  express(part: ExpressPart, at: number | null = null): this {
    this.prefixesSaid = part.endToEndPrefix !== undefined;
    return this.capability(CAPABILITY.express, expressBody(part), at);
  }

  msi(part: MsiPart = {}, at: number | null = null): this {
    return this.capability(CAPABILITY.msi, msiBody(part), at);
  }

  msix(part: MsixPart, at: number | null = null): this {
    return this.capability(CAPABILITY.msiX, msixBody(part), at);
  }

  ats(part: AtsPart = {}, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.addressTranslationServices, atsBody(part), at);
  }

  pri(part: PriPart = {}, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.pageRequestInterface, priBody(part), at);
  }

  pasid(part: PasidPart, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.pasid, pasidBody(part), at);
  }

  acs(part: AcsPart, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.accessControlServices, acsBody(part), at);
  }

  ari(part: AriPart = {}, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.alternativeRoutingId, ariBody(part), at);
  }

  sriov(part: SriovPart, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.singleRootIov, sriovBody(part), at);
  }

  dvsec(part: DvsecPart, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.designatedVendorSpecific, dvsecBody(part), at);
  }

  siov(part: SiovPart = {}, at: number | null = null): this {
    return this.extendedCapability(EXTENDED_CAPABILITY.designatedVendorSpecific, siovBody(part), at);
  }

  /** Any other capability; `body` starts with two bytes for id and next pointer. */
  capability(id: number, body: Uint8Array, at: number | null = null): this {
    this.conventional.push({ id, version: 0, body, at });
    return this;
  }

  /** Any other extended capability; `body` starts with four bytes for the header. */
  extendedCapability(id: number, body: Uint8Array, at: number | null = null, version = 1): this {
    this.extended.push({ id, version, body, at });
    return this;
  }

  /**
   * @param overlap What becomes of a capability that reaches into the next one: an import clips it, since
   *   real functions leave out registers at the end.
   * @throws RangeError when capabilities do not fit or, unless clipped, overlap.
   */
  build(overlap: 'refuse' | 'clip' = 'refuse'): Uint8Array {
    const isExpress =
      this.extended.length > 0 || this.conventional.some(({ id }) => id === CAPABILITY.express);
    const config = new Uint8Array(isExpress ? EXTENDED_SIZE : CONVENTIONAL_SIZE);
    config.set(headerBytes(this.header));
    const conventional = overlap === 'clip' ? clip(this.conventional, CONVENTIONAL_SIZE) : this.conventional;
    const offsets = place(conventional, FIRST_CAPABILITY, CONVENTIONAL_SIZE);
    const impliesPrefixes =
      !this.prefixesSaid && this.extended.some(({ id }) => id === EXTENDED_CAPABILITY.pasid);
    conventional.forEach(({ id, body }, index) => {
      const asExpress = id === CAPABILITY.express && impliesPrefixes;
      config.set(asExpress ? withPrefixesForPasid(body) : body, offsets[index]);
      config[offsets[index]] = id;
      config[offsets[index] + 1] = offsets[index + 1] ?? 0;
    });
    if (offsets.length > 0) {
      config[HEADER.status] |= STATUS_HAS_CAPABILITIES;
      const header = this.header.bridge?.cardBus ? CARDBUS_HEADER : HEADER;
      config[header.capabilitiesPointer] = offsets[0];
    }
    this.buildExtended(config, overlap === 'clip' ? clip(this.extended, EXTENDED_SIZE) : this.extended);
    return config;
  }

  private buildExtended(config: Uint8Array, extended: readonly Capability[]): void {
    const view = new DataView(config.buffer);
    const offsets = place(extended, FIRST_EXTENDED, EXTENDED_SIZE);
    extended.forEach(({ id, version, body }, index) => {
      config.set(body, offsets[index]);
      view.setUint32(offsets[index], (id | (version << 16) | ((offsets[index + 1] ?? 0) << 20)) >>> 0, true);
    });
    // Readers start at 0x100: when nothing known is there, a null capability leads on to the first one.
    if (offsets.length > 0 && offsets[0] !== FIRST_EXTENDED) {
      view.setUint32(FIRST_EXTENDED, (offsets[0] << 20) >>> 0, true);
    }
  }
}

/** The capabilities with given offsets cut where the next of them starts. */
function clip(capabilities: readonly Capability[], end: number): Capability[] {
  const starts = capabilities.flatMap(({ at }) => at ?? []).sort((a, b) => a - b);
  return capabilities.map((capability) => {
    const { at, body } = capability;
    if (at === null) return capability;
    const next = starts.find((start) => start > at) ?? end;
    return { ...capability, body: body.subarray(0, next - at) };
  });
}

/** An offset for each capability: its own, or the first free one behind those added before. */
function place(capabilities: readonly Capability[], start: number, end: number): number[] {
  const taken: { first: number; end: number }[] = [];
  let next = start;
  return capabilities.map(({ id, body, at }) => {
    const first = at ?? next;
    const last = first + body.length;
    const fits = first >= start && first % 4 === 0 && last <= end;
    if (!fits || taken.some((range) => first < range.end && range.first < last)) {
      throw new RangeError(`capability 0x${id.toString(16)} does not fit at 0x${first.toString(16)}`);
    }
    taken.push({ first, end: last });
    next = Math.max(next, (last + 3) & ~3);
    return first;
  });
}
