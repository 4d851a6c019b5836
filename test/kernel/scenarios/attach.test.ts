import { toHexDigits } from '../../../src/bits/u64.js';
import type { Domain } from '../../../src/kernel/iommu/domain.js';
import {
  Host,
  type HostPlan,
  PARENT,
  U1,
  U2,
  U3,
  codesOf,
  errnoOf,
  mapping,
} from '../../support/kernel/host.js';

const OTHER = '0000:6b:00.0';

function auxHost(plan: HostPlan = {}): Host {
  const host = Host.boot(plan);
  for (const device of host.kernel.devices.values()) host.kernel.enableFeature(device, 'AUX');
  return host;
}

function newDomain(host: Host, bus = 'mdev'): Domain {
  return host.kernel.allocDomain(bus, 'UNMANAGED');
}

describe('scenario 24: an auxiliary attach', () => {
  it('takes PASID 1 and domain id 3, and only writes tables', () => {
    const host = auxHost();
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    const seen = host.invalidations(() => host.kernel.attach(domain, subdevice.group!));
    expect(seen).toEqual([]);
    expect([subdevice.pasid, subdevice.domain]).toEqual([1, domain]);
    expect(subdevice.attachment).toMatchObject({ kind: 'AUX', pasid: 1, domainIdTag: 3 });
    expect(subdevice.attachment!.device).toBe(host.device());
    expect(subdevice.group!.domain).toBe(domain);
    expect(host.device().primaryDomain).toBe(host.group().defaultDomain);
    expect(host.events.at(-1)).toEqual({
      type: 'ATTACHMENT',
      attached: true,
      domain: domain.number,
      endpoint: { kind: 'Subdevice', name: U1 },
      kind: 'AUX',
      pasid: 1,
    });
    expect(host.dma('WRITE', '0x1004', 1)).toEqual({ physical: '0x40001004' });
  });

  it('scenario 94: leaves four domain ids in use of 256', () => {
    const host = auxHost();
    host.kernel.attach(newDomain(host), host.mdev(U1));
    expect(host.kernel.units[0]).toMatchObject({ domainIdsUsed: 4, domainIdsSupported: 256 });
  });

  it('scenario 25: with caching mode, flushes PASID cache and IOTLB of the PASID', () => {
    const host = auxHost({ cap: { CM: 1 } });
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    expect(host.invalidations(() => host.kernel.attach(domain, subdevice))).toEqual([
      'PASID_CACHE PASID did=3 pasid=1',
      'PASID_IOTLB PASID did=3 pasid=1',
    ]);
  });

  it('writes the entry the reference describes', () => {
    const host = auxHost();
    const domain = newDomain(host);
    host.kernel.attach(domain, host.mdev(U1));
    const entry = [...host.device().info!.pasidTable!.present()].find(({ pasid }) => pasid === 1)!;
    const words = [0, 8, 16, 24].map((offset) =>
      toHexDigits(host.machine.memory.load64(entry.address + offset)),
    );
    // Present, AW 2 (48 bits), PGTT 2 (second stage) and the table; DID 3; SRE.
    const root = domain.rootFrame * 4096;
    expect(words).toEqual([(root + 0x89).toString(16), '3', '1', '0']);
  });
});

it('scenario 26: the PASID is the domain’s, and there is none before the first attach', () => {
  const host = auxHost();
  const domain = newDomain(host);
  expect(domain.defaultPasid).toBe(0);
  host.kernel.attach(domain, host.mdev(U1));
  expect(domain.defaultPasid).toBe(1);
});

it.each(['DMA', 'IDENTITY', 'BLOCKED', 'SVA'] as const)(
  'scenario 27: the subdevice bus makes no %s domain',
  (type) => {
    const host = Host.boot();
    expect(errnoOf(() => host.kernel.allocDomain('mdev', type))).toBe('EIO');
  },
);

