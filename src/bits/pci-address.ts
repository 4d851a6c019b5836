/**
 * A PCI function's place: `domain:bus:device.function`. The kernel calls the domain a segment in DMAR
 * tables and a domain in sysfs.
 */
export interface PciAddress {
  /** 0 to 2^32-1; more than four hexadecimal digits behind a volume management device. */
  readonly domain: number;
  /** 0 to 255. */
  readonly bus: number;
  /** 0 to 31. */
  readonly device: number;
  /** 0 to 7. */
  readonly function: number;
}

/** The 16-bit requester id: bus, device and function. */
export function sourceIdOf(address: PciAddress): number {
  return (address.bus << 8) | (address.device << 3) | address.function;
}

export function pciAddressOf(domain: number, sourceId: number): PciAddress {
  return { domain, bus: sourceId >>> 8, device: (sourceId >>> 3) & 31, function: sourceId & 7 };
}

/** `0000:6a:01.0`, as sysfs names it. */
export function formatPciAddress(address: PciAddress): string {
  const hex = (value: number, width: number) => value.toString(16).padStart(width, '0');
  return `${hex(address.domain, 4)}:${hex(address.bus, 2)}:${hex(address.device, 2)}.${address.function}`;
}

/** Parses `[domain:]bus:device.function`, hexadecimal; null when it is not one. */
export function parsePciAddress(text: string): PciAddress | null {
  const match = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(text);
  if (!match) return null;
  const device = parseInt(match[3], 16);
  if (device > 31) return null;
  return {
    domain: match[1] === undefined ? 0 : parseInt(match[1], 16),
    bus: parseInt(match[2], 16),
    device,
    function: Number(match[4]),
  };
}

export function comparePciAddress(a: PciAddress, b: PciAddress): number {
  return a.domain - b.domain || sourceIdOf(a) - sourceIdOf(b);
}
