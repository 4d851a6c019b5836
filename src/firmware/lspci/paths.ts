import { parsePciAddress } from '../../bits/pci-address.js';
import type { PciAddress } from '../../bits/pci-address.js';
import { BRIDGE_HEADER } from '../../layout/pci/header.js';
import { dumpOf } from './dump.js';
import type { LspciRecord, LspciText } from './records.js';

const BUSES = /\bBus: primary=[0-9a-f]{2}, secondary=([0-9a-f]{2}),/;

interface Placed {
  readonly records: LspciRecord[];
  /** Behind a bridge whose secondary bus the text does not show. */
  readonly unplaced: LspciText[];
}

/** Finds the address of each function. Only `lspci -P` leaves buses out; its bridges then have to show theirs. */
export function placeRecords(texts: readonly LspciText[]): Placed {
  const bridges = new Map<string, LspciText>();
  const buses = new Map<string, number | null>();
  const busBelow = (path: string) => {
    const bridge = bridges.get(path);
    if (bridge && !buses.has(path)) buses.set(path, secondaryBusOf(bridge));
    return buses.get(path) ?? null;
  };
  const placed: Placed = { records: [], unplaced: [] };
  for (const text of texts) {
    const address = addressOf(text.path, busBelow);
    if (address) {
      if (!bridges.has(text.path)) bridges.set(text.path, text);
      placed.records.push({ ...text, address });
    } else placed.unplaced.push(text);
  }
  return placed;
}

/** A bridge is listed in front of what is behind it, since its bus has the lower number. */
function addressOf(path: string, busBelow: (path: string) => number | null): PciAddress | null {
  const end = path.lastIndexOf('/');
  if (end < 0) return parsePciAddress(path);
  const domain = parsePciAddress(path.slice(0, path.indexOf('/')))?.domain ?? 0;
  const last = path.slice(end + 1);
  const bus = last.includes(':') ? null : busBelow(path.slice(0, end));
  const address = parsePciAddress(bus === null ? last : `${bus.toString(16)}:${last}`);
  return address && { ...address, domain };
}

/** Null where nothing shows it, or firmware has not given it a number. */
function secondaryBusOf(bridge: LspciText): number | null {
  const dump = dumpOf(bridge).config;
  if (dump) return dump[BRIDGE_HEADER.secondaryBus] || null;
  for (const { text } of bridge.details) {
    const match = BUSES.exec(text);
    if (match) return parseInt(match[1], 16) || null;
  }
  return null;
}
