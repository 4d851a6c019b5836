import { U1, address, errnoOf } from '../../support/kernel/host.js';
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
import type { Host } from '../../support/kernel/host.js';
import type { VfioContainer } from '../../../src/kernel/vfio/objects.js';

/** Bytes whose address was taken, or the errno. */
function take(host: Host, container: VfioContainer, iova: string, size: string, all = false) {
  let pages = 0;
  const request = { iova: address(iova), size: address(size), all, takeVaddr: true };
  const errno = errnoOf(() => (pages = host.kernel.vfio.unmapDma(container, request)));
  return errno ?? (pages * 4096).toString(16);
}

function give(host: Host, container: VfioContainer, iova: string, size: string, vaddr: string, read = false) {
  const range = { iova: address(iova), size: address(size), vaddr: address(vaddr) };
  return errnoOf(() =>
    host.kernel.vfio.mapDma(container, { ...range, read, write: false, updateVaddr: true }),
  );
}

it('V5_10 knows no flag VADDR', () => {
  const host = vfioHost('V5_10');
  const container = containerWith(host, [NIC]);
  expect(mapDma(host, container, '100000', '1000')).toBeNull();
  expect(take(host, container, '100000', '1000')).toBe('EINVAL');
  expect(give(host, container, '100000', '1000', '5000')).toBe('EINVAL');
});

/**
 * Source: linux-iommu-siov.md 7.6; errnos of the map are recorded in ../shared/data/qemu-linux/vfio. Those of
 * the unmap and the attach under V6_1 are UNCONFIRMED: no record shows them.
 */
describe.each(PROFILES.filter((profile) => profile !== 'V5_10'))(
  'addresses that move under %s',
  (profile) => {
    const mapped = () => {
      const host = vfioHost(profile);
      const container = containerWith(host, [NIC]);
      for (const iova of ['100000', '110000']) expect(mapDma(host, container, iova, '10000')).toBeNull();
      return { host, container };
    };

    it('leave what devices reach as it is, and the mappings and their entries', () => {
      const { host, container } = mapped();
      const before = host.dma('READ', '0x100000', null, NIC);
      const available = container.iommu!.available;
      expect(take(host, container, '100000', '20000')).toBe('20000');
      expect(host.dma('READ', '0x100000', null, NIC)).toEqual(before);
      expect(give(host, container, '100000', '10000', '7000000')).toBeNull();
      expect(container.iommu!.dmas.all().map(({ vpfn, vaddrValid }) => [vpfn, vaddrValid])).toEqual([
        [0x7000, true],
        [0x100110, false],
      ]);
      expect([container.iommu!.dmas.size, container.iommu!.available]).toEqual([2, available]);
      expect(unmapDma(host, container, '100000', '20000')).toBe('20000');
    });

    it('are given to a whole mapping without one, and with nothing else', () => {
      const { host, container } = mapped();
      expect(give(host, container, '900000', '1000', '5000')).toBe('ENOENT');
      expect(give(host, container, '100000', '10000', '5000')).toBe('EINVAL');
      expect(take(host, container, '100000', '10000')).toBe('10000');
      expect(give(host, container, '100000', '8000', '5000')).toBe('EINVAL');
      expect(give(host, container, '100000', '10000', '5000', true)).toBe('EINVAL');
      expect(give(host, container, '100000', '10000', '5000')).toBeNull();
    });

    it('are taken once, all or none, and from whole mappings', () => {
      const { host, container } = mapped();
      expect(take(host, container, '100000', '8000')).toBe('EINVAL');
      expect(take(host, container, '110000', '10000')).toBe('10000');
      expect(take(host, container, '100000', '20000')).toBe('EINVAL');
      expect(container.iommu!.dmas.all().map(({ vaddrValid }) => vaddrValid)).toEqual([true, false]);
      expect(take(host, container, '0', '0', true)).toBe('EINVAL');
      expect(take(host, container, '200000', '10000')).toBe('0');
    });

    it('are missed by a group that comes and needs memory pinned', () => {
      const host = vfioHost(profile, { units: [{ devices: [GPU], ecap: { SC: 0 } }, {}] });
      const container = containerWith(host, [NIC]);
      expect(mapDma(host, container, '100000', '10000')).toBeNull();
      // Of units that do not all snoop, the newcomer needs a domain of its own only where that is settled per domain.
      take(host, container, '100000', '10000');
      const add = () => errnoOf(() => host.kernel.vfio.addGroup(container, host.group(GPU)));
      expect(add()).toBe(profile === 'V6_1' ? 'EBUSY' : null);
      if (profile !== 'V6_1') return;
      give(host, container, '100000', '10000', '5000');
      expect(add()).toBeNull();
    });

    it('beside software subdevices are missed by their drivers, or cannot be taken', () => {
      const host = vfioHost(profile, { config: { options: NO_SERIES } });
      const container = host.kernel.vfio.openContainer(null);
      host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
      host.kernel.vfio.setIommu(container, 3);
      expect(mapDma(host, container, '100000', '1000')).toBeNull();
      expect(take(host, container, '100000', '1000')).toBe(profile === 'V6_1' ? 'EBUSY' : '1000');
      const read = () => errnoOf(() => host.kernel.vfio.dmaRw(container, address('100000'), 4));
      expect(read()).toBe(profile === 'V6_1' ? null : 'EAGAIN');
      const add = () => errnoOf(() => host.kernel.vfio.addGroup(container, host.group(NIC)));
      expect(add()).toBe(profile === 'V6_1' ? null : 'EAGAIN');
    });
  },
);
