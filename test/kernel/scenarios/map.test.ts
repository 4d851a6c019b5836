import { pfnOf } from '../../../src/bits/u64.js';
import type { Domain } from '../../../src/kernel/iommu/domain.js';
import {
  Host,
  type HostPlan,
  U1,
  address,
  codesOf,
  errnoOf,
  hex,
  mapping,
  range,
} from '../../support/kernel/host.js';

/** A default host with a domain attached to its parent as primary. */
function attached(plan: HostPlan = {}): { host: Host; domain: Domain } {
  const host = Host.boot({ parents: [{ ats: false }], ...plan });
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  return { host, domain };
}

describe('scenario 44', () => {
  it('misaligned addresses are EINVAL, with the kernel’s line', () => {
    const { host, domain } = attached();
    expect(errnoOf(() => host.kernel.map(domain, mapping('1000', '2001', '1000')))).toBe('EINVAL');
    expect(host.lines.at(-1)).toBe(
      'iommu: unaligned: iova 0x1000 pa 0x0000000000002001 size 0x1000 min_pagesz 0x1000',
    );
  });

  it('size 0 maps nothing and succeeds', () => {
    const { host, domain } = attached();
    expect(host.kernel.map(domain, mapping('1000', '2000', '0'))).toEqual([]);
    expect(domain.mappedBytes).toBe(0);
  });
});

describe('scenario 45', () => {
  it('a mapping without access is EINVAL', () => {
    const { host, domain } = attached();
    expect(errnoOf(() => host.kernel.map(domain, mapping('1000', '2000', '1000', '')))).toBe('EINVAL');
  });

  it('mapping in the identity domain is EINVAL', () => {
    const { host } = attached();
    const identity = host.kernel.allocDomain('pci', 'IDENTITY');
    expect(errnoOf(() => host.kernel.map(identity, mapping('1000', '2000', '1000')))).toBe('EINVAL');
  });
});

describe('scenario 46: page sizes', () => {
  it('two entries of 2 MiB where both sides are aligned', () => {
    const { host, domain } = attached();
    expect(host.kernel.map(domain, mapping('200000', '40200000', '400000'))).toEqual([
      { pageSize: 0x200000, count: 2 },
    ]);
    expect([...domain.mappings()]).toMatchObject([{ pageSize: 0x200000, size: 0x400000 }]);
  });

  it('1024 entries of 4 KiB where the physical side is not', () => {
    const { host, domain } = attached();
    expect(host.kernel.map(domain, mapping('200000', '40201000', '400000'))).toEqual([
      { pageSize: 4096, count: 1024 },
    ]);
  });

  it('1024 entries with sp_off', () => {
    const { host, domain } = attached({ config: { commandLine: 'intel_iommu=on,sm_on,sp_off' } });
    expect(host.kernel.map(domain, mapping('200000', '40200000', '400000'))).toEqual([
      { pageSize: 4096, count: 1024 },
    ]);
  });

  it('4 KiB before the first attach, when the domain knows no unit', () => {
    const host = Host.boot();
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    expect(host.kernel.map(domain, mapping('200000', '40200000', '200000'))).toEqual([
      { pageSize: 4096, count: 512 },
    ]);
  });

  it('1 GiB where unit and alignment allow', () => {
    const { host, domain } = attached();
    expect(host.kernel.map(domain, mapping('40000000', '80000000', '40200000'))).toEqual([
      { pageSize: 0x200000, count: 1 },
      { pageSize: 0x40000000, count: 1 },
    ]);
    expect(host.dma('READ', '0x7ffffffc')).toEqual({ physical: '0xbffffffc' });
    expect(host.dma('READ', '0x801ffffc')).toEqual({ physical: '0xc01ffffc' });
  });
});

