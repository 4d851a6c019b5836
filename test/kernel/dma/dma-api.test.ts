import { toHex, u64FromNumber } from '../../../src/bits/u64.js';
import { IovaSpace } from '../../../src/kernel/dma/iova-space.js';
import { Host, PARENT, address, codesOf, errnoOf } from '../../support/kernel/host.js';
import { PROFILES } from '../../support/kernel/vfio.js';

const PAGE = { physical: address('40000000'), size: 4096, direction: 'BIDIRECTIONAL' } as const;

const host = (profile: (typeof PROFILES)[number], commandLine = 'intel_iommu=on,sm_on', cap = {}) =>
  Host.boot({ config: { profile, commandLine }, cap });

/** Whether a read of the device at an address reaches memory. */
function reads(on: Host, iova: ReturnType<typeof address>): boolean {
  const { fn } = on.device();
  return (
    on.machine.dma({
      fn,
      pasid: null,
      address: iova,
      access: 'READ',
      addressType: 'UNTRANSLATED',
      size: 4,
    }).blocked === null
  );
}

const flushes = (on: Host, from: number) =>
  on.hardware
    .slice(from)
    .flatMap((event) =>
      event.type === 'INVALIDATION' && event.descriptor === 'IOTLB' ? [event.granularity] : [],
    );

describe.each(PROFILES)('what drivers map through the DMA API under %s', (profile) => {
  it('is lazily flushed by default: reachable through a cache until the timer flushes the whole domain', () => {
    const lazy = host(profile);
    expect(lazy.group().defaultDomain!.type).toBe(profile === 'V5_10' ? 'DMA' : 'DMA_FQ');
    const iova = lazy.kernel.dmaMap(lazy.device(), PAGE);
    expect(reads(lazy, iova)).toBe(true);
    const from = lazy.hardware.length;
    lazy.kernel.dmaUnmap(lazy.device(), iova);
    expect([flushes(lazy, from), reads(lazy, iova)]).toEqual([[], true]);
    lazy.kernel.now = 9;
    expect(reads(lazy, iova)).toBe(true);
    lazy.kernel.now = 10;
    expect([flushes(lazy, from), reads(lazy, iova)]).toEqual([['DOMAIN'], false]);
  });

  it('is flushed at once where the policy is strict', () => {
    const commandLine = `intel_iommu=on,sm_on${profile === 'V5_10' ? ',strict' : ' iommu.strict=1'}`;
    const strict = host(profile, commandLine);
    expect(strict.group().defaultDomain!.type).toBe('DMA');
    const iova = strict.kernel.dmaMap(strict.device(), PAGE);
    expect(reads(strict, iova)).toBe(true);
    const from = strict.hardware.length;
    strict.kernel.dmaUnmap(strict.device(), iova);
    expect([flushes(strict, from), reads(strict, iova)]).toEqual([['PAGE'], false]);
  });

  it('is strict where a unit caches absences, which the log says', () => {
    const virtual = host(profile, 'intel_iommu=on,sm_on', { CM: 1 });
    const lines = virtual.kernel.log.lines.map(({ text }) => text);
    expect(lines).toContain(
      profile === 'V5_10'
        ? 'DMAR: IOMMU batching is disabled due to virtualization'
        : 'DMAR: IOMMU batching disallowed due to virtualization',
    );
    const iova = virtual.kernel.dmaMap(virtual.device(), PAGE);
    virtual.kernel.dmaUnmap(virtual.device(), iova);
    expect(virtual.group().defaultDomain!.flushQueue === null).toBe(true);
  });

  it('fills a queue of 255 ranges, whose addresses are not given again before they were flushed', () => {
    const lazy = host(profile);
    const given = new Set<string>();
    const from = lazy.hardware.length;
    for (let n = 0; n < 255; n++) {
      const iova = lazy.kernel.dmaMap(lazy.device(), PAGE);
      given.add(toHex(iova));
      lazy.kernel.dmaUnmap(lazy.device(), iova);
    }
    expect([given.size, flushes(lazy, from)]).toEqual([255, []]);
    const last = lazy.kernel.dmaMap(lazy.device(), PAGE);
    lazy.kernel.dmaUnmap(lazy.device(), last);
    expect(flushes(lazy, from)).toEqual(['DOMAIN']);
    expect(given.has(toHex(lazy.kernel.dmaMap(lazy.device(), PAGE)))).toBe(true);
  });

  it('has addresses from 4 GiB down, outside the window of interrupt messages, at their offset in the page', () => {
    const strict = host(profile);
    const size = 2 ** 20;
    const inPage = { ...PAGE, physical: address('40000123'), size: 1 };
    expect(toHex(strict.kernel.dmaMap(strict.device(), inPage))).toBe('0xfffff123');
    const given = Array.from({ length: 20 }, () =>
      toHex(strict.kernel.dmaMap(strict.device(), { ...PAGE, size })),
    );
    expect(given).not.toContain('0xfee00000');
    expect(given.slice(15, 18)).toEqual(['0xfef00000', '0xfed00000', '0xfec00000'].slice(0, 3));
  });

  it('is refused without a host driver, and passes unchanged under iommu=pt', () => {
    const plain = host(profile, 'intel_iommu=on iommu=pt');
    expect(toHex(plain.kernel.dmaMap(plain.device(), PAGE))).toBe('0x40000000');
    plain.kernel.unbindDriver(plain.device());
    const map = () => plain.kernel.dmaMap(plain.device(), PAGE);
    expect([errnoOf(map), codesOf(map)]).toEqual(['ENODEV', ['NO_DRIVER']]);
  });

  it('a range is unmapped once', () => {
    const lazy = host(profile);
    const iova = lazy.kernel.dmaMap(lazy.device(PARENT), PAGE);
    lazy.kernel.dmaUnmap(lazy.device(), iova);
    expect(errnoOf(() => lazy.kernel.dmaUnmap(lazy.device(), iova))).toBe('EINVAL');
    expect(errnoOf(() => lazy.kernel.dmaUnmap(lazy.device(), u64FromNumber(0x1000)))).toBe('EINVAL');
  });
});

it('ranges of addresses never overlap and lie at multiples of their size', () => {
  const space = new IovaSpace();
  const live = new Map<number, number>();
  let seed = 1;
  for (let n = 0; n < 2000; n++) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const pages = 1 + (seed % 40);
    const pfn = space.allocate(pages, 4096);
    if (pfn === null) {
      const [oldest] = live.keys();
      space.release(oldest);
      live.delete(oldest);
      continue;
    }
    expect(pfn % 2 ** Math.ceil(Math.log2(pages))).toBe(0);
    for (const [other, length] of live) expect(pfn + pages <= other || other + length <= pfn).toBe(true);
    live.set(pfn, pages);
  }
});
