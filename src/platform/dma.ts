import { parsePciAddress, sourceIdOf } from '../bits/pci-address.js';
import type { U64 } from '../bits/u64.js';
import type { Machine } from '../hardware/machine.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import { Subdevice } from '../kernel/mdev/subdevice.js';
import type { DmaCommand } from './command.js';
import type { Platform } from './platform.js';

/** What became of a DMA request. */
export interface DmaOutcome {
  readonly completed: boolean;
  /** Where the bytes went, in order. */
  readonly segments: ReturnType<Machine['dma']>['segments'];
  /** Bytes read; null for writes and for requests that did not complete. */
  readonly data: Uint8Array | null;
  /** The address that was refused; null when the request completed. */
  readonly refusedAt: U64 | null;
}

/** Lets a device, or a subdevice through its parent, put one request on the bus. */
export function performDma(
  platform: Platform,
  endpoint: KernelDevice | Subdevice,
  command: DmaCommand,
): DmaOutcome {
  const { device, pasid } = requesterOf(endpoint, command.pasid);
  const result = platform.machine.dma(
    {
      fn: device.fn,
      pasid,
      address: command.address,
      size: command.size,
      access: command.access === 'WRITE' ? 'WRITE' : 'READ',
      execute: command.access === 'EXECUTE',
      data: command.data ?? undefined,
      addressType: command.translation,
    },
    sourceIdOnRequest(platform, device, command.requester),
  );
  return {
    completed: result.blocked === null,
    segments: result.segments,
    data: result.data,
    refusedAt: result.blocked?.address ?? null,
  };
}

/** Whose requests these are on the bus, and with which tag: a subdevice sends through its parent. */
export function requesterOf(
  endpoint: KernelDevice | Subdevice,
  wanted: DmaCommand['pasid'],
): { readonly device: KernelDevice; readonly pasid: number | null } {
  const device = endpoint instanceof Subdevice ? endpoint.parent : endpoint;
  const own = endpoint instanceof Subdevice ? endpoint.pasid : null;
  return { device, pasid: wanted === 'OWN' ? own : wanted === 'NONE' ? null : wanted };
}

/** The requester id a device's request carries: its own, or the one the command gives it. */
export function sourceIdOnRequest(platform: Platform, device: KernelDevice, requester?: string): number {
  const given = requester === undefined ? null : parsePciAddress(requester);
  return given === null ? platform.machine.requesterId(device.fn) : sourceIdOf(given);
}