it('scenario 47: with caching mode each chunk of the split is flushed: 4, 8 and 16 KiB', () => {
  const { host, domain } = attached({ cap: { CM: 1 }, config: { profile: 'V5_10' } });
  const seen = host.invalidations(() => host.kernel.map(domain, mapping('1000', '1000', '7000')));
  expect(seen).toEqual([
    'IOTLB PAGE did=2 addr=0x1000 size=0x1000',
    'IOTLB PAGE did=2 addr=0x2000 size=0x2000',
    'IOTLB PAGE did=2 addr=0x4000 size=0x4000',
  ]);
});

describe('a range no large page fits into becomes what its pages become when they are mapped one by one', () => {
  // Each difference allows chunks of at most 4 KiB and 64 KiB; the range begins and ends within a table.
  it.each(['40200000', '4020f000'])('where it leads to 0x%s', (physical) => {
    const [whole, single] = [attached(), attached()].map(({ host, domain }) => {
      for (const taken of ['1ff000', '2ff000', '400000', '5ff000', '7fe000'])
        host.kernel.map(domain, mapping(taken, '7000', '1000'));
      return { host, domain, before: host.lines.length };
    });
    const pages = 0x601;
    const written = whole.host.kernel.map(whole.domain, mapping('1ff000', physical, '601000'));
    for (let page = 0; page < pages; page++) {
      const [iova, target] = [0x1ff000, parseInt(physical, 16)].map((first) =>
        (first + page * 4096).toString(16),
      );
      single.host.kernel.map(single.domain, mapping(iova, target, '1000'));
    }
    expect(written).toEqual([{ pageSize: 4096, count: pages - 5 }]);
    const memory = ({ host }: typeof whole) =>
      [...host.machine.memory.writtenFrames()].map(({ frame, bytes }) => [
        frame,
        Buffer.from(bytes).toString('hex'),
      ]);
    expect(memory(whole)).toEqual(memory(single));
    expect(whole.host.lines.slice(whole.before)).toHaveLength(5);
    expect(whole.host.lines).toEqual(single.host.lines);
    expect(whole.domain.mappedBytes).toBe(single.domain.mappedBytes);
  });
});

describe('scenario 48: the width', () => {
  it('is 48 bits once attached', () => {
    const { host, domain } = attached();
    expect(errnoOf(() => host.kernel.map(domain, mapping('fffffffff000', '1000', '2000')))).toBe('EFAULT');
    expect(host.lines.at(-1)).toBe(
      'DMAR: intel_iommu_map: iommu width (48) is not sufficient for the mapped address (1000000001000)',
    );
    expect(errnoOf(() => host.kernel.map(domain, mapping('fffffffff000', '1000', '1000')))).toBeNull();
  });

  it('is 57 bits before', () => {
    const host = Host.boot();
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    expect(errnoOf(() => host.kernel.map(domain, mapping('1fffffffffff000', '1000', '1000')))).toBeNull();
    expect(errnoOf(() => host.kernel.map(domain, mapping('200000000000000', '1000', '1000')))).toBe('EFAULT');
  });
});

it('scenario 49: mapping a page again succeeds, keeps the first translation and complains', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  expect(host.kernel.map(domain, mapping('1000', '50001000', '1000', 'r'))).toEqual([]);
  expect(hex(host.kernel.iovaToPhys(domain, address('1000')))).toBe('0x40001000');
  expect(host.lines.at(-1)).toBe('DMAR: ERROR: DMA PTE for vPFN 0x1 already set (to 40001003 not 50001001)');
});

it('a large page takes the place of small ones without a word', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('200000', '40001000', '3000'));
  const lines = host.linesOf(() => host.kernel.map(domain, mapping('200000', '80200000', '200000')));
  expect(lines).toEqual([]);
  expect(hex(host.kernel.iovaToPhys(domain, address('201000')))).toBe('0x80201000');
  expect(domain.mappedBytes).toBe(0x200000);
});

