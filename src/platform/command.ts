import type { U64 } from '../bits/u64.js';
import type { RequestKey } from './idempotency.js';

/** A device or subdevice by its own name. */
export type EndpointRef =
  { readonly kind: 'Device'; readonly name: string } | { readonly kind: 'Subdevice'; readonly name: string };

/** What a domain can be attached to. */
export type TargetRef = EndpointRef | { readonly kind: 'Group'; readonly number: number };

/**
 * What a user may ask of a platform, as plain data that names objects by their own keys. This is what the
 * log stores, so a command holds everything its effect depends on and nothing that depends on state.
 */
export type Command =
  | { readonly type: 'enableFeature'; readonly device: string; readonly feature: 'AUX' | 'SVA' | 'IOPF' }
  | { readonly type: 'disableFeature'; readonly device: string; readonly feature: 'AUX' | 'SVA' | 'IOPF' }
  | {
      readonly type: 'createMdev';
      readonly parent: string;
      readonly mdevType: string;
      readonly uuid: string;
      /** mdev when left out. */
      readonly framework?: 'subdev-test';
    }
  | {
      readonly type: 'createSoftwareMdev';
      readonly parent: string;
      readonly mdevType: string;
      readonly uuid: string;
    }
  | { readonly type: 'removeSoftwareMdev'; readonly subdevice: string }
  | { readonly type: 'setGroupType'; readonly group: number; readonly word: string }
  | { readonly type: 'removeMdev'; readonly subdevice: string }
  | { readonly type: 'allocDomain'; readonly bus: string; readonly domainType: DomainTypeName }
  | { readonly type: 'freeDomain'; readonly domain: number }
  | { readonly type: 'attach'; readonly domain: number; readonly target: TargetRef }
  | { readonly type: 'detach'; readonly domain: number; readonly target: TargetRef }
  | MapCommand
  | { readonly type: 'unmap'; readonly domain: number; readonly iova: U64; readonly size: U64 }
  | DmaCommand
  | OpenContainerCommand
  | { readonly type: 'closeContainer'; readonly container: number }
  | { readonly type: 'addGroupToContainer'; readonly container: number; readonly group: number }
  | { readonly type: 'removeGroupFromContainer'; readonly container: number; readonly group: number }
  /** The number VFIO_SET_IOMMU takes: 1 for type1, 3 for type1v2. */
  | { readonly type: 'setContainerIommu'; readonly container: number; readonly iommuType: number }
  | { readonly type: 'openVfioDevice'; readonly group: number; readonly name: string }
  | { readonly type: 'closeVfioDevice'; readonly group: number; readonly name: string }
  | VfioMapDmaCommand
  | {
      readonly type: 'vfioUnmapDma';
      readonly container: number;
      readonly iova: U64;
      readonly size: U64;
      readonly all: boolean;
      /** VFIO_DMA_UNMAP_FLAG_VADDR. */
      readonly takeVaddr?: true;
    }
  | {
      readonly type: 'vfioDirtyPages';
      readonly container: number;
      readonly action: 'START' | 'STOP' | 'GET_BITMAP';
      /** What to read; GET_BITMAP only. */
      readonly range: { readonly iova: U64; readonly size: U64 } | null;
    }
  | {
      readonly type: 'hotplugDevice';
      /** The functions of the card, as lspci prints them. */
      readonly pci: string;
    }
  | { readonly type: 'rescanBus' }
  /** @param unplug takes it out of its slot too */
  | { readonly type: 'removeDevice'; readonly device: string; readonly unplug: boolean }
  | { readonly type: 'setNumVfs'; readonly device: string; readonly count: number }
  | {
      readonly type: 'bindDriver';
      readonly device: string;
      readonly driver: string;
      /** Message-signalled interrupts the driver asks for; none when left out. */
      readonly vectors?: number;
    }
  | { readonly type: 'unbindDriver'; readonly device: string }
  | {
      readonly type: 'svaBind';
      readonly device: string;
      /** As the user numbers processes. */
      readonly process: number;
      readonly userMemory: readonly UserMemoryRange[] | null;
    }
  | { readonly type: 'svaUnbind'; readonly device: string; readonly process: number }
  | {
      readonly type: 'dmaMap';
      readonly device: string;
      readonly physical: U64;
      /** Bytes. */
      readonly size: number;
      readonly direction: 'TO_DEVICE' | 'FROM_DEVICE' | 'BIDIRECTIONAL';
    }
  | { readonly type: 'dmaUnmap'; readonly device: string; readonly address: U64 }
  | { readonly type: 'pokeMemory'; readonly address: number; readonly words: readonly U64[] }
  | { readonly type: 'writeRegister'; readonly unit: string; readonly register: string; readonly value: U64 }
  | { readonly type: 'submitDescriptor'; readonly unit: string; readonly words: readonly U64[] }
  | RequestPageCommand
  | SignalInterruptCommand;

