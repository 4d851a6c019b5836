import { toHex } from '../../../src/bits/u64.js';
import type { UserRange } from '../../../src/kernel/vfio/user-memory.js';
import { userRangesFault } from '../../../src/kernel/vfio/user-memory.js';
import { type Host, address } from '../../support/kernel/host.js';
import { NIC, mapDma, unmapDma, vfioHost } from '../../support/kernel/vfio.js';

const KIB_4 = 4096;
const MIB_2 = 2 ** 21;
const GIB_1 = 2 ** 30;

const range = (start: string, size: string, pageSize: number, access = 'rw'): UserRange => ({
  start: address(start),
  size: address(size),
  pageSize,
  read: access.includes('r'),
  write: access.includes('w'),
});

function containerOf(host: Host, memory: readonly UserRange[]) {
  const container = host.kernel.vfio.openContainer(memory);
  host.kernel.vfio.addGroup(container, host.group(NIC));
  host.kernel.vfio.setIommu(container, 3);
  return container;
}

describe('memory of a process', () => {
  it.each([
    [KIB_4, [KIB_4]],
    [MIB_2, [MIB_2]],
    [GIB_1, [GIB_1]],
  ])('pages of %d bytes are mapped by entries of that size', (pageSize, sizes) => {
    const host = vfioHost('V5_15');
    const container = containerOf(host, [range('40000000', '80000000', pageSize)]);
    expect(mapDma(host, container, '40000000', '40000000', { vaddr: '40000000' })).toBeNull();
    const { domain } = container.iommu!.domains[0]!;
    const found = new Set([...domain.mappings()].map((each) => each.pageSize));
    expect([...found]).toEqual(sizes);
    expect(domain.mappedBytes).toBe(GIB_1);
  });

  it('a large page is cut where the I/O address does not fit it', () => {
    const host = vfioHost('V5_15');
    const container = containerOf(host, [range('40000000', '200000', MIB_2)]);
    expect(mapDma(host, container, '1000', '200000', { vaddr: '40000000' })).toBeNull();
    const { domain } = container.iommu!.domains[0]!;
    expect([...domain.mappings()].map((each) => each.pageSize)).toEqual([KIB_4]);
  });

  it('a page has one frame, through whatever I/O address, and its neighbours mostly follow it', () => {
    const host = vfioHost('V6_1');
    const container = containerOf(host, [range('40000000', '400000', KIB_4)]);
    expect(mapDma(host, container, '100000', '2000', { vaddr: '40000000' })).toBeNull();
    expect(mapDma(host, container, '900000', '1000', { vaddr: '40001000' })).toBeNull();
    const { domain } = container.iommu!.domains[0]!;
    const frames = ['100000', '101000', '900000'].map((iova) =>
      host.kernel.iovaToPhys(domain, address(iova))!,
    );
    expect(toHex(frames[1]!)).toBe(toHex(frames[2]!));
    expect(frames[1]!.lo - frames[0]!.lo).toBe(4096);
    host.machine.memory.store32(frames[0]!.hi * 2 ** 32 + frames[0]!.lo, 0x12345678);
    const result = host.machine.dma({
      fn: host.device(NIC).fn,
      pasid: null,
      address: address('100000'),
      size: 4,
      access: 'READ',
      addressType: 'UNTRANSLATED',
    });
    expect([...result.data!]).toEqual([0x78, 0x56, 0x34, 0x12]);
  });

  it('what a mapping asks for and the process may not do is a bad address, and nothing stays', () => {
    const host = vfioHost('V6_1');
    const container = containerOf(host, [
      range('40000000', '4000', KIB_4),
      range('40004000', '4000', KIB_4, 'r'),
      range('40010000', '1000', KIB_4, 'w'),
    ]);
    const map = (vaddr: string, size: string, access?: string) =>
      mapDma(host, container, '100000', size, { vaddr, access });
    expect(map('40000000', '5000')).toBe('EFAULT');
    expect(map('40004000', '1000', 'w')).toBe('EFAULT');
    expect(map('40007000', '2000', 'r')).toBe('EFAULT');
    expect(map('40010000', '1000', 'r')).toBe('EFAULT');
    expect(map('ffff800000000000', '1000')).toBe('EFAULT');
    const { domain } = container.iommu!.domains[0]!;
    expect([domain.mappedBytes, container.iommu!.dmas.size, container.iommu!.available]).toEqual([
      0, 0, 65535,
    ]);
    expect(map('40000000', '8000', 'r')).toBeNull();
  });

  it('pages of a process that is gone are given out again, as zeros', () => {
    const host = vfioHost('V6_1');
    const memory = [range('40000000', '200000', MIB_2)];
    const first = containerOf(host, memory);
    mapDma(host, first, '200000', '200000', { vaddr: '40000000' });
    const { domain } = first.iommu!.domains[0]!;
    const frame = host.kernel.iovaToPhys(domain, address('200000'))!;
    const place = frame.hi * 2 ** 32 + frame.lo;
    host.machine.memory.store32(place, 1);
    host.kernel.vfio.closeContainer(first);
    const second = containerOf(host, memory);
    mapDma(host, second, '600000', '200000', { vaddr: '40000000' });
    const again = host.kernel.iovaToPhys(second.iommu!.domains[0]!.domain, address('600000'))!;
    expect(toHex(again)).toBe(toHex(frame));
    expect(host.machine.memory.load32(place)).toBe(0);
  });

  it('vfio_iommu_type1.disable_hugepages maps page by page', () => {
    const commandLine = 'intel_iommu=on,sm_on vfio_iommu_type1.disable_hugepages=1';
    const host = vfioHost('V5_15', { config: { commandLine } });
    const container = containerOf(host, [range('40000000', '200000', MIB_2)]);
    mapDma(host, container, '40000000', '200000', { vaddr: '40000000' });
    const { domain } = container.iommu!.domains[0]!;
    expect([...domain.mappings()].map((each) => each.pageSize)).toEqual([KIB_4]);
  });

  it.each([
    [[range('1000', '1000', 8192)], /1 GiB, not 8192/],
    [[range('1000', '200000', MIB_2)], /must begin and end/],
    [[range('1000', '0', KIB_4)], /not be empty/],
    [[range('1000', '2000', KIB_4), range('2000', '1000', KIB_4)], /overlap/],
    [[range('7ffffffff000', '2000', KIB_4)], /47 bits/],
  ])('says what is wrong with ranges', (ranges, fault) => {
    expect(userRangesFault(ranges)).toMatch(fault);
  });
});