it('a large page in the place of another keeps the first translation and complains', () => {
  // linux-iommu-siov.md 3.4, step 4: dma_pte_free_pagetable() passes over large pages, so the entry is found.
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('200000', '40200000', '200000'));
  const lines = host.linesOf(() => {
    expect(host.kernel.map(domain, mapping('0', '80000000', '400000'))).toEqual([
      { pageSize: 0x200000, count: 1 },
    ]);
  });
  expect(lines).toEqual(['DMAR: ERROR: DMA PTE for vPFN 0x200 already set (to 40200083 not 80200083)']);
  expect(hex(host.kernel.iovaToPhys(domain, address('201000')))).toBe('0x40201000');
  expect(hex(host.kernel.iovaToPhys(domain, address('1000')))).toBe('0x80001000');
  expect(domain.mappedBytes).toBe(0x400000);
});

it('a small page inside a large one is refused as unsafe', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('200000', '40200000', '200000'));
  expect(codesOf(() => host.kernel.map(domain, mapping('201000', '1000', '1000')))).toEqual(['UNSAFE']);
});

it('scenario 50: a chunk that fails takes the earlier ones back, without a map event', () => {
  const { host, domain } = attached();
  // Chunks end at 2^48; the third begins there.
  const events = host.events.length;
  const request = mapping('ffffffffd000', 'fffd000', '5000');
  expect(errnoOf(() => host.kernel.map(domain, request))).toBe('EFAULT');
  expect(domain.mappedBytes).toBe(0);
  expect(host.kernel.iovaToPhys(domain, address('ffffffffd000'))).toBeNull();
  const told = host.events.slice(events).flatMap((event) => (event.type === 'MAPPING' ? event : []));
  expect(told.filter(({ mapped }) => mapped)).toEqual([]);
  // iommu_map() undoes with iommu_unmap(), which traces what it took away: two chunks of three pages.
  expect(told.map(({ iova, size }) => [hex(iova), hex(size)])).toEqual([['0xffffffffd000', '0x3000']]);
});

it('what was mapped before in the way of a map that fails goes with it, and an event says so', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('ffffffffd000', '1000', '1000'));
  const events = host.events.length;
  const request = mapping('ffffffffd000', 'fffd000', '5000');
  expect(errnoOf(() => host.kernel.map(domain, request))).toBe('EFAULT');
  expect(host.kernel.iovaToPhys(domain, address('ffffffffd000'))).toBeNull();
  expect(host.events.slice(events).filter((event) => event.type === 'MAPPING')).toMatchObject([
    { mapped: false, iova: address('ffffffffd000'), size: address('3000') },
  ]);
});

it('a range whose second table cannot be made is ENOMEM and takes back what is in the first', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  const { frames } = host.state;
  while (frames.allocate() !== null);
  expect(errnoOf(() => host.kernel.map(domain, mapping('2000', '40001000', '400000')))).toBe('ENOMEM');
  expect([...domain.mappings()]).toMatchObject([{ size: 0x1000 }]);
  expect(domain.mappedBytes).toBe(0x1000);
});

describe('scenario 51 and 52: unmap tells more than was asked', () => {
  it('4 KiB at the head of a 2 MiB page takes all of it', () => {
    const { host, domain } = attached();
    host.kernel.map(domain, mapping('200000', '40200000', '200000'));
    expect(hex(host.kernel.unmap(domain, range('200000', '1000')))).toBe('0x200000');
    expect(domain.mappedBytes).toBe(0);
  });

  it('inside a 2 MiB page it is refused as unsafe', () => {
    const { host, domain } = attached();
    host.kernel.map(domain, mapping('200000', '40200000', '200000'));
    expect(codesOf(() => host.kernel.unmap(domain, range('201000', '1000')))).toEqual(['UNSAFE']);
    expect(domain.mappedBytes).toBe(0x200000);
  });

  it('never mapped: the span of the level where the walk ends', () => {
    const { host, domain } = attached();
    expect(hex(host.kernel.unmap(domain, range('1000', '1000')))).toBe('0x8000000000');
    const fresh = host.kernel.allocDomain('pci', 'UNMANAGED');
    expect(hex(host.kernel.unmap(fresh, range('1000', '1000')))).toBe('0x1000000000000');
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    expect(hex(host.kernel.unmap(domain, range('200000', '1000')))).toBe('0x200000');
    expect(hex(host.kernel.unmap(domain, range('2000', '1000')))).toBe('0x1000');
  });

  it('never mapped in mid-span, with a mapping in reach, is refused as unsafe', () => {
    const { host, domain } = attached();
    host.kernel.map(domain, mapping('400000', '40001000', '1000'));
    expect(codesOf(() => host.kernel.unmap(domain, range('201000', '1000')))).toEqual(['UNSAFE']);
  });
});

