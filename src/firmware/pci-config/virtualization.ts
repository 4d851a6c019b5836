/** PCIe Base 9.3.3 "SR-IOV Extended Capability". */
export interface SriovPart {
  readonly enabled?: boolean;
  readonly memoryEnabled?: boolean;
  readonly ariHierarchy?: boolean;
  readonly initialVfs?: number;
  readonly totalVfs: number;
  readonly numVfs?: number;
  readonly dependencyLink?: number;
  readonly firstVfOffset: number;
  readonly vfStride: number;
  readonly vfDeviceId?: number;
  readonly supportedPageSizes?: number;
  readonly systemPageSize?: number;
}

/** PCIe Base 7.9.6 "Designated Vendor-Specific Extended Capability". */
export interface DvsecPart {
  readonly vendorId: number;
  readonly id: number;
  readonly revision?: number;
  /** Bytes from offset 10 of the capability on. */
  readonly content?: Uint8Array;
}

/** Intel's Scalable IOV DVSEC. Layout of the first two content bytes by analogy with SR-IOV, UNCONFIRMED. */
export interface SiovPart {
  readonly dependencyLink?: number;
  readonly homogeneous?: boolean;
  readonly supportedPageSizes?: number;
  readonly systemPageSize?: number;
  readonly interruptMessageStore?: boolean;
}

export const SRIOV_CAPABILITY = 0x10;
export const DVSEC_CAPABILITY = 0x23;
export const SIOV_DVSEC = { vendorId: 0x8086, id: 0x0005 } as const;

/** Offsets in the SR-IOV capability that readers of it need too. */
export const SRIOV_OFFSETS = {
  CONTROL: 0x08,
  TOTAL_VFS: 0x0e,
  NUM_VFS: 0x10,
  FIRST_VF: 0x14,
  STRIDE: 0x16,
} as const;

const ONE_PAGE = 1;

export function sriovBody(part: SriovPart): Uint8Array {
  const bytes = new Uint8Array(0x40);
  const view = new DataView(bytes.buffer);
  const control = (part.enabled ? 1 : 0) | (part.memoryEnabled ? 8 : 0) | (part.ariHierarchy ? 0x10 : 0);
  view.setUint16(SRIOV_OFFSETS.CONTROL, control, true);
  view.setUint16(0x0c, part.initialVfs ?? part.totalVfs, true);
  view.setUint16(SRIOV_OFFSETS.TOTAL_VFS, part.totalVfs, true);
  view.setUint16(SRIOV_OFFSETS.NUM_VFS, part.numVfs ?? 0, true);
  bytes[0x12] = part.dependencyLink ?? 0;
  view.setUint16(SRIOV_OFFSETS.FIRST_VF, part.firstVfOffset, true);
  view.setUint16(SRIOV_OFFSETS.STRIDE, part.vfStride, true);
  view.setUint16(0x1a, part.vfDeviceId ?? 0, true);
  view.setUint32(0x1c, part.supportedPageSizes ?? ONE_PAGE, true);
  view.setUint32(0x20, part.systemPageSize ?? ONE_PAGE, true);
  return bytes;
}

export function dvsecBody(part: DvsecPart): Uint8Array {
  const content = part.content ?? new Uint8Array(0);
  const bytes = new Uint8Array(10 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, (part.vendorId | ((part.revision ?? 1) << 16) | (bytes.length << 20)) >>> 0, true);
  view.setUint16(8, part.id, true);
  bytes.set(content, 10);
  return bytes;
}

export function siovBody(part: SiovPart): Uint8Array {
  const content = new Uint8Array(14);
  const view = new DataView(content.buffer);
  content[0] = part.dependencyLink ?? 0;
  content[1] = part.homogeneous ? 1 : 0;
  view.setUint32(2, part.supportedPageSizes ?? ONE_PAGE, true);
  view.setUint32(6, part.systemPageSize ?? ONE_PAGE, true);
  view.setUint32(10, part.interruptMessageStore ? 1 : 0, true);
  return dvsecBody({ ...SIOV_DVSEC, content });
}