describe('flushes, as recorded on a real kernel in legacy mode', () => {
  const legacyHost = () =>
    vfioHost('V6_1', {
      config: { commandLine: 'intel_iommu=on,sm_off iommu.strict=1' },
      parents: [
        { at: NIC, driver: 'vfio-pci', ats: false },
        { at: '0000:6c:00.0', driver: 'vfio-pci', ats: false },
      ],
      cap: { MAMV: 18 },
    });

  it('taking a group and setting a backend clears the context entry twice, and tries two pages', () => {
    const host = legacyHost();
    const { did } = host.group(NIC).defaultDomain!.domainIds.get(host.kernel.units[0]!)!;
    const clear = [`CONTEXT_CACHE DEVICE did=${did} sid=6b00`, `IOTLB DOMAIN did=${did}`];
    const tries = [0, 1].map(
      (page) => `IOTLB PAGE did=${did} addr=0x${(page * 4096).toString(16)} size=0x1000`,
    );
    const seen = host.invalidations(() => void containerOf(host, [range('40000000', '1000', KIB_4)]));
    expect(seen).toEqual([...clear, ...clear, ...tries]);
  });

  it('a second group goes through three domains to the one it shares', () => {
    const host = legacyHost();
    const container = containerOf(host, [range('40000000', '1000', KIB_4)]);
    const group = host.group('0000:6c:00.0');
    const { did } = group.defaultDomain!.domainIds.get(host.kernel.units[0]!)!;
    const clear = [`CONTEXT_CACHE DEVICE did=${did} sid=6c00`, `IOTLB DOMAIN did=${did}`];
    const seen = host.invalidations(() => host.kernel.vfio.addGroup(container, group));
    expect(seen).toEqual([...clear, ...clear, ...clear, ...clear]);
  });

  it('a removed mapping is flushed in blocks that cover it', () => {
    const host = legacyHost();
    const container = containerOf(host, [
      range('10000000', '400000', KIB_4),
      range('40000000', '800000', MIB_2),
    ]);
    const unit = host.kernel.units[0]!;
    const { did } = container.iommu!.domains[0]!.domain.domainIds.get(unit)!;
    const flushesOf = (iova: string, size: string, vaddr: string) => {
      expect(mapDma(host, container, iova, size, { vaddr })).toBeNull();
      return host.invalidations(() => expect(unmapDma(host, container, iova, size)).toBe(size));
    };
    const page = (addr: string, size: string) => `IOTLB PAGE did=${did} addr=0x${addr} size=0x${size}`;
    expect(flushesOf('100000', '1000', '10000000')).toEqual([page('100000', '1000')]);
    expect(flushesOf('200000', '2000', '10001000')).toEqual([page('200000', '2000')]);
    // Three pages from 0x203000 need the eight from 0x200000.
    expect(flushesOf('203000', '3000', '10003000')).toEqual([page('200000', '8000')]);
    expect(flushesOf('40000000', '200000', '40000000')).toEqual([page('40000000', '200000')]);
    expect(flushesOf('40400000', '600000', '40200000')).toEqual([page('40000000', '1000000')]);
    // The block that covers both sides of 2 GiB is larger than the unit flushes by page.
    expect(flushesOf('7ffff000', '2000', '10030000')).toEqual([`IOTLB DOMAIN did=${did}`]);
  });
});