it('scenario 53: a misaligned unmap returns 0, with the kernel’s line', () => {
  const { host, domain } = attached();
  expect(hex(host.kernel.unmap(domain, range('1001', '1000')))).toBe('0x0');
  expect(host.lines.at(-1)).toBe('iommu: unaligned: iova 0x1001 size 0x1000 min_pagesz 0x1000');
});

describe('scenario 54: the flush of an unmap', () => {
  it.each([
    ['16 pages: order 4', {}, '10000', 'IOTLB PAGE did=2 addr=0x10000 size=0x10000'],
    ['1024 pages: order 10 is above MAMV', {}, '400000', 'IOTLB DOMAIN did=2'],
    ['without PSI', { cap: { PSI: 0 } }, '10000', 'IOTLB DOMAIN did=2'],
  ])('%s', (_title, plan, size, expected) => {
    const { host, domain } = attached({ ...plan, config: { commandLine: 'intel_iommu=on,sm_on,sp_off' } });
    const iova = size === '400000' ? '400000' : '10000';
    host.kernel.map(domain, mapping(iova, '40001000', size));
    expect(host.invalidations(() => host.kernel.unmap(domain, range(iova, size)))).toEqual([expected]);
  });

  it('is one for the whole call from 5.11 on', () => {
    const { host, domain } = attached({ config: { profile: 'V5_15' } });
    host.kernel.map(domain, mapping('1000', '1000', '7000'));
    expect(host.invalidations(() => host.kernel.unmap(domain, range('1000', '7000')))).toEqual([
      'IOTLB PAGE did=2 addr=0x0 size=0x8000',
    ]);
  });
});

/** What a 6.1 kernel sent for unmaps of a contiguous run, on a unit with MAMV 18: range, second word. */
const RECORDED = [
  ['100000', '1000', '0x100000'],
  ['200000', '2000', '0x200001'],
  ['203000', '3000', '0x203003'],
  ['300000', '7000', '0x300003'],
  ['307000', '2000', '0x307004'],
  ['309000', '7000', '0x309003'],
  ['40a000', '2000', '0x40a001'],
] as const;

it.each(RECORDED)(
  'V6_1 flushes an unmap of 0x%s, 0x%s bytes, with the address word %s',
  (iova, size, word) => {
    const { host, domain } = attached({ cap: { MAMV: 18 }, config: { profile: 'V6_1' } });
    host.kernel.map(domain, mapping(iova, '50001000', size));
    const before = host.hardware.length;
    host.kernel.unmap(domain, range(iova, size));
    const event = host.hardware.slice(before).find((each) => each.type === 'INVALIDATION')!;
    expect(hex(event.type === 'INVALIDATION' ? event.words[1] : null)).toBe(word);
  },
);

it('V6_1 writes a write-only page so that it can be read too', () => {
  const { host, domain } = attached({ config: { profile: 'V6_1' } });
  host.kernel.map(domain, mapping('1000', '40001000', '1000', 'w'));
  expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x40001000' });
  const older = attached({ config: { profile: 'V5_15' } });
  older.host.kernel.map(older.domain, mapping('1000', '40001000', '1000', 'w'));
  expect(older.host.dma('READ', '0x1000')).toEqual({ reason: 0x86 });
});

it('scenario 55: with caching mode a map is flushed, but not the device’s own cache', () => {
  const { host, domain } = attached({ cap: { CM: 1 }, parents: [{ ats: true }] });
  expect(host.device().info!.atsEnabled).toBe(true);
  expect(host.invalidations(() => host.kernel.map(domain, mapping('1000', '1000', '1000')))).toEqual([
    'IOTLB PAGE did=2 addr=0x1000 size=0x1000',
  ]);
  const plain = attached();
  expect(
    plain.host.invalidations(() => plain.host.kernel.map(plain.domain, mapping('1000', '1000', '1000'))),
  ).toEqual([]);
});