it('scenario 28: nothing protects a subdevice group from a second domain', () => {
  const host = auxHost();
  const subdevice = host.mdev(U1);
  const [first, second] = [newDomain(host), newDomain(host)];
  for (const [domain, physical] of [
    [first, '40000000'],
    [second, '50000000'],
  ] as const) {
    host.kernel.map(domain, mapping('1000', physical, '1000'));
    host.kernel.attach(domain, subdevice);
  }
  expect(subdevice.group!.domain).toBe(second);
  expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x40000000' });
  expect(host.dma('READ', '0x1000', 2)).toEqual({ physical: '0x50000000' });
  host.kernel.detach(second, subdevice);
  expect(subdevice.group!.domain).toBeNull();
  expect(host.dma('READ', '0x1000', 1)).toEqual({ physical: '0x40000000' });
  expect(host.dma('READ', '0x1000', 2)).toEqual({ reason: 0x59 });
  host.kernel.detach(first, subdevice);
  expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x59 });
});

describe('scenario 29: with AUX off, attaching to a subdevice', () => {
  it('replaces the primary domain of the parent, with the flushes of a removal', () => {
    const host = Host.boot({ config: { profile: 'V5_10' } });
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    const seen = host.invalidations(() => host.kernel.attach(domain, subdevice));
    // No port is listed for ATS behind a root complex endpoint: it may use ATS, so its TLB is flushed too.
    expect(seen).toEqual([
      'PASID_CACHE PASID did=2 pasid=0',
      'PASID_IOTLB PASID did=2 pasid=0',
      expect.stringMatching(/^DEVICE_TLB sid=6a08|^DEVICE_TLB .*sid=6a08/),
      'CONTEXT_CACHE DEVICE did=0 sid=6a08',
      'IOTLB DOMAIN did=0',
    ]);
    expect(host.device().primaryDomain).toBe(domain);
    expect(host.group().domain).toBe(host.group().defaultDomain);
    expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x40001000' });
    expect(subdevice.pasid).toBeNull();
    expect(subdevice.attachment?.kind).toBe('PRIMARY');
  });

  it('gives the id of the old default domain to the new one', () => {
    const host = Host.boot();
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    host.kernel.attach(domain, subdevice);
    expect(subdevice.attachment!.domainIdTag).toBe(2);
    expect(host.group().defaultDomain!.domainIds.size).toBe(0);
  });

  it('warns, naming parent, driver and the domain evicted', () => {
    const host = Host.boot();
    const { warnings } = host.kernel.attach(newDomain(host), host.mdev(U1));
    expect(warnings[0]).toContain(PARENT);
    expect(warnings[0]).toContain('idxd');
    expect(warnings[1]).toContain(`Domain ${host.group().defaultDomain!.number} `);
  });

  it('scenario 30: after the detach the parent has no context entry, and its DMA faults with 0x41', () => {
    const host = Host.boot();
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    host.kernel.attach(domain, subdevice);
    host.kernel.detach(domain, subdevice);
    expect(host.device().primaryDomain).toBeNull();
    expect(host.dma('READ', '0x1000')).toEqual({ reason: 0x41 });
  });

  it('is refused with nothing touched where the fork requires AUX', () => {
    const host = Host.boot({ config: { auxRequirement: 'REQUIRED' } });
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    let seen: string[] = [];
    expect(errnoOf(() => (seen = host.invalidations(() => host.kernel.attach(domain, subdevice))))).toBe(
      'EPERM',
    );
    expect(seen).toEqual([]);
    expect(host.device().primaryDomain).toBe(host.group().defaultDomain);
    expect(subdevice.group!.domain).toBeNull();
    expect(domain.attachments).toEqual([]);
  });

  it('AUX cannot go off under an attachment where the fork requires it', () => {
    const host = Host.boot({ config: { auxRequirement: 'REQUIRED' } });
    const [subdevice, domain] = [host.mdev(U1), newDomain(host)];
    host.kernel.enableFeature(host.device(), 'AUX');
    host.kernel.attach(domain, subdevice);
    expect(errnoOf(() => host.kernel.disableFeature(host.device(), 'AUX'))).toBe('EBUSY');
    host.kernel.detach(domain, subdevice);
    expect(subdevice.pasid).toBeNull();
    host.kernel.disableFeature(host.device(), 'AUX');
    expect(host.device().info!.auxEnabled).toBe(false);
  });
});

