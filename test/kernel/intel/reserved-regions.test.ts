import { Host, U1, hex } from '../../support/kernel/host.js';
import type { ReservedRegion } from '../../../src/kernel/iommu/reserved-region.js';

/* Source: linux-iommu-siov.md 3.8 "Reserved regions". */

const lines = (regions: readonly ReservedRegion[]) =>
  regions.map(({ start, last, type }) => `${hex(start)} ${hex(last)} ${type}`);
const WINDOW = '0xfee00000 0xfeefffff MSI';

describe('an ISA bridge', () => {
  const parents = [{ classCode: 0x060100 }];

  it('keeps the first 16 MiB for the floppy controller behind it, mapped one to one by default', () => {
    const host = Host.boot({ parents });
    expect(lines(host.kernel.reservedRegions(host.device()))).toEqual([
      '0x0 0xffffff DIRECT_RELAXABLE',
      WINDOW,
    ]);
    expect(host.dma('WRITE', '0x123000')).toEqual({ physical: '0x123000' });
    expect(host.dma('WRITE', '0x1000000')).not.toHaveProperty('physical');
  });

  it('keeps nothing in a kernel without the workaround', () => {
    const host = Host.boot({ parents, config: { options: { CONFIG_INTEL_IOMMU_FLOPPY_WA: 'n' } } });
    expect(lines(host.kernel.reservedRegions(host.device()))).toEqual([WINDOW]);
  });
});

it('an unmanaged domain has no direct mappings', () => {
  const host = Host.boot({ parents: [{ classCode: 0x060100 }] });
  const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
  host.kernel.attach(domain, host.device());
  expect(domain.mappedBytes).toBe(0);
});

it('a group lists the regions of all its members by start, those of one type that touch as one', () => {
  // The second function is behind the same slot; the first has memory of its own that begins where the floppy's ends.
  const host = Host.boot({
    parents: [
      { at: '0000:6a:01.0', vendorId: 0x1af4, classCode: 0x030000, multifunction: true },
      { at: '0000:6a:01.1', vendorId: 0x1af4, classCode: 0x060100 },
    ],
    rmrr: { base: '1000000', last: '1ffffff' },
  });
  expect(host.group().members.map(({ name }) => name)).toEqual(['0000:6a:01.0', '0000:6a:01.1']);
  expect(lines(host.kernel.groupReservedRegions(host.group()))).toEqual([
    '0x0 0x1ffffff DIRECT_RELAXABLE',
    WINDOW,
  ]);
});

it('a subdevice has those of its parent', () => {
  const host = Host.boot({ rmrr: { base: '8b800000', last: '8bffffff' } });
  expect(lines(host.kernel.reservedRegions(host.mdev(U1)))).toEqual(['0x8b800000 0x8bffffff DIRECT', WINDOW]);
});