/** A device sends an interrupt message: one given, or that of an interrupt its driver has, by number. */
export type SignalInterruptCommand = {
  readonly type: 'signalInterrupt';
  readonly device: string;
  readonly requester?: string;
} & ({ readonly address: U64; /** 32 bits. */ readonly data: number } | { readonly interrupt: number });

/** A device asks for a page (PRI). */
export interface RequestPageCommand {
  readonly type: 'requestPage';
  readonly endpoint: EndpointRef;
  readonly pasid: 'OWN' | 'NONE' | number;
  readonly address: U64;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly last: boolean;
  /** 0 to 511. */
  readonly groupIndex: number;
}

export type DomainTypeName = 'UNMANAGED' | 'DMA' | 'DMA_FQ' | 'IDENTITY' | 'BLOCKED' | 'SVA';

export interface MapCommand {
  readonly type: 'map';
  readonly domain: number;
  readonly iova: U64;
  readonly physical: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
}

/** A range of a user process's virtual memory. */
export interface UserMemoryRange {
  readonly start: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
  /** Bytes of the pages behind it. */
  readonly pageSize: number;
}

export interface OpenContainerCommand {
  readonly type: 'openContainer';
  /** Null for everything a process can have. */
  readonly userMemory: readonly UserMemoryRange[] | null;
  /** Bytes its mappings may pin; any number when left out. */
  readonly lockedMemoryLimit?: U64;
}

export interface VfioMapDmaCommand {
  readonly type: 'vfioMapDma';
  readonly container: number;
  readonly iova: U64;
  readonly vaddr: U64;
  readonly size: U64;
  readonly read: boolean;
  readonly write: boolean;
  /** VFIO_DMA_MAP_FLAG_VADDR. */
  readonly updateVaddr?: true;
}

export interface DmaCommand {
  readonly type: 'dma';
  readonly endpoint: EndpointRef;
  /** OWN: the tag the endpoint has; NONE: no tag; a number: that PASID. */
  readonly pasid: 'OWN' | 'NONE' | number;
  readonly address: U64;
  /** Bytes, 1 to 16 MiB. */
  readonly size: number;
  readonly access: 'READ' | 'WRITE' | 'EXECUTE';
  /** Bytes to write; null for zeros. */
  readonly data: Uint8Array | null;
  readonly translation: 'UNTRANSLATED' | 'TRANSLATION_REQUEST' | 'TRANSLATED' | 'DEVICE_TLB';
  /** Requester id on the request, as a PCI address; the endpoint's own when left out. */
  readonly requester?: string;
}

/** A command with what came from outside, as it is appended to the log. */
export interface LoggedCommand {
  readonly command: Command;
  /** Wall clock when it was accepted, milliseconds since 1970. */
  readonly time: number;
  /** The client's own name for the request, where it gave one. */
  readonly request?: RequestKey;
}