it('a second domain beside the first is refused where the fork requires AUX', () => {
  const host = auxHost({ config: { auxRequirement: 'REQUIRED' } });
  const subdevice = host.mdev(U1);
  const [first, second] = [newDomain(host), newDomain(host)];
  host.kernel.attach(first, subdevice);
  const again = () => host.kernel.attach(second, subdevice);
  expect([errnoOf(again), codesOf(again)]).toEqual(['EBUSY', ['SUBDEVICE_ATTACHED']]);
  expect(subdevice.group!.domain).toBe(first);
  host.kernel.detach(first, subdevice);
  host.kernel.attach(second, subdevice);
  expect(subdevice.pasid).toBe(1);
});

it('scenario 31: reserved memory refuses a primary attach with EPERM, an auxiliary one not', () => {
  const rmrr = { base: '8b800000', last: '8fffffff' };
  const off = Host.boot({ rmrr });
  const lines = off.linesOf(() => {
    expect(codesOf(() => off.kernel.attach(newDomain(off), off.mdev(U1)))).toEqual(['RMRR_LOCKED']);
  });
  expect(lines.at(-1)).toBe(
    `idxd ${PARENT}: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact your platform vendor.`,
  );
  const on = auxHost({ rmrr });
  expect(errnoOf(() => on.kernel.attach(newDomain(on), on.mdev(U1)))).toBeNull();
});

it('scenario 32: with AUX off, of two subdevices only the one attached last is translated', () => {
  const host = Host.boot();
  const [first, second] = [newDomain(host), newDomain(host)];
  host.kernel.map(first, mapping('1000', '40001000', '1000'));
  host.kernel.map(second, mapping('2000', '50002000', '1000'));
  host.kernel.attach(first, host.mdev(U1));
  const { warnings } = host.kernel.attach(second, host.mdev(U2));
  expect(warnings.some((warning) => warning.includes(U1))).toBe(true);
  expect(host.dma('READ', '0x2000')).toEqual({ physical: '0x50002000' });
  expect(host.dma('READ', '0x1000')).toEqual({ reason: 0x79 });
});

it('scenario 33: AUX off before the detach leaks the PASID and takes the parent’s primary domain', () => {
  const host = auxHost();
  const subdevice = host.mdev(U1);
  const domain = newDomain(host);
  host.kernel.attach(domain, subdevice);
  const table = host.device().info!.pasidTable!;
  const entry = [...table.present()].find(({ pasid }) => pasid === 1)!.address;
  host.kernel.disableFeature(host.device(), 'AUX');
  host.kernel.detach(domain, subdevice);
  expect(host.device().primaryDomain).toBeNull();
  expect(host.machine.memory.load64(entry).lo & 1).toBe(1);
  expect(domain.attachments).toMatchObject([{ kind: 'AUX', pasid: 1, leaked: true }]);
  expect(host.device().attachments).toEqual([]);
  expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x41 });
  // The PASID stays taken: the next domain gets another.
  host.kernel.attach(host.group().defaultDomain!, host.device());
  host.kernel.enableFeature(host.device(), 'AUX');
  const next = newDomain(host);
  host.kernel.attach(next, subdevice);
  expect(next.defaultPasid).toBe(2);
});

describe('the fourth row: AUX off at the attach, on at the detach', () => {
  function attached(profile: 'V5_10' | 'V5_15') {
    const host = Host.boot({ config: { profile } });
    const subdevice = host.mdev(U1);
    const domain = newDomain(host);
    host.kernel.attach(domain, subdevice);
    host.kernel.enableFeature(host.device(), 'AUX');
    return { host, subdevice, domain };
  }

  it('is refused as unsafe where the kernel would unlink what was never linked', () => {
    const { host, subdevice, domain } = attached('V5_10');
    expect(codesOf(() => host.kernel.detach(domain, subdevice))).toEqual(['UNSAFE']);
    expect(host.device().primaryDomain).toBe(domain);
  });

  it('changes nothing in later kernels: the domain stays primary', () => {
    const { host, subdevice, domain } = attached('V5_15');
    host.kernel.detach(domain, subdevice);
    expect(host.device().primaryDomain).toBe(domain);
    expect(subdevice.group!.domain).toBeNull();
  });
});

