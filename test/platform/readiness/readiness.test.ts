import { type ReadinessFeature, readinessOf } from '../../../src/platform/readiness/index.js';
import type { Platform, PlatformHeader } from '../../../src/platform/platform.js';
import {
  DISK,
  LOCKED,
  PARENT,
  TWINS,
  UNCOVERED,
  platformAfter,
  smallHeader,
} from '../../support/platform/small-machine.js';

function items(platform: Platform, at: string, feature: ReadinessFeature) {
  return readinessOf({ platform, device: platform.kernel.devices.get(at)! }, feature);
}

/** Codes of the items that are not OK, with their state. */
function lacking(platform: Platform, at: string, feature: ReadinessFeature): string[] {
  return items(platform, at, feature)
    .filter(({ state }) => state !== 'OK')
    .map(({ code, state }) => `${code} ${state}`);
}

const small = platformAfter(smallHeader(), []);

it('lists what keeps a disk from being given away: its driver only', () => {
  expect(lacking(small, DISK, 'PASSTHROUGH')).toEqual(['GROUP_VIABLE MISSING', 'VFIO_DRIVER MISSING']);
  const ready = platformAfter(smallHeader(), [
    { type: 'unbindDriver', device: DISK },
    { type: 'bindDriver', device: DISK, driver: 'vfio-pci' },
  ]);
  expect(lacking(ready, DISK, 'PASSTHROUGH')).toEqual([]);
});

it('names the reserved range, the shared group and the table structure behind each item', () => {
  const evidence = (at: string, code: string) =>
    items(small, at, 'PASSTHROUGH')
      .find((each) => each.code === code)!
      .evidence.join('\n');
  expect(evidence(LOCKED, 'NO_RESERVED_MEMORY')).toBe('RMRR 0x7b000000-0x7b00ffff');
  expect(evidence(TWINS[0], 'ALONE_IN_GROUP')).toContain(TWINS[1]);
  expect(evidence(DISK, 'COVERED_BY_UNIT')).toBe(
    'DRHD at offset 0x30 of the DMAR table, register base 0xfed90000, INCLUDE_PCI_ALL',
  );
  // ECAP of the small machine: PASID is bit 40, and its words are packed by layout.
  expect(items(small, PARENT, 'PASID').find(({ code }) => code === 'UNIT_PASID')!.evidence[0]).toMatch(
    /^dmar0: ECAP\.PASID \(bit 40\) is 1, of 0x[0-9a-f]+$/,
  );
});

it('gives capability offsets of the parent, and AUX as the only thing that lacks before it is on', () => {
  expect(lacking(small, PARENT, 'SUBDEVICES')).toEqual(['AUX_ON MISSING']);
  const pasid = items(small, PARENT, 'PASID').find(({ code }) => code === 'DEVICE_PASID')!;
  const { offset } = small.kernel.devices.get(PARENT)!.fn.pasid!;
  expect(pasid.evidence).toEqual([
    `configuration space: capability 0x001b at offset 0x${offset.toString(16)}`,
  ]);
  const on = platformAfter(smallHeader(), [{ type: 'enableFeature', device: PARENT, feature: 'AUX' }]);
  expect(lacking(on, PARENT, 'SUBDEVICES')).toEqual([]);
  expect(lacking(on, PARENT, 'PASSTHROUGH')).toContain('AUX_OFF MISSING');
});

it('tells hardware that lacks it from a boot that did not ask for it', () => {
  const legacy = platformAfter(smallHeader({ kernel: { commandLine: 'intel_iommu=on' } }), []);
  const scalable = items(legacy, PARENT, 'PASID').find(({ code }) => code === 'SCALABLE_MODE_ON')!;
  expect(scalable).toMatchObject({ state: 'MISSING', remedy: 'Boot with intel_iommu=on,sm_on.' });
  const device = items(legacy, DISK, 'PASID').find(({ code }) => code === 'DEVICE_PASID')!;
  expect(device).toMatchObject({ state: 'MISSING', remedy: null });
  const off = platformAfter(smallHeader({ kernel: { commandLine: '' } }), []);
  expect(lacking(off, DISK, 'DMA_REMAPPING')).toEqual(['KERNEL_REMAPS MISSING', 'TRANSLATION_ON MISSING']);
  expect(lacking(small, UNCOVERED, 'DMA_REMAPPING')).toContain('COVERED_BY_UNIT MISSING');
  const unmapped = platformAfter(smallHeader({ kernel: { commandLine: 'intel_iommu=on intremap=off' } }), []);
  expect(lacking(unmapped, DISK, 'INTERRUPT_REMAPPING')).toEqual(['KERNEL_REMAPS_INTERRUPTS MISSING']);
});

it('does not know what a short dump or assumed registers cannot say', () => {
  const header = smallHeader();
  const { description } = header;
  const short: PlatformHeader = {
    ...header,
    description: {
      ...description,
      functions: description.functions.map((fn) => ({ ...fn, config: fn.config.slice(0, 256) })),
      units: description.units.map((unit) => ({ ...unit, assumed: true as const })),
    },
  };
  expect(lacking(platformAfter(short, []), PARENT, 'ATS')).toEqual(
    expect.arrayContaining(['QUEUED_INVALIDATION UNKNOWN', 'UNIT_DEVICE_TLB UNKNOWN', 'DEVICE_ATS UNKNOWN']),
  );
});

it('answers every feature for every device of a machine without a table', () => {
  const header = smallHeader();
  const bare = platformAfter(
    { ...header, description: { ...header.description, dmar: null, units: [] } },
    [],
  );
  const features = ['PASSTHROUGH', 'SUBDEVICES', 'SHARED_MEMORY', 'PAGE_REQUESTS'] as const;
  for (const at of bare.kernel.devices.keys()) {
    for (const feature of features) expect(lacking(bare, at, feature)).toContain('DMAR_TABLE MISSING');
  }
});
