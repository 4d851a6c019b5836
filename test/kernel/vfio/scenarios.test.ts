import { toHex } from '../../../src/bits/u64.js';
import type { VfioContainer } from '../../../src/kernel/vfio/objects.js';
import { type Host, PARENT, U1, U2, address, codesOf, errnoOf, range } from '../../support/kernel/host.js';
import {
  GPU,
  NIC,
  NO_SERIES,
  PROFILES,
  containerWith,
  mapDma,
  unmapDma,
  vfioHost,
} from '../../support/kernel/vfio.js';

const WHOLE_48_BITS = [
  ['0x0', '0xfedfffff'],
  ['0xfef00000', '0xffffffffffff'],
];

const rangesOf = (container: VfioContainer) =>
  container.iommu!.iovaRanges.map(({ start, last }) => [toHex(start), toHex(last)]);
const mappingEvents = (host: Host, act: () => void) => {
  const before = host.events.length;
  act();
  return host.events.slice(before).filter((event) => event.type === 'MAPPING');
};

describe.each(PROFILES)('VFIO under %s', (profile) => {
  it('scenario 67: a backend needs a group, is set once, and must exist', () => {
    const host = vfioHost(profile);
    const container = host.kernel.vfio.openContainer(null);
    const set = (type: number) => errnoOf(() => host.kernel.vfio.setIommu(container, type));
    expect(set(3)).toBe('EINVAL');
    host.kernel.vfio.addGroup(container, host.group(NIC));
    expect([set(2), set(8), set(99)]).toEqual(['ENODEV', 'ENODEV', 'ENODEV']);
    expect(set(3)).toBeNull();
    expect([set(3), set(1)]).toEqual(['EINVAL', 'EINVAL']);
    expect(rangesOf(container)).toEqual(WHOLE_48_BITS);
  });

  it('scenario 68: a group is open once', () => {
    const host = vfioHost(profile);
    const add = (container: VfioContainer, at: string) =>
      errnoOf(() => host.kernel.vfio.addGroup(container, host.group(at)));
    const [first, second] = [host.kernel.vfio.openContainer(null), host.kernel.vfio.openContainer(null)];
    expect(add(first, NIC)).toBeNull();
    expect(add(second, NIC)).toBe('EBUSY');
    expect(add(first, NIC)).toBe('EINVAL');
    expect(add(second, PARENT)).toBe('ENODEV');
    host.kernel.vfio.closeContainer(first);
    expect(add(second, NIC)).toBeNull();
    expect(host.kernel.vfio.openContainer(null).number).toBe(3);
  });

  it('scenario 69: a device is opened through a container with a backend, by its name', () => {
    const host = vfioHost(profile);
    const open = (name: string) => errnoOf(() => host.kernel.vfio.openDevice(host.group(NIC), name));
    expect(open(NIC)).toBe('EINVAL');
    // The later kernel looks for the device before it looks at the container.
    expect(open(GPU)).toBe(profile === 'V6_1' ? 'ENODEV' : 'EINVAL');
    containerWith(host, [NIC]);
    expect([open(GPU), open(''), open(NIC)]).toEqual(['ENODEV', 'ENODEV', null]);
  });

  it('scenario 70: a group with an open device stays in its container', () => {
    const host = vfioHost(profile);
    const container = containerWith(host, [NIC]);
    const remove = () => errnoOf(() => host.kernel.vfio.removeGroup(container, host.group(NIC)));
    host.kernel.vfio.openDevice(host.group(NIC), NIC);
    host.kernel.vfio.openDevice(host.group(NIC), NIC);
    expect(remove()).toBe('EBUSY');
    host.kernel.vfio.closeDevice(host.group(NIC), NIC);
    expect(remove()).toBe('EBUSY');
    host.kernel.vfio.closeDevice(host.group(NIC), NIC);
    expect([remove(), remove()]).toEqual([null, 'EINVAL']);
  });

  it('scenario 71: refuses overlap, too many, reserved, wrapping and useless mappings', () => {
    const host = vfioHost(profile, { config: { dmaEntryLimit: 2 } });
    const container = containerWith(host, [NIC]);
    expect(mapDma(host, container, 'fee00000', '1000')).toBe('EINVAL');
    expect(mapDma(host, container, 'fedff000', '2000')).toBe('EINVAL');
    expect(mapDma(host, container, 'fffffffffffff000', '2000', { vaddr: '0' })).toBe('EINVAL');
    expect(mapDma(host, container, '1000000000000', '1000', { vaddr: '0' })).toBe('EINVAL');
    expect(mapDma(host, container, '100000', '1000', { access: '' })).toBe('EINVAL');
    expect(mapDma(host, container, '100000', '0')).toBe('EINVAL');
    expect(mapDma(host, container, '100000', '1800')).toBe('EINVAL');
    expect(mapDma(host, container, '100000', '1000')).toBeNull();
    expect(mapDma(host, container, '100000', '1000')).toBe('EEXIST');
    expect(mapDma(host, container, '200000', '1000')).toBeNull();
    expect(mapDma(host, container, '300000', '1000')).toBe('ENOSPC');
    expect(container.iommu!.available).toBe(0);
  });

  it('scenario 72: overlap is told before the limit, the limit before the range', () => {
    const host = vfioHost(profile, { config: { dmaEntryLimit: 1 } });
    const container = containerWith(host, [NIC]);
    expect(mapDma(host, container, '100000', '1000')).toBeNull();
    expect(mapDma(host, container, '100000', '1000')).toBe('EEXIST');
    expect(mapDma(host, container, 'fee00000', '1000')).toBe('ENOSPC');
    expect(mapDma(host, container, '200000', '0')).toBe('EINVAL');
  });

  it('scenario 73: version 2 cuts no mapping, version 1 takes whole ones', () => {
    const host = vfioHost(profile);
    const v2 = containerWith(host, [NIC]);
    expect([mapDma(host, v2, '100000', '10000'), mapDma(host, v2, '120000', '10000')]).toEqual([null, null]);
    expect(unmapDma(host, v2, '100000', '8000')).toBe('EINVAL');
    expect(unmapDma(host, v2, '108000', '8000')).toBe('EINVAL');
    expect(unmapDma(host, v2, '100000', '28000')).toBe('EINVAL');
    expect(v2.iommu!.dmas.size).toBe(2);
    expect(unmapDma(host, v2, '110000', '10000')).toBe('0');
    expect(unmapDma(host, v2, '100000', '30000')).toBe('20000');
    host.kernel.vfio.closeContainer(v2);

    const v1 = containerWith(host, [NIC], 'TYPE1');
    expect([mapDma(host, v1, '100000', '10000'), mapDma(host, v1, '110000', '10000')]).toEqual([null, null]);
    expect(unmapDma(host, v1, '108000', '18000')).toBe('0');
    expect(unmapDma(host, v1, '100000', '1000')).toBe('10000');
    expect(unmapDma(host, v1, '0', '1000000')).toBe('10000');
  });

  // Source: linux-iommu-siov.md 7.6.
  it('an unmap of nothing, of half pages, or around the end of addresses is EINVAL, in both versions', () => {
    for (const version of ['TYPE1', 'TYPE1V2'] as const) {
      const host = vfioHost(profile);
      const container = containerWith(host, [NIC], version);
      expect(mapDma(host, container, '100000', '1000')).toBeNull();
      const wrong = [
        ['100000', '0'],
        ['100800', '1000'],
        ['100000', '1800'],
        ['fffffffffffff000', '2000'],
      ].map(([iova, size]) => unmapDma(host, container, iova, size));
      expect(wrong).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL']);
      expect(unmapDma(host, container, '0', '1000')).toBe('0');
      expect(container.iommu!.dmas.size).toBe(1);
    }
  });

  it('knows the flag ALL or not, and takes no range with it', () => {
    const host = vfioHost(profile);
    const container = containerWith(host, [NIC]);
    for (const iova of ['0', '100000', 'fffffffff000']) {
      expect(mapDma(host, container, iova, '1000', { vaddr: '0' })).toBeNull();
    }
    expect(unmapDma(host, container, '1000', '0', true)).toBe('EINVAL');
    expect(unmapDma(host, container, '0', '1000', true)).toBe('EINVAL');
    expect(unmapDma(host, container, '0', '0', true)).toBe(profile === 'V5_10' ? 'EINVAL' : '3000');
  });

  // The two older answers are those of the sources, the later one is recorded in ../shared/data/qemu-linux/vfio.
  it('says of VFIO_UPDATE_VADDR what its kernel knows, later also what is in the container', () => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const supports = (container: VfioContainer) => host.kernel.vfio.supports(container, 10);
    const container = host.kernel.vfio.openContainer(null);
    expect(supports(container)).toBe(profile === 'V5_15');
    expect(supports(containerWith(host, [NIC]))).toBe(profile !== 'V5_10');
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    expect(supports(container)).toBe(profile === 'V5_15');
  });

  it('scenario 74: a region firmware reserves may not hold mappings, unless its device can do without', () => {
    const rmrr = { base: '1e000000', last: '1e0fffff' };
    const host = vfioHost(profile, { rmrr });
    host.kernel.enableFeature(host.device(), 'AUX');
    const container = containerWith(host, [NIC]);
    expect(mapDma(host, container, '1e0ff000', '1000')).toBeNull();
    const add = () => host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    expect(codesOf(add)).toEqual(['RESERVED_REGION']);
    expect(unmapDma(host, container, '1e0ff000', '1000')).toBe('1000');
    const { group } = host.kernel.subdevices.get(U1)!;
    expect(errnoOf(() => host.kernel.vfio.addGroup(container, group!))).toBeNull();
    expect(rangesOf(container)).toEqual([
      ['0x0', '0x1dffffff'],
      ['0x1e100000', '0xfedfffff'],
      ['0xfef00000', '0xffffffffffff'],
    ]);
    expect(mapDma(host, container, '1e0ff000', '1000')).toBe('EINVAL');

    const graphics = vfioHost(profile, {
      rmrr: { ...rmrr, at: GPU },
      parents: [
        { at: NIC, driver: 'vfio-pci' },
        { at: GPU, driver: 'vfio-pci', classCode: 0x030000 },
      ],
    });
    const other = containerWith(graphics, [NIC]);
    expect(mapDma(graphics, other, '1e0ff000', '1000')).toBeNull();
    graphics.kernel.vfio.addGroup(other, graphics.group(GPU));
    expect(rangesOf(other)).toEqual(WHOLE_48_BITS);
  });

  it('a device with reserved memory it cannot do without is never given away', () => {
    const host = vfioHost(profile, { rmrr: { base: '1e000000', last: '1e0fffff', at: NIC } });
    const container = host.kernel.vfio.openContainer(null);
    const add = () => host.kernel.vfio.addGroup(container, host.group(NIC));
    if (profile === 'V6_1') {
      expect(codesOf(add)).toEqual(['RMRR_LOCKED']);
      expect(container.groups).toEqual([]);
    } else {
      add();
      expect(codesOf(() => host.kernel.vfio.setIommu(container, 3))).toEqual(['RMRR_LOCKED']);
    }
    expect(container.iommu).toBeNull();
  });

  it('scenario 75: a mapping above what a new group can reach keeps it out', () => {
    const host = vfioHost(profile, {
      units: [{ devices: [GPU], cap: { SAGAW: 2, MGAW: 38 } }, {}],
    });
    const container = containerWith(host, [NIC]);
    expect(mapDma(host, container, '8000000000', '1000', { vaddr: '0' })).toBeNull();
    const add = () => host.kernel.vfio.addGroup(container, host.group(GPU));
    expect(codesOf(add)).toEqual(['APERTURE']);
    expect(host.kernel.vfio.containerOf(host.group(GPU))).toBeNull();
    expect(host.group(GPU).domain).toBe(host.group(GPU).defaultDomain);
    expect(rangesOf(containerWith(host, [GPU]))).toEqual([
      ['0x0', '0xfedfffff'],
      ['0xfef00000', '0x7fffffffff'],
    ]);
  });

  it('scenario 76: without interrupt remapping nothing is given away, unless somebody insists', () => {
    const host = vfioHost(profile, { ecap: { IR: 0, EIM: 0 } });
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.group(NIC));
    const set = () => errnoOf(() => host.kernel.vfio.setIommu(container, 3));
    const lines = host.linesOf(() => expect(set()).toBe('EPERM'));
    expect(lines).toEqual([
      'vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform',
    ]);
    expect(container.iommu).toBeNull();

    const commandLine = 'intel_iommu=on,sm_on vfio_iommu_type1.allow_unsafe_interrupts=1';
    const insisting = vfioHost(profile, { ecap: { IR: 0, EIM: 0 }, config: { commandLine } });
    expect(containerWith(insisting, [NIC]).iommu).not.toBeNull();
  });

  // Source: linux-iommu-siov.md 7.3, step 7 before step 8.
  it('a mapping in the way is told before the missing interrupt remapping', () => {
    const host = vfioHost(profile, { ecap: { IR: 0, EIM: 0 }, config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    // Groups left to their drivers are taken without either.
    host.kernel.vfio.setIommu(container, 3);
    expect(mapDma(host, container, 'fee00000', '1000')).toBeNull();
    const add = () => errnoOf(() => host.kernel.vfio.addGroup(container, host.group(NIC)));
    expect(add()).toBe('EINVAL');
    expect(unmapDma(host, container, 'fee00000', '1000')).toBe('1000');
    expect(add()).toBe('EPERM');
  });

  it('scenario 77: a nesting container takes no subdevice', () => {
    const host = vfioHost(profile);
    host.kernel.enableFeature(host.device(), 'AUX');
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    expect(errnoOf(() => host.kernel.vfio.setIommu(container, 6))).toBe('EINVAL');
  });

  // Source: linux-iommu-siov.md 7.3 step 4; for V6_1 ../shared/data/qemu-linux/vfio, TYPE1_NESTING.
  it('a nesting container takes no PCI function of units that do not nest', () => {
    const host = vfioHost(profile);
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.group(NIC));
    const set = () => errnoOf(() => host.kernel.vfio.setIommu(container, 6));
    expect(set()).toBe(profile === 'V6_1' ? 'EINVAL' : 'ENODEV');
    expect([container.iommu, host.group(NIC).domain === host.group(NIC).defaultDomain]).toEqual([
      null,
      profile !== 'V6_1',
    ]);
  });

  // Source: linux-iommu-siov.md 7.3 steps 9 and 10.
  it('devices share a domain only where they agree in snooping; before, all units had to snoop for any', () => {
    const host = vfioHost(profile, { units: [{ devices: [GPU], ecap: { SC: 0 } }, {}] });
    const container = containerWith(host, [NIC, GPU]);
    const caches = container.iommu!.domains.map(({ cache }) => cache);
    expect(caches).toEqual(profile === 'V6_1' ? [true, false] : [false]);
    expect(host.kernel.vfio.supports(container, 4)).toBe(false);
  });

  it('scenario 78: a PCI device and a subdevice have a domain each, and every mapping is made in both', () => {
    const host = vfioHost(profile);
    host.kernel.enableFeature(host.device(), 'AUX');
    const container = containerWith(host, [NIC]);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    const domains = container.iommu!.domains.map(({ domain }) => domain);
    expect(domains.map((domain) => domain.ops.name)).toEqual(['siov_iommu_ops', 'intel_iommu_ops']);
    const events = mappingEvents(host, () => mapDma(host, container, '100000', '4000'));
    expect(events.map((event) => event.domain)).toEqual(domains.map((domain) => domain.number));
    const pasid = host.kernel.subdevices.get(U1)!.pasid;
    expect(host.dma('WRITE', '0x100000', pasid)).toEqual(host.dma('WRITE', '0x100000', null, NIC));
  });

  it('scenario 79: a second subdevice of one parent shares domain and PASID, where that is safe', () => {
    const host = vfioHost(profile);
    host.kernel.enableFeature(host.device(), 'AUX');
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    const used = host.kernel.units[0]!.domainIdsUsed;
    const before = host.events.length;
    const add = () => host.kernel.vfio.addGroup(container, host.mdev(U2).group!);
    if (profile === 'V5_10') {
      expect(codesOf(add)).toEqual(['UNSAFE']);
      return;
    }
    add();
    expect(container.iommu!.domains).toHaveLength(1);
    expect([U1, U2].map((uuid) => host.kernel.subdevices.get(uuid)!.pasid)).toEqual([1, 1]);
    const pasids = host.events
      .slice(before)
      .flatMap((event) => (event.type === 'ATTACHMENT' ? [[event.attached, event.pasid]] : []));
    expect(pasids).toEqual([
      [true, 2],
      [false, 2],
      [true, 1],
    ]);
    expect(host.kernel.units[0]!.domainIdsUsed).toBe(used);
  });

  it('scenario 80: with software subdevices alone anything may be mapped, and nothing is', () => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    expect(rangesOf(container)).toEqual([]);
    const events = mappingEvents(host, () => expect(mapDma(host, container, 'fee00000', '1000')).toBeNull());
    expect(events).toEqual([]);
    expect(container.iommu!.available).toBe(65534);
    // Nothing is pinned, so memory nobody has is no mistake yet.
    expect(mapDma(host, container, '100000', '1000', { vaddr: 'ffff800000000000' })).toBeNull();
  });

  it('scenario 81: what was mapped for software subdevices is mapped for a device that comes later', () => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    expect(mapDma(host, container, 'fee00000', '1000')).toBeNull();
    expect(mapDma(host, container, '100000', '2000')).toBeNull();
    const add = () => host.kernel.vfio.addGroup(container, host.group(NIC));
    expect(codesOf(add)).toEqual(['RESERVED_REGION']);
    expect(unmapDma(host, container, 'fee00000', '1000')).toBe('1000');
    add();
    expect(host.dma('WRITE', '0x101000', null, NIC)).toHaveProperty('physical');
    // The device goes, the mappings stay for the subdevice, and the ranges are unlimited.
    host.kernel.vfio.removeGroup(container, host.group(NIC));
    expect(container.iommu!.dmas.size).toBe(1);
    expect(host.dma('WRITE', '0x101000', null, NIC)).toHaveProperty('reason');
    expect(rangesOf(container)).toEqual([['0x0', '0xffffffffffffffff']]);
  });

  it('scenario 82: with the last group go backend and mappings, and a backend can be set again', () => {
    const host = vfioHost(profile);
    const container = containerWith(host, [NIC, GPU]);
    expect(container.iommu!.domains).toHaveLength(1);
    const before = host.kernel.domains.size;
    expect(mapDma(host, container, '100000', '1000')).toBeNull();
    host.kernel.vfio.removeGroup(container, host.group(NIC));
    expect(host.group(NIC).domain).toBe(host.group(NIC).defaultDomain);
    expect(container.iommu!.dmas.size).toBe(1);
    expect(host.dma('READ', '0x100000', null, GPU)).toHaveProperty('physical');
    host.kernel.vfio.removeGroup(container, host.group(GPU));
    expect(container.iommu).toBeNull();
    expect(host.kernel.domains.size).toBe(before - 1);
    expect(mapDma(host, container, '100000', '1000')).toBe('EINVAL');
    expect(host.dma('READ', '0x100000', null, GPU)).toHaveProperty('reason');
    host.kernel.vfio.addGroup(container, host.group(NIC));
    host.kernel.vfio.setIommu(container, 1);
    expect(mapDma(host, container, '100000', '1000')).toBeNull();
  });

  it('scenario 83: dirty pages are recorded by version 2, on demand, and one thing is asked at a time', () => {
    const host = vfioHost(profile);
    const ask = (container: VfioContainer, flags: number, start = '100000', size = '10000') =>
      errnoOf(() => host.kernel.vfio.dirtyPages(container, flags, range(start, size)));
    const v1 = containerWith(host, [GPU], 'TYPE1');
    expect(ask(v1, 1)).toBe('EACCES');
    const container = containerWith(host, [NIC]);
    expect(mapDma(host, container, '100000', '10000')).toBeNull();
    expect([ask(container, 4), ask(container, 3), ask(container, 0)]).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
    expect([ask(container, 1), ask(container, 1)]).toEqual([null, null]);
    expect(ask(container, 4, '100000', '8000')).toBe('EINVAL');
    expect(ask(container, 4, '100800')).toBe('EINVAL');
    // Nothing records what a device writes, so everything it can reach counts.
    const pages = host.kernel.vfio.dirtyPages(container, 4, range('f0000', '20000'));
    expect(pages).toEqual([{ pfn: 0x100, pages: 16 }]);
    expect(ask(container, 4, '0', '80000001000')).toBe('EINVAL');
    expect([ask(container, 2), ask(container, 4)]).toEqual([null, 'EINVAL']);
  });

  it('scenario 84: a driver reads and writes for its subdevice what is mapped for reading', () => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(null);
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    for (const [iova, access] of [
      ['100000', 'rw'],
      ['102000', 'r'],
      ['103000', 'w'],
    ] as const) {
      expect(mapDma(host, container, iova, '1000', { access })).toBeNull();
    }
    const rw = (iova: string, data: Uint8Array | number) =>
      errnoOf(() => host.kernel.vfio.dmaRw(container, address(iova), data));
    const bytes = Uint8Array.of(1, 2, 3);
    expect([rw('103000', 4), rw('103000', bytes), rw('102000', bytes)]).toEqual(['EPERM', 'EPERM', 'EPERM']);
    expect(rw('101000', 1)).toBe('EINVAL');
    host.kernel.vfio.dirtyPages(container, 1, null);
    expect([rw('100ffe', bytes), rw('100010', bytes), rw('102000', 4)]).toEqual(['EINVAL', null, null]);
    expect([...host.kernel.vfio.dmaRw(container, address('10000f'), 5)]).toEqual([0, 1, 2, 3, 0]);
    const written = () => host.kernel.vfio.dirtyPages(container, 4, range('100000', '4000'));
    expect([written(), written()]).toEqual([[{ pfn: 0x100, pages: 1 }], []]);
  });
});
