import { readConfigSpace } from './config-space.js';

export const SRIOV_CONTROL_OFFSET = 8;
export const SRIOV_NUM_VFS_OFFSET = 0x10;
export const SRIOV_VF_ENABLE = 1;
export const SRIOV_VF_MEMORY_ENABLE = 8;

/** Spec: Single Root I/O Virtualization 3.3 "SR-IOV Extended Capability". */
export interface SriovCapability {
  readonly offset: number;
  readonly vfEnabled: boolean;
  readonly memoryEnabled: boolean;
  readonly ariCapableHierarchy: boolean;
  readonly initialVfs: number;
  readonly totalVfs: number;
  readonly numVfs: number;
  /** Added to the physical function's routing id for the first virtual function. */
  readonly firstOffset: number;
  readonly stride: number;
  readonly vfDeviceId: number;
}

export function decodeSriov(config: Uint8Array, offset: number): SriovCapability {
  const control = readConfigSpace(config, offset + SRIOV_CONTROL_OFFSET, 2);
  return {
    offset,
    vfEnabled: (control & SRIOV_VF_ENABLE) !== 0,
    memoryEnabled: (control & SRIOV_VF_MEMORY_ENABLE) !== 0,
    ariCapableHierarchy: (control & 0x10) !== 0,
    initialVfs: readConfigSpace(config, offset + 0x0c, 2),
    totalVfs: readConfigSpace(config, offset + 0x0e, 2),
    numVfs: readConfigSpace(config, offset + SRIOV_NUM_VFS_OFFSET, 2),
    firstOffset: readConfigSpace(config, offset + 0x14, 2),
    stride: readConfigSpace(config, offset + 0x16, 2),
    vfDeviceId: readConfigSpace(config, offset + 0x1a, 2),
  };
}

/**
 * Routing ids of the virtual functions that are switched on, first one first. An id past 0xffff cannot
 * be on any bus of the segment and ends the list.
 */
export function virtualFunctionIds(sriov: SriovCapability, physicalSourceId: number): number[] {
  const ids: number[] = [];
  if (!sriov.vfEnabled) return ids;
  for (let n = 0; n < sriov.numVfs; n++) {
    const id = physicalSourceId + sriov.firstOffset + n * sriov.stride;
    if (id > 0xffff) break;
    ids.push(id);
    if (sriov.stride === 0) break;
  }
  return ids;
}