describe('scenario 34: with all domain ids in use', () => {
  function exhausted() {
    // 16 ids: 0 and 1 reserved, 2 the parent's, 3 to 15 for thirteen subdevices.
    const host = auxHost({ cap: { ND: 0 }, parents: [{ capacity: 20 }, { at: OTHER, capacity: 20 }] });
    // Two parents hold ids 2 and 3.
    for (let n = 4; n < 16; n++) {
      const uuid = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
      host.kernel.attach(newDomain(host), host.mdev(uuid));
    }
    expect(host.kernel.units[0].domainIdsUsed).toBe(16);
    return host;
  }

  it('an auxiliary attach is ENOSPC and gives its PASID back', () => {
    const host = exhausted();
    const domain = newDomain(host);
    const subdevice = host.mdev(U1);
    const lines = host.linesOf(() => {
      expect(errnoOf(() => host.kernel.attach(domain, subdevice))).toBe('ENOSPC');
    });
    expect(lines).toEqual(['DMAR: dmar0: No free domain ids']);
    expect(domain.attachments).toEqual([]);
    expect(domain.defaultPasid).toBe(13);
    const [victim] = host.kernel.subdevices.values();
    host.kernel.detach(victim.domain!, victim);
    const other = newDomain(host);
    host.kernel.attach(other, host.mdev(U2));
    expect(other.defaultPasid).toBe(1);
  });

  it('a primary attach is EBUSY', () => {
    const host = Host.boot({ cap: { ND: 0 }, parents: [{}, { at: OTHER, capacity: 20 }] });
    // The first parent loses its primary domain, and with it its id, to a subdevice that comes and goes.
    const visitor = host.mdev(U1);
    const passing = newDomain(host);
    host.kernel.attach(passing, visitor);
    host.kernel.detach(passing, visitor);
    host.kernel.enableFeature(host.device(OTHER), 'AUX');
    for (let n = 3; n < 16; n++) {
      const uuid = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
      host.kernel.attach(newDomain(host), host.mdev(uuid, OTHER));
    }
    expect(host.kernel.units[0].domainIdsUsed).toBe(16);
    expect(errnoOf(() => host.kernel.attach(newDomain(host, 'pci'), host.device()))).toBe('EBUSY');
  });
});

it('scenario 35: a parent with 3 bits of PASID serves seven domains', () => {
  const host = auxHost({ parents: [{ pasidWidth: 3, capacity: 9 }] });
  const pasids = [1, 2, 3, 4, 5, 6, 7].map((n) => {
    const subdevice = host.mdev(`00000000-0000-4000-8000-00000000000${n}`);
    host.kernel.attach(newDomain(host), subdevice);
    return subdevice.pasid;
  });
  expect(pasids).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const eighth = host.mdev(U1);
  const lines = host.linesOf(() => {
    expect(errnoOf(() => host.kernel.attach(newDomain(host), eighth))).toBe('ENODEV');
  });
  expect(lines).toEqual(['Failed ASID allocation 4294967295', "DMAR: Can't allocate default pasid"]);
});

it('scenario 36: a domain mapped above the unit’s width is EFAULT', () => {
  const host = auxHost();
  const domain = newDomain(host);
  host.kernel.map(domain, mapping('4000000000000', '40000000', '1000'));
  const lines = host.linesOf(() => {
    expect(errnoOf(() => host.kernel.attach(domain, host.mdev(U1)))).toBe('EFAULT');
  });
  expect(lines.at(-1)).toBe(
    `idxd ${PARENT}: DMAR: prepare_domain_attach_device: iommu width (48) is not sufficient for the mapped address (4000000001000)`,
  );
});