describe('scenario 56: with ATS', () => {
  it('an unmap flushes the IOTLB, then the device', () => {
    const { host, domain } = attached({ parents: [{ ats: true }] });
    host.kernel.map(domain, mapping('10000', '10000', '10000'));
    expect(host.invalidations(() => host.kernel.unmap(domain, range('10000', '10000')))).toEqual([
      'IOTLB PAGE did=2 addr=0x10000 size=0x10000',
      expect.stringMatching(/^DEVICE_TLB .*sid=6a08 addr=0x10000 size=0x10000$/),
    ]);
  });

  it.each([
    ['V5_10', 1],
    ['V5_15', 2],
  ] as const)('an auxiliary domain in %s sends %i descriptors', (profile, count) => {
    const host = Host.boot({ config: { profile } });
    host.kernel.enableFeature(host.device(), 'AUX');
    const domain = host.kernel.allocDomain('mdev', 'UNMANAGED');
    host.kernel.attach(domain, host.mdev(U1));
    host.kernel.map(domain, mapping('1000', '1000', '1000'));
    expect(host.invalidations(() => host.kernel.unmap(domain, range('1000', '1000')))).toHaveLength(count);
  });
});

it('scenario 57: iova_to_phys in a large page, and where nothing is', () => {
  const { host, domain } = attached();
  host.kernel.map(domain, mapping('200000', '40200000', '200000'));
  expect(hex(host.kernel.iovaToPhys(domain, address('201234')))).toBe('0x40201234');
  expect(host.kernel.iovaToPhys(domain, address('400000'))).toBeNull();
});

describe('scenario 58: reserved regions of a subdevice’s group', () => {
  it('are its parent’s, and the interrupt window', () => {
    const host = Host.boot({ rmrr: { base: '8b800000', last: '8fffffff' } });
    const regions = host.kernel.groupReservedRegions(host.mdev(U1).group!);
    expect(regions.map(({ start, last, type }) => [hex(start), hex(last), type])).toEqual([
      ['0x8b800000', '0x8fffffff', 'DIRECT'],
      ['0xfee00000', '0xfeefffff', 'MSI'],
    ]);
  });

  it('of a subdevice without operations there are none', () => {
    const host = Host.boot({ config: { options: { INTEL_IOMMU_SUBDEVICE: 'n' } } });
    const subdevice = host.mdev(U1);
    expect(host.lines.at(-1)).toMatch(/ (?:Adding to iommu group|MDEV: group_id =) 1$/);
    expect(host.kernel.groupReservedRegions(subdevice.group!)).toEqual([]);
  });

  it('are mapped one to one in the default domain, in small pages', () => {
    const host = Host.boot({ rmrr: { base: '8b800000', last: '8bbfffff' } });
    const domain = host.group().defaultDomain!;
    expect([...domain.mappings()]).toMatchObject([
      { size: 0x400000, pageSize: 4096, read: true, write: true },
    ]);
    expect(host.dma('WRITE', '0x8b812340')).toEqual({ physical: '0x8b812340' });
    expect(pfnOf(domain.apertureLast)).toBe(2 ** 36 - 1);
  });

  it('are relaxable for graphics', () => {
    const host = Host.boot({
      parents: [{ classCode: 0x030000 }],
      rmrr: { base: '8b800000', last: '8bbfffff' },
    });
    expect(host.kernel.reservedRegions(host.device())[0].type).toBe('DIRECT_RELAXABLE');
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    expect(errnoOf(() => host.kernel.attach(domain, host.device()))).toBeNull();
  });
});

it('unmapping the whole address space at once is refused as unsafe', () => {
  const { host, domain } = attached();
  expect(codesOf(() => host.kernel.unmap(domain, range('0', '1000000000000')))).toEqual(['UNSAFE']);
});
