import { comparePciAddress, formatPciAddress, sourceIdOf } from '../../../src/bits/pci-address.js';
import { toHexDigits } from '../../../src/bits/u64.js';
import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { parseDmar } from '../../../src/firmware/dmar/parse.js';
import type { DeviceScope, RemappingStructure } from '../../../src/layout/dmar/table.js';
import { extendedCapabilities, standardCapabilities } from '../../../src/layout/pci/capabilities.js';
import { EXTENDED_CAPABILITY } from '../../../src/layout/pci/capability-ids.js';
import { decodeExpress } from '../../../src/layout/pci/express.js';
import { decodeSriov, virtualFunctionIds } from '../../../src/layout/pci/sriov.js';
import { templates } from '../../../src/platform/templates/index.js';
import { isBridge, resolve, secondaryBus } from './support.js';

describe.each(templates.map((template) => ({ name: template.name, machine: template.describe(), template })))(
  'template $name',
  ({ machine, template }) => {
    const { functions } = machine;
    const dmar = machine.dmar!;
    const drhds = dmar.structures.filter((structure) => structure.kind === 'DRHD');

    it('is the same machine at every call, in objects of its own', () => {
      const again = template.describe();
      expect(again).toEqual(machine);
      again.functions[0].config[4] ^= 0xff;
      expect(template.describe()).toEqual(machine);
    });

    it('says in a sentence what it is', () => {
      expect(template.description).toMatch(/^[A-Z].*\.$/);
    });

    describe('DMAR table', () => {
      it('adds up to zero and parses back without a warning', () => {
        const bytes = buildDmar(dmar as Parameters<typeof buildDmar>[0]);
        expect(bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
        expect(parseDmar(bytes)).toEqual({ table: dmar, warnings: [] });
      });

      it('has its structures in ascending order of type, as chapter 8 asks', () => {
        const types = dmar.structures.map(({ type }) => type);
        expect(types).toEqual([...types].sort((a, b) => a - b));
      });

      it('has one INCLUDE_ALL unit, the last of the segment', () => {
        expect(drhds.map(({ includeAll }) => includeAll)).toEqual([
          ...Array.from({ length: drhds.length - 1 }, () => false),
          true,
        ]);
      });

      it('names only functions that exist, as what they are', () => {
        const scopes = dmar.structures.flatMap((structure) => scopesOf(structure));
        const pci = scopes.filter(({ kind }) => kind === 'PCI_ENDPOINT' || kind === 'PCI_SUB_HIERARCHY');
        expect(pci.length).toBeGreaterThan(0);
        for (const scope of pci) {
          const found = resolve(machine, scope);
          expect(found).not.toBeNull();
          expect(isBridge(found!)).toBe(scope.kind === 'PCI_SUB_HIERARCHY');
        }
      });

      it('gives each function at most one unit of its own', () => {
        const owners = drhds.flatMap(({ scopes }) =>
          scopes
            .filter(({ kind }) => kind.startsWith('PCI'))
            .map((scope) => resolve(machine, scope)!.address),
        );
        expect(new Set(owners.map(formatPciAddress)).size).toBe(owners.length);
      });

      it('reserves whole pages below 4 GiB that do not overlap', () => {
        const regions = dmar.structures
          .filter((structure) => structure.kind === 'RMRR')
          .map(({ base, last }) => ({ base: base.lo, last: last.lo }))
          .sort((a, b) => a.base - b.base);
        regions.forEach(({ base, last }, index) => {
          expect(base % 4096).toBe(0);
          expect((last + 1) % 4096).toBe(0);
          expect(base).toBeLessThan(last);
          if (index > 0) expect(base).toBeGreaterThan(regions[index - 1].last);
        });
      });

      it('lists root ports under ATSR', () => {
        for (const structure of dmar.structures) {
          if (structure.kind !== 'ATSR') continue;
          for (const scope of structure.scopes) {
            const { config } = resolve(machine, scope)!;
            const express = standardCapabilities(config).find(({ id }) => id === 0x10)!;
            expect(decodeExpress(config, express.offset).portType).toBe('ROOT_PORT');
          }
        }
      });
    });

    it('has registers for every unit of the table and no others', () => {
      const bases = (list: readonly { registerBase: { hi: number; lo: number } }[]) =>
        list.map(({ registerBase }) => toHexDigits(registerBase)).sort();
      expect(bases(machine.units)).toEqual(bases(drhds));
      const affinities = dmar.structures.filter((structure) => structure.kind === 'RHSA');
      if (affinities.length > 0) expect(bases(affinities)).toEqual(bases(drhds));
    });

    it('lists functions once and in order, each with names', () => {
      const sorted = [...functions].sort((a, b) => comparePciAddress(a.address, b.address));
      expect(functions).toEqual(sorted);
      expect(new Set(functions.map(({ address }) => formatPciAddress(address))).size).toBe(functions.length);
      for (const { vendorName, deviceName, className } of functions) {
        expect([vendorName, deviceName, className]).not.toContain(null);
        expect([vendorName, deviceName, className]).not.toContain(undefined);
      }
    });

    it('marks slots with several functions, and only those', () => {
      const slots = new Map<string, boolean[]>();
      for (const { address, config, physicalFunction } of functions) {
        if (physicalFunction !== null) continue;
        const slot = `${address.bus}:${address.device}`;
        slots.set(slot, [...(slots.get(slot) ?? []), (config[0x0e] & 0x80) !== 0]);
      }
      for (const marks of slots.values()) expect(marks).toEqual(marks.map(() => marks.length > 1));
    });

    it('reaches every bus that is not a root bus through one bridge on its way', () => {
      const bridges = functions.filter(isBridge);
      expect(new Set(bridges.map(secondaryBus)).size).toBe(bridges.length);
      for (const bridge of bridges) {
        const { config, address } = bridge;
        expect(config[0x18]).toBe(address.bus);
        expect(config[0x19]).toBeGreaterThan(address.bus);
        expect(config[0x1a]).toBeGreaterThanOrEqual(config[0x19]);
        const parent = bridges.find((other) => secondaryBus(other) === address.bus);
        if (parent) expect(config[0x1a]).toBeLessThanOrEqual(parent.config[0x1a]);
      }
    });

    it('has capability lists whose every member lies on the list', () => {
      for (const { config } of functions) {
        const standard = standardCapabilities(config);
        const extended = extendedCapabilities(config);
        const hasExpress = standard.some(({ id }) => id === 0x10);
        expect(config.length).toBe(hasExpress ? 4096 : 256);
        expect(extended.length > 0 && !hasExpress).toBe(false);
        const offsets = [...standard, ...extended].map(({ offset }) => offset);
        expect(new Set(offsets).size).toBe(offsets.length);
      }
    });

    it('has virtual functions exactly where the SR-IOV capabilities put them', () => {
      const announced = functions.flatMap(({ config, address }) =>
        extendedCapabilities(config)
          .filter(({ id }) => id === EXTENDED_CAPABILITY.singleRootIov)
          .flatMap(({ offset }) =>
            virtualFunctionIds(decodeSriov(config, offset), sourceIdOf(address)).map((id) => ({
              id,
              physical: formatPciAddress(address),
            })),
          ),
      );
      const listed = functions
        .filter(({ physicalFunction }) => physicalFunction !== null)
        .map(({ address, physicalFunction }) => ({
          id: sourceIdOf(address),
          physical: formatPciAddress(physicalFunction!),
        }));
      expect(listed).toEqual(announced);
    });
  },
);

function scopesOf(structure: RemappingStructure): readonly DeviceScope[] {
  return 'scopes' in structure ? structure.scopes : [];
}