it('scenario 37: without any stage of translation the attach is EINVAL and leaves nothing', () => {
  const host = auxHost({ ecap: { SSTS: 0 }, config: { commandLine: 'intel_iommu=on,sm_on iommu=pt' } });
  const domain = newDomain(host);
  const used = host.kernel.units[0].domainIdsUsed;
  expect(errnoOf(() => host.kernel.attach(domain, host.mdev(U1)))).toBe('EINVAL');
  expect(host.kernel.units[0].domainIdsUsed).toBe(used);
  const next = newDomain(host);
  expect(errnoOf(() => host.kernel.attach(next, host.mdev(U2)))).toBe('EINVAL');
  expect(next.defaultPasid).toBe(1);
});

// Later, domains of users are second-level where both are there.
it.each(['V5_10', 'V5_15'] as const)(
  'scenario 38 in %s: first-level tables without supervisor requests are EINVAL',
  (profile) => {
    const host = auxHost({
      ecap: { FSTS: 1, SRS: 0 },
      config: { profile, commandLine: 'intel_iommu=on,sm_on iommu=pt' },
    });
    const lines = host.linesOf(() => {
      expect(errnoOf(() => host.kernel.attach(newDomain(host), host.mdev(U1)))).toBe('EINVAL');
    });
    expect(lines.at(-1)).toBe('DMAR: No supervisor request support on dmar0');
  },
);

it('scenario 39: from 5.11 on two subdevices of a parent share a domain and its PASID', () => {
  const host = auxHost({ config: { profile: 'V5_15' } });
  const [one, two] = [host.mdev(U1), host.mdev(U2)];
  const domain = newDomain(host);
  host.kernel.attach(domain, one);
  const used = host.kernel.units[0].domainIdsUsed;
  expect(host.invalidations(() => host.kernel.attach(domain, two))).toEqual([]);
  expect([one.pasid, two.pasid]).toEqual([1, 1]);
  expect(host.kernel.units[0].domainIdsUsed).toBe(used);
  expect(host.invalidations(() => host.kernel.detach(domain, one))).toEqual([]);
  expect(two.pasid).toBe(1);
  const last = host.invalidations(() => host.kernel.detach(domain, two));
  expect(last.slice(0, 2)).toEqual(['PASID_CACHE PASID did=3 pasid=1', 'IOTLB DOMAIN did=3']);
});

it('scenario 40: in 5.10 the same is refused as unsafe', () => {
  const host = auxHost({ config: { profile: 'V5_10' } });
  const domain = newDomain(host);
  host.kernel.attach(domain, host.mdev(U1));
  expect(codesOf(() => host.kernel.attach(domain, host.mdev(U2)))).toEqual(['UNSAFE']);
  expect(domain.attachments).toHaveLength(1);
});

it('scenario 41: one domain has one PASID on two parents, and an id per unit', () => {
  const host = auxHost({ units: [{ devices: [OTHER] }, {}], parents: [{}, { at: OTHER }] });
  const [one, two] = [host.mdev(U1), host.mdev(U2, OTHER)];
  const domain = newDomain(host);
  host.kernel.map(domain, mapping('1000', '40001000', '1000'));
  host.kernel.attach(domain, one);
  host.kernel.attach(domain, two);
  expect([one.pasid, two.pasid]).toEqual([1, 1]);
  expect([...domain.domainIds].map(([unit, { did }]) => [unit.name, did])).toEqual([
    ['dmar1', 3],
    ['dmar0', 3],
  ]);
  expect(host.dma('READ', '0x1000', 1, OTHER)).toEqual({ physical: '0x40001000' });
  host.kernel.detach(domain, one);
  expect(host.dma('READ', '0x1000', 1)).toEqual({ reason: 0x59 });
  expect(host.dma('READ', '0x1000', 1, OTHER)).toEqual({ physical: '0x40001000' });
  const meanwhile = newDomain(host);
  host.kernel.attach(meanwhile, host.mdev(U3));
  expect(meanwhile.defaultPasid).toBe(2);
  host.kernel.detach(domain, two);
});

