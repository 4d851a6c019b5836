import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parsePciAddress } from '../../src/bits/pci-address.js';
import { PciFunction } from '../../src/hardware/pci/function.js';
import { PciTopology } from '../../src/hardware/pci/topology.js';

/** Recorded machines; absent where only the project itself was checked out. */
export const EVIDENCE = join('..', 'shared', 'data');

export function hasEvidence(path = ''): boolean {
  return existsSync(join(EVIDENCE, path));
}

export function readEvidence(path: string): string {
  return readFileSync(join(EVIDENCE, path), 'utf8');
}

/** Folders below `path` that hold `file`, at any depth. */
export function capturesWith(path: string, file: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(join(EVIDENCE, path)).sort()) {
    const below = join(path, name);
    if (!statSync(join(EVIDENCE, below)).isDirectory()) continue;
    if (hasEvidence(join(below, file))) found.push(below);
    found.push(...capturesWith(below, file));
  }
  return found;
}

/** Functions of a hexadecimal listing (`lspci -xxxx`). */
export function functionsFromHex(
  text: string,
  physicalOf: ReadonlyMap<string, string> = new Map(),
): PciFunction[] {
  const functions: PciFunction[] = [];
  let address = null as ReturnType<typeof parsePciAddress>;
  let bytes: number[] = [];
  const finish = (): void => {
    if (address === null) return;
    const fn = new PciFunction({ address, config: Uint8Array.from(bytes) });
    const physical = physicalOf.get(fn.name);
    functions.push(
      physical === undefined
        ? fn
        : new PciFunction({ address, config: fn.config, physicalFunction: parsePciAddress(physical) }),
    );
  };
  for (const line of text.split('\n')) {
    const row = /^([0-9a-f]{2,3}): ((?:[0-9a-f]{2} ?){1,16})\s*$/.exec(line);
    if (row !== null) {
      bytes.push(
        ...row[2]
          .trim()
          .split(/ +/)
          .map((byte) => parseInt(byte, 16)),
      );
      continue;
    }
    const head = parsePciAddress(line.split(' ')[0]);
    if (head === null) continue;
    finish();
    address = head;
    bytes = [];
  }
  finish();
  return functions;
}

/** One line of `pci_devices.txt`. */
export interface RecordedDevice {
  readonly name: string;
  readonly group: number | null;
  readonly unit: string | null;
  readonly physicalFunction: string | null;
}

export function recordedDevices(text: string): RecordedDevice[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const value = (key: string): string | null => new RegExp(` ${key}=(\\S+)`).exec(line)?.[1] ?? null;
      const group = value('group');
      return {
        name: line.split(' ')[0],
        group: group === null ? null : Number(group),
        unit: value('iommu'),
        physicalFunction: value('physfn'),
      };
    });
}

export function topologyOfCapture(capture: string): PciTopology {
  const devices = recordedDevices(readEvidence(join(capture, 'pci_devices.txt')));
  const physicalOf = new Map(
    devices.flatMap((device) =>
      device.physicalFunction === null ? [] : [[device.name, device.physicalFunction]],
    ),
  );
  return new PciTopology(functionsFromHex(readEvidence(join(capture, 'lspci-xxxx.txt')), physicalOf));
}

/** Root buses in the order a kernel log reports them. */
export function rootBusesInLog(log: string): { domain: number; bus: number }[] {
  return [...log.matchAll(/PCI host bridge to bus ([0-9a-f]+):([0-9a-f]{2})/g)].map((match) => ({
    domain: parseInt(match[1], 16),
    bus: parseInt(match[2], 16),
  }));
}

/** Names of the files of a folder with an ending. */
export function evidenceFiles(path: string, ending: string): string[] {
  return readdirSync(join(EVIDENCE, path))
    .filter((name) => name.endsWith(ending))
    .sort();
}
