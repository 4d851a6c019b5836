import { parsePciAddress } from '../../bits/pci-address.js';
import type { DeviceScopeSpec } from '../../firmware/dmar/build.js';

/** Firmware names the I/O APIC and the timer by a requester id on a bus no listing shows. */
const HIDDEN_BUS = 0xf0;
const LEGACY_BLOCK = [{ device: 0x1f, function: 0 }];

/** A device by its address; further hops are devices behind it, each given as `device.function`. */
function pciScope(kind: DeviceScopeSpec['kind'], at: string, hops: readonly string[]): DeviceScopeSpec {
  const [first, ...rest] = [at, ...hops.map((hop) => `00:${hop}`)].map((text) => parsePciAddress(text)!);
  return {
    kind,
    startBus: first.bus,
    path: [first, ...rest].map(({ device, function: fn }) => ({ device, function: fn })),
  };
}

export function endpointScope(at: string, ...hops: string[]): DeviceScopeSpec {
  return pciScope('PCI_ENDPOINT', at, hops);
}

/** A port and everything below it. */
export function portScope(at: string): DeviceScopeSpec {
  return pciScope('PCI_SUB_HIERARCHY', at, []);
}

export function ioApicScope(enumerationId: number): DeviceScopeSpec {
  return { kind: 'IOAPIC', enumerationId, startBus: HIDDEN_BUS, path: LEGACY_BLOCK };
}

export function hpetScope(enumerationId: number): DeviceScopeSpec {
  return { kind: 'HPET', enumerationId, startBus: 0, path: LEGACY_BLOCK };
}