describe('scenario 42: attaching to a device', () => {
  const pair = {
    parents: [
      { multifunction: true, vendorId: 0x1af4 },
      { at: '0000:6a:01.1', vendorId: 0x1af4 },
    ],
  };

  it('that shares its group is EINVAL', () => {
    const host = Host.boot(pair);
    expect(host.group().members).toHaveLength(2);
    expect(errnoOf(() => host.kernel.attach(newDomain(host, 'pci'), host.device()))).toBe('EINVAL');
  });

  it('without a group is ENODEV', () => {
    const host = Host.boot({ units: [{ devices: [OTHER] }], parents: [{}, { at: OTHER }] });
    expect(errnoOf(() => host.kernel.attach(newDomain(host, 'pci'), host.device()))).toBe('ENODEV');
  });

  it('as a group of two serves both functions', () => {
    const host = Host.boot(pair);
    const domain = newDomain(host, 'pci');
    host.kernel.map(domain, mapping('1000', '40001000', '1000'));
    expect(host.kernel.attach(domain, host.group()).attachments).toHaveLength(2);
    expect(host.dma('READ', '0x1000')).toEqual({ physical: '0x40001000' });
    expect(host.dma('READ', '0x1000', null, '0000:6a:01.1')).toEqual({ physical: '0x40001000' });
    expect(domain.domainIds.size).toBe(1);
    host.kernel.detach(domain, host.group());
    expect(host.dma('READ', '0x1000', null, '0000:6a:01.1')).toEqual({ reason: 0x79 });
  });
});

it('scenario 43: a group on a user domain is EBUSY, and goes back to its default domain', () => {
  const host = Host.boot();
  const [first, second] = [newDomain(host, 'pci'), newDomain(host, 'pci')];
  const fallback = host.group().defaultDomain!;
  host.kernel.attach(first, host.device());
  expect(errnoOf(() => host.kernel.attach(second, host.device()))).toBe('EBUSY');
  host.kernel.detach(first, host.device());
  expect(host.group().domain).toBe(fallback);
  expect(host.device().primaryDomain).toBe(fallback);
});

describe('domains and buses that do not belong together', () => {
  it('a PCI domain on a subdevice is ENODEV: the driver finds no unit for it', () => {
    const host = auxHost();
    expect(errnoOf(() => host.kernel.attach(newDomain(host, 'pci'), host.mdev(U1)))).toBe('ENODEV');
  });

  it('a subdevice domain on a PCI device is ENODEV: it has no parent', () => {
    const host = Host.boot();
    expect(errnoOf(() => host.kernel.attach(newDomain(host, 'mdev'), host.device()))).toBe('ENODEV');
  });
});

describe('a domain attached again after its last detach', () => {
  it('uses the PASID it had, which it no longer owns', () => {
    const host = auxHost();
    const [one, two] = [host.mdev(U1), host.mdev(U2)];
    const [first, second] = [newDomain(host), newDomain(host)];
    host.kernel.attach(first, one);
    host.kernel.detach(first, one);
    host.kernel.attach(first, one);
    expect(one.pasid).toBe(1);
    // The number is free in the allocator: a second domain would be given it and overwrite the entry.
    expect(codesOf(() => host.kernel.attach(second, two))).toEqual(['UNSAFE']);
    host.kernel.detach(first, one);
    host.kernel.attach(second, two);
    expect(two.pasid).toBe(1);
    expect(codesOf(() => host.kernel.attach(first, one))).toEqual(['UNSAFE']);
  });
});

describe('freeing a domain', () => {
  it('is refused while it is attached, or a group holds it', () => {
    const host = auxHost();
    const domain = newDomain(host);
    const subdevice = host.mdev(U1);
    host.kernel.attach(domain, subdevice);
    expect(errnoOf(() => host.kernel.freeDomain(domain))).toBe('EBUSY');
    expect(errnoOf(() => host.kernel.freeDomain(host.group().defaultDomain!))).toBe('EBUSY');
    host.kernel.detach(domain, subdevice);
    host.kernel.freeDomain(domain);
    expect(host.kernel.domains.has(domain.number)).toBe(false);
  });
});
