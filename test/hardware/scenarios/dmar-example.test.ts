import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import { Machine } from '../../../src/hardware/machine.js';
import type { PciFunctionSource } from '../../../src/hardware/pci/function.js';
import type { DeviceScope, DmarTable, RemappingStructure } from '../../../src/layout/dmar/table.js';
import { parsePciAddress, sourceIdOf } from '../../../src/bits/pci-address.js';
import { toHex } from '../../../src/bits/u64.js';
import { capabilityWord, extendedCapabilityWord } from '../../support/hardware/capability-words.js';
import { FRO, IRO } from '../../support/hardware/unit-builder.js';

/** A synthetic table: a unit for 00:02.0, one for the rest with an I/O APIC and an HPET, an RMRR, an ATSR. */
const TABLE = Uint8Array.from(
  `44 4D 41 52 9A 00 00 00 01 AC 53 59 4E 54 48 20
   45 58 41 4D 50 4C 45 20 01 00 00 00 54 45 53 54
   01 00 00 00 26 01 00 00 00 00 00 00 00 00 00 00
   00 00 18 00 00 00 00 00 00 00 D9 FE 00 00 00 00
   01 08 00 00 00 00 02 00 00 00 20 00 01 00 00 00
   00 10 D9 FE 00 00 00 00 03 08 00 00 02 F0 1F 00
   04 08 00 00 00 00 1F 00 01 00 22 00 00 00 00 00
   00 00 80 7B 00 00 00 00 FF FF FF 7F 00 00 00 00
   01 0A 00 00 00 00 1C 04 00 00 02 00 10 00 00 00
   00 00 02 08 00 00 00 00 1C 04`
    .split(/\s+/)
    .map((byte) => parseInt(byte, 16)),
);

function withByte(offset: number, value: number): Uint8Array {
  const bytes = TABLE.slice();
  bytes[offset] = value;
  return bytes;
}

/** An endpoint, or a root port whose secondary bus is given. */
function pciFunction(name: string, secondaryBus: number | null = null): PciFunctionSource {
  const config = new Uint8Array(256);
  config[0] = 0x86;
  config[1] = 0x80;
  config[0x0e] = secondaryBus === null ? 0 : 1;
  if (secondaryBus !== null) {
    config[0x0b] = 6;
    config[0x0a] = 4;
    config[0x19] = secondaryBus;
    config[0x1a] = secondaryBus;
  }
  return { address: parsePciAddress(name)!, config };
}

function machineOf(table: DmarTable): Machine {
  const unit = (registerBase: number) => ({
    registerBase: { hi: 0, lo: registerBase },
    version: 0x10,
    capability: capabilityWord({ ND: 6, SAGAW: 4, MGAW: 47, FRO }),
    extendedCapability: extendedCapabilityWord({ QI: 1, IRO }),
  });
  return new Machine({
    dmar: table,
    functions: [
      pciFunction('00:02.0'),
      pciFunction('00:14.0'),
      pciFunction('00:1c.0', 2),
      pciFunction('00:1c.4', 3),
      pciFunction('02:00.0'),
      pciFunction('03:00.0'),
    ],
    units: [unit(0xfed90000), unit(0xfed91000)],
    events: [],
  });
}

const { table } = parseDmar(TABLE);
const machine = machineOf(table);
const functionAt = (name: string) => machine.topology.find(parsePciAddress(name)!)!;
const baseOfUnitFor = (name: string) => toHex(machine.unitFor(functionAt(name))!.registerBase);

function structure<K extends RemappingStructure['kind']>(
  kind: K,
): Extract<RemappingStructure, { kind: K }>[] {
  return table.structures.filter(
    (candidate): candidate is Extract<RemappingStructure, { kind: K }> => candidate.kind === kind,
  );
}

/** The requester id of a scope whose first hop is the device itself. */
function requesterOf(scope: DeviceScope): number {
  const [{ device, function: fn }] = scope.path;
  return sourceIdOf({ domain: 0, bus: scope.startBus, device, function: fn });
}

describe('a DMAR table of 154 bytes', () => {
  test('S97: host address width 39, interrupt remapping supported', () => {
    expect(TABLE).toHaveLength(154);
    expect(table).toMatchObject({
      hostAddressWidth: 39,
      interruptRemapping: true,
      x2apicOptOut: false,
      dmaControlOptIn: false,
      checksumValid: true,
    });
  });

  test('S98: the listed endpoint belongs to its own unit', () => {
    expect(baseOfUnitFor('00:02.0')).toBe('0xfed90000');
  });

  test('S99: any other endpoint belongs to the INCLUDE_PCI_ALL unit', () => {
    expect(baseOfUnitFor('00:14.0')).toBe('0xfed91000');
  });

  test('S100: requester ids of the I/O APIC and the HPET', () => {
    const [, rest] = structure('DRHD');
    expect(toHex(rest.registerBase)).toBe('0xfed91000');
    const apic = rest.scopes.find(({ kind }) => kind === 'IOAPIC')!;
    const hpet = rest.scopes.find(({ kind }) => kind === 'HPET')!;
    expect([apic.enumerationId, requesterOf(apic)]).toEqual([2, 0xf0f8]);
    expect([hpet.enumerationId, requesterOf(hpet)]).toEqual([0, 0x00f8]);
  });

  test('S101: a two-hop scope goes through the secondary bus of its bridge', () => {
    const [region] = structure('RMRR');
    expect([toHex(region.base), toHex(region.last)]).toEqual(['0x7b800000', '0x7fffffff']);
    const device = machine.topology.resolveScope(region.segment, region.scopes[0])!;
    expect([device.name, device.sourceId]).toEqual(['0000:03:00.0', 0x0300]);
  });

  test('S102: one root port is an ATS root port, and only what is behind it may use ATS', () => {
    const [reporting] = structure('ATSR');
    expect(reporting.allPorts).toBe(false);
    const ports = reporting.scopes.map((scope) => machine.topology.resolveScope(reporting.segment, scope));
    expect(ports.map((port) => port?.name)).toEqual(['0000:00:1c.4']);
    const isBehindPort = (name: string) =>
      ports.includes(machine.topology.bridgesAbove(functionAt(name)).at(-1) ?? null);
    expect(isBehindPort('03:00.0')).toBe(true);
    expect(isBehindPort('02:00.0')).toBe(false);
  });

  test('S103: a structure of length 0 ends the walk', () => {
    const parsed = parseDmar(withByte(0x32, 0));
    expect(parsed.table.structures.filter(({ kind }) => kind === 'DRHD')).toEqual([]);
    expect(parsed.warnings).not.toEqual([]);
  });

  test('S104: a wrong checksum is seen', () => {
    const parsed = parseDmar(withByte(9, 0xad));
    expect(parsed.table.checksumValid).toBe(false);
    expect(parsed.warnings.some(({ message }) => message.includes('checksum'))).toBe(true);
  });
});
