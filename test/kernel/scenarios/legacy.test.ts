import { Host, address, errnoOf, mapping } from '../../support/kernel/host.js';

/** Words of the parent's context entry: root table, bus 0x6a, device 1, function 0. */
function contextEntry(host: Host): { hi: number; lo: number }[] {
  const { memory } = host.machine;
  const pointer = (word: { hi: number; lo: number }) => word.hi * 4294967296 + (word.lo & ~0xfff);
  const table = pointer(memory.load64(host.kernel.units[0].rootFrame! * 4096 + 0x6a * 16));
  return [0, 8].map((offset) => memory.load64(table + 0x08 * 16 + offset));
}

describe('legacy mode', () => {
  const legacy = (words = '') =>
    Host.boot({ config: { commandLine: `intel_iommu=on,sm_off ${words}` }, parents: [{ ats: false }] });

  /** Lowest domain id there is: V6_1 keeps 1 free in this mode too, as recorded in qemu-linux/memory. */
  const firstId = (host: Host) => (host.kernel.config.profile === 'V6_1' ? 2 : 1);

  it('puts domain id, width and tables into the context entry', () => {
    const host = legacy();
    const domain = host.group().defaultDomain!;
    expect(host.kernel.scalableMode).toBe(false);
    // Present, type 0; the id in bits 23:8, AW 2.
    expect(contextEntry(host)).toEqual(
      [
        { hi: 0, lo: domain.rootFrame * 4096 + 1 },
        { hi: 0, lo: (firstId(host) << 8) | 2 },
      ].map(({ hi, lo }) => ({ hi: hi + Math.floor(lo / 4294967296), lo: lo >>> 0 })),
    );
  });

  it('marks a device that may use ATS in the entry', () => {
    const host = Host.boot({ config: { commandLine: 'intel_iommu=on,sm_off' } });
    expect(contextEntry(host)[0].lo & 0xf).toBe(0x5);
  });

  it('passes identity domains through, with the id of the shared domain and the widest AW', () => {
    const host = legacy('iommu=pt');
    expect(contextEntry(host)).toEqual([
      { hi: 0, lo: 0x9 },
      { hi: 0, lo: (firstId(host) << 8) | 2 },
    ]);
    expect(host.dma('WRITE', '0x12345678')).toEqual({ physical: '0x12345678' });
    expect(host.kernel.iovaToPhys(host.group().domain!, address('1000'))).toBeNull();
  });

  it('translates a user domain and goes back to the default one', () => {
    const host = legacy();
    const domain = host.kernel.allocDomain('pci', 'UNMANAGED');
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    expect(host.invalidations(() => host.kernel.attach(domain, host.device()))).toEqual([
      `CONTEXT_CACHE DEVICE did=${firstId(host)} sid=6a08`,
      `IOTLB DOMAIN did=${firstId(host)}`,
    ]);
    expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x40001000' });
    host.kernel.detach(domain, host.device());
    expect(host.dma('READ', '0x1000')).toEqual({ reason: 6 });
    expect(host.dma('WRITE', '0x1000')).toEqual({ reason: 5 });
  });

  it('knows no AUX', () => {
    const host = legacy();
    expect(errnoOf(() => host.kernel.enableFeature(host.device(), 'AUX'))).toBe('EINVAL');
  });
});

it('without pass-through in hardware the identity domain maps all memory', () => {
  const host = Host.boot({ ecap: { PT: 0 }, config: { commandLine: 'intel_iommu=on,sm_on iommu=pt' } });
  expect(host.dma('READ', '0x3fffffff0000')).toEqual({ physical: '0x3fffffff0000' });
  expect(host.group().domain!.mappedBytes).toBe(2 ** 46);
});

it('a unit in scalable mode passes identity domains through under id 1', () => {
  const host = Host.boot({ config: { commandLine: 'intel_iommu=on,sm_on iommu=pt' } });
  expect(host.device().attachments).toMatchObject([{ kind: 'PRIMARY', domainIdTag: 1 }]);
  expect(host.kernel.units[0].domainIdsUsed).toBe(3);
});
