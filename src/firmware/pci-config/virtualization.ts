import type { ScalableIovCapability } from '../../layout/pci/dvsec.js';
import type { SriovCapability } from '../../layout/pci/sriov.js';

type RequiredSriov = 'totalVfs' | 'firstOffset' | 'stride';

/** Left out: all VFs initial, none switched on, pages of 4 KiB. */
export interface SriovPart
  extends Pick<SriovCapability, RequiredSriov>, Partial<Omit<SriovCapability, RequiredSriov | 'offset'>> {
  readonly dependencyLink?: number;
  readonly supportedPageSizes?: number;
  readonly systemPageSize?: number;
}

export interface DvsecPart {
  readonly vendorId: number;
  readonly id: number;
  readonly revision?: number;
  /** Bytes from offset 10 of the capability on. */
  readonly content?: Uint8Array;
}

/** The first two bytes of the content are laid out by analogy with SR-IOV, UNCONFIRMED. */
export interface SiovPart extends Partial<Omit<ScalableIovCapability, 'offset'>> {
  readonly dependencyLink?: number;
  readonly homogeneous?: boolean;
}

const SIOV = { vendorId: 0x8086, id: 0x0005 } as const;
const ONE_PAGE = 1;

/** Spec: Single Root I/O Virtualization 3.3 "SR-IOV Extended Capability". */
export function sriovBody(part: SriovPart): Uint8Array {
  const bytes = new Uint8Array(0x40);
  const view = new DataView(bytes.buffer);
  const control =
    (part.vfEnabled ? 1 : 0) | (part.memoryEnabled ? 8 : 0) | (part.ariCapableHierarchy ? 0x10 : 0);
  view.setUint16(0x08, control, true);
  view.setUint16(0x0c, part.initialVfs ?? part.totalVfs, true);
  view.setUint16(0x0e, part.totalVfs, true);
  view.setUint16(0x10, part.numVfs ?? 0, true);
  bytes[0x12] = part.dependencyLink ?? 0;
  view.setUint16(0x14, part.firstOffset, true);
  view.setUint16(0x16, part.stride, true);
  view.setUint16(0x1a, part.vfDeviceId ?? 0, true);
  view.setUint32(0x1c, part.supportedPageSizes ?? ONE_PAGE, true);
  view.setUint32(0x20, part.systemPageSize ?? ONE_PAGE, true);
  return bytes;
}

/** Spec: PCI Express 7.9.6 "Designated Vendor-Specific Extended Capability". */
export function dvsecBody(part: DvsecPart): Uint8Array {
  const content = part.content ?? new Uint8Array(0);
  const bytes = new Uint8Array(10 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, (part.vendorId | ((part.revision ?? 1) << 16) | (bytes.length << 20)) >>> 0, true);
  view.setUint16(8, part.id, true);
  bytes.set(content, 10);
  return bytes;
}

/** Spec: Intel Scalable I/O Virtualization, "Device capability enumeration". */
export function siovBody(part: SiovPart): Uint8Array {
  const content = new Uint8Array(14);
  const view = new DataView(content.buffer);
  content[0] = part.dependencyLink ?? 0;
  content[1] = part.homogeneous ? 1 : 0;
  view.setUint32(2, part.supportedPageSizes ?? ONE_PAGE, true);
  view.setUint32(6, part.systemPageSize ?? ONE_PAGE, true);
  view.setUint32(10, part.interruptMessageStorage ? 1 : 0, true);
  return dvsecBody({ ...SIOV, content });
}
