import type { PageRequestOutcome } from '../../../src/hardware/page-requests.js';
import { u64FromPfn } from '../../../src/bits/u64.js';
import type { UserRange } from '../../../src/kernel/vfio/user-memory.js';
import {
  Host,
  type HostPlan,
  PARENT,
  U1,
  address,
  codesOf,
  errnoOf,
  hex,
} from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 8.4: bind, its errors, DID 1 and first-level entries, page requests and their codes. */

const OTHER = '0000:6b:00.0';
const ABLE: HostPlan = {
  cap: { FS1GP: 1 },
  ecap: { FSTS: 1, PRS: 1, SRS: 1, SMPWCS: 1 },
  parents: [{ pri: 'USABLE' }, { at: OTHER, pri: 'USABLE' }],
};
const PROFILES = ['V5_10', 'V5_15', 'V6_1'] as const;
type Profile = (typeof PROFILES)[number];

function host(profile: Profile = 'V5_10', plan: HostPlan = ABLE): Host {
  const model = profile === 'V6_1' && { subdeviceModel: 'PASID_ATTACH' as const };
  const on = Host.boot({ ...plan, config: { profile, ...model, ...plan.config } });
  if (profile !== 'V5_10')
    for (const device of on.kernel.devices.values()) on.kernel.enableFeature(device, 'SVA');
  return on;
}

const range = (start: string, size: string, access = 'rw', pageSize = 4096): UserRange => ({
  start: address(start),
  size: address(size),
  read: access.includes('r'),
  write: access.includes('w'),
  pageSize,
});

/** Codes of the answers a request brings out. */
function ask(
  on: Host,
  iova: string,
  access: string,
  { last = true, pasid = 1, group = 3 } = {},
  at = PARENT,
) {
  const before = on.hardware.length;
  const outcome: PageRequestOutcome = on.machine.units[0].pageRequest({
    sourceId: on.device(at).fn.sourceId,
    pasid,
    address: address(iova),
    read: access.includes('r'),
    write: access.includes('w'),
    execute: false,
    privileged: false,
    last,
    groupIndex: group,
  });
  expect(outcome).toBe('QUEUED');
  return on.hardware.slice(before).flatMap((event) => {
    if (event.type !== 'INVALIDATION' || event.descriptor !== 'PAGE_GROUP_RESPONSE') return [];
    // VT-d 6.5.2.11: response code in bits 15:12.
    return [(event.words[0].lo >>> 12) & 0xf];
  });
}
const SUCCESS = 0;
const INVALID = 1;
const FAILURE = 0xf;

describe.each(PROFILES)('a process bound to a device in %s', (profile) => {
  it('has a PASID whose entry leads to tables of its own, first-level, under id 1', () => {
    const on = host(profile);
    const mm = on.kernel.svaBind(on.device(), 1000, null);
    expect(mm.pasid).toBe(1);
    const entry = [...on.device().info!.pasidTable!.present()].find(({ pasid }) => pasid === 1)!;
    const { memory } = on.machine;
    // VT-d 9.6: P, PGTT 001 in 8:6; DID in 79:64; FSPTPTR in 191:140; SRE (bit 128) clear.
    expect(memory.load64(entry.address).lo & 0x1c1).toBe(0x041);
    expect(memory.load64(entry.address + 8).lo & 0xffff).toBe(1);
    const third = memory.load64(entry.address + 16);
    expect(third.lo & 1).toBe(0);
    expect(hex({ hi: third.hi, lo: (third.lo & 0xfffff000) >>> 0 })).toBe(hex(u64FromPfn(mm.rootFrame)));
    expect(on.kernel.units[0].domainIdsUsed).toBe(4);
  });

  it('is reached page by page: a fault, a request that is answered, then the access', () => {
    const on = host(profile);
    on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000')]);
    expect(on.dma('WRITE', '7f0000001008', 1)).toEqual({ reason: 0x71 });
    expect(ask(on, '7f0000001000', 'rw')).toEqual([SUCCESS]);
    expect(on.dma('WRITE', '7f0000001008', 1)).toHaveProperty('physical');
    expect(on.dma('WRITE', '7f0000002008', 1)).toEqual({ reason: 0x71 });
  });

  it.each([
    ['nothing is', '6f0000000000', 'r'],
    ['it may not write', '7f0000000000', 'w'],
  ])('is refused where %s, with Invalid', (_why, iova, access) => {
    const on = host(profile);
    on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000', 'r')]);
    expect(ask(on, iova, access)).toEqual([INVALID]);
    expect(on.dma('WRITE', iova, 1)).not.toHaveProperty('physical');
  });

  it('gives large pages where its memory has them', () => {
    const on = host(profile);
    const mm = on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '200000', 'rw', 2 ** 21)]);
    expect(ask(on, '7f0000123000', 'r')).toEqual([SUCCESS]);
    expect([mm.table.mappedPages, mm.table.largePages]).toEqual([512, 1]);
    expect(on.dma('WRITE', '7f00001ff000', 1)).toHaveProperty('physical');
  });

  it('shares PASID and tables with every device it is bound to', () => {
    const on = host(profile);
    const first = on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000')]);
    expect(on.kernel.svaBind(on.device(OTHER), 1000, null)).toBe(first);
    expect(ask(on, '7f0000000000', 'rw')).toEqual([SUCCESS]);
    expect(on.dma('READ', '7f0000000000', 1, OTHER)).toEqual(on.dma('READ', '7f0000000000', 1));
    expect(on.kernel.svaBind(on.device(), 1001, null).pasid).toBe(2);
  });

  it('stays bound until it was unbound as often as bound, then its PASID leads nowhere and is free', () => {
    const on = host(profile);
    const used = on.state.frames.used;
    on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000')]);
    on.kernel.svaBind(on.device(), 1000, null);
    ask(on, '7f0000000000', 'rw');
    on.kernel.svaUnbind(on.device(), 1000);
    expect(on.dma('READ', '7f0000000000', 1)).toHaveProperty('physical');
    const seen = on.invalidations(() => on.kernel.svaUnbind(on.device(), 1000));
    expect(seen.map((each) => each.split(' ')[0])).toEqual([
      'PASID_CACHE',
      'PASID_IOTLB',
      'PASID_DEVICE_TLB',
    ]);
    expect(on.dma('READ', '7f0000000000', 1)).toEqual({ reason: 0x59 });
    expect(errnoOf(() => on.kernel.svaUnbind(on.device(), 1000))).toBe('EINVAL');
    expect(on.kernel.processes.size).toBe(0);
    expect(on.state.pasids.lowestFree(1)).toBe(1);
    // The leaf of the PASID table stays, as for any PASID that was touched.
    expect(on.state.frames.used - used).toBeLessThanOrEqual(1);
  });

  it('is let go of with the driver of the device', () => {
    const on = host(profile);
    on.kernel.svaBind(on.device(), 1000, null);
    on.kernel.unbindDriver(on.device());
    expect(on.kernel.processes.size).toBe(0);
  });
});

describe('page requests of a group', () => {
  it('are answered at the last; from 5.15 with success only if each of them had it', () => {
    for (const [profile, expected] of [
      ['V5_10', SUCCESS],
      ['V5_15', INVALID],
    ] as const) {
      const on = host(profile);
      on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000')]);
      expect(ask(on, '6f0000000000', 'r', { last: false })).toEqual([]);
      expect(ask(on, '7f0000000000', 'r')).toEqual([expected]);
    }
  });

  it('of a PASID that is no process’s are refused: by 5.10 with Failure (scenario 93), later with Invalid', () => {
    for (const [profile, code, line] of [
      ['V5_10', FAILURE, /^dmar0: Page request for invalid PASID 1: [0-9a-f]+ 0000101d$/],
      ['V5_15', INVALID, /^dmar0: Invalid page request: [0-9a-f]+ 0000101d$/],
    ] as const) {
      const on = host(profile);
      on.kernel.enableFeature(on.device(), 'AUX');
      on.kernel.attach(on.kernel.allocDomain('mdev', 'UNMANAGED'), on.mdev(U1));
      expect(ask(on, '1000', 'r')).toEqual([code]);
      expect(on.lines.at(-1)).toMatch(line);
    }
  });

  it('from 5.15 are refused while the SVA feature is off', () => {
    const on = host('V5_15');
    on.kernel.svaBind(on.device(), 1000, null);
    on.kernel.disableFeature(on.device(), 'SVA');
    expect(ask(on, '1000', 'r')).toEqual([INVALID]);
    on.kernel.enableFeature(on.device(), 'SVA');
    expect(ask(on, '1000', 'r')).toEqual([SUCCESS]);
  });

  it('whose address is not canonical are Invalid, which 5.15 also says', () => {
    for (const profile of ['V5_10', 'V5_15'] as const) {
      const on = host(profile);
      on.kernel.svaBind(on.device(), 1000, null);
      expect(ask(on, '800000000000', 'r')).toEqual([INVALID]);
      const said = on.lines.includes('IOMMU: dmar0: Address is not canonical');
      expect(said).toBe(profile === 'V5_15');
    }
  });
});

it('a domain that kept its PASID after its last detach may not take the entry of a process that has it now', () => {
  const on = host('V5_10');
  on.kernel.enableFeature(on.device(), 'AUX');
  const domain = on.kernel.allocDomain('mdev', 'UNMANAGED');
  const subdevice = on.mdev(U1);
  on.kernel.attach(domain, subdevice);
  on.kernel.detach(domain, subdevice);
  expect(on.kernel.svaBind(on.device(), 1000, null).pasid).toBe(1);
  expect(codesOf(() => on.kernel.attach(domain, subdevice))).toEqual(['UNSAFE']);
});

describe('a bind is refused', () => {
  const bind = (on: Host, at = PARENT, pid = 1000) =>
    errnoOf(() => on.kernel.svaBind(on.device(at), pid, null));

  it('by the core without operations or group (ENODEV) and in a group of several (EINVAL)', () => {
    expect(bind(host('V5_10', { ...ABLE, config: { commandLine: 'intel_iommu=off' } }))).toBe('ENODEV');
    const pair = { vendorId: 0x1af4, multifunction: true, pri: 'USABLE' as const };
    const on = host('V5_10', { ...ABLE, parents: [pair, { ...pair, at: '0000:6a:01.1' }] });
    expect(bind(on)).toBe('EINVAL');
  });

  it('with ENOTSUPP by 5.10 where the unit is not capable', () => {
    expect(bind(host('V5_10', { ...ABLE, cap: {} }))).toBe('ENOTSUPP');
  });

  it('with EINVAL without first-level translation or PASIDs', () => {
    expect(bind(host('V5_10', { ...ABLE, ecap: { PRS: 1 } }))).toBe('EINVAL');
    expect(bind(host('V5_10', { ...ABLE, parents: [{ pasidWidth: null }] }))).toBe('EINVAL');
  });

  it('where the PASID of the process has more bits than the device can send: ENOSPC, from 5.15 EOVERFLOW', () => {
    for (const [profile, errno] of [
      ['V5_10', 'ENOSPC'],
      ['V5_15', 'EOVERFLOW'],
    ] as const) {
      const parents = [{ pri: 'USABLE' as const }, { at: OTHER, pri: 'USABLE' as const, pasidWidth: 1 }];
      const on = host(profile, { ...ABLE, parents });
      expect([bind(on), bind(on, PARENT, 1001)]).toEqual([null, null]);
      expect(bind(on, OTHER, 1001)).toBe(errno);
      const line = `idxd ${OTHER}: Limited PASID width. Cannot use existing PASID 2`;
      expect(on.lines.includes(line)).toBe(profile === 'V5_10');
    }
  });

  it('where all PASIDs of the device are taken: ENOSPC, from 5.15 ENOMEM', () => {
    for (const [profile, errno] of [
      ['V5_10', 'ENOSPC'],
      ['V5_15', 'ENOMEM'],
    ] as const) {
      const on = host(profile, { ...ABLE, parents: [{ pri: 'USABLE', pasidWidth: 1 }] });
      expect([bind(on), bind(on, PARENT, 1001)]).toEqual([null, errno]);
      expect(on.kernel.processes.size).toBe(1);
    }
  });
});

it('a device that gets another primary domain before 6.1 loses its PASID table and every process with it', () => {
  const on = host('V5_10');
  on.kernel.svaBind(on.device(), 1000, null);
  on.kernel.attach(on.kernel.allocDomain('pci', 'UNMANAGED'), on.device());
  expect(on.kernel.processes.size).toBe(0);
});

it('a device that gets another primary domain in 6.1 keeps what it shares, in the table it keeps', () => {
  const on = host('V6_1');
  on.kernel.svaBind(on.device(), 1000, [range('7f0000000000', '10000')]);
  ask(on, '7f0000000000', 'rw');
  on.kernel.attach(on.kernel.allocDomain('pci', 'UNMANAGED'), on.device());
  expect(on.dma('READ', '7f0000000000', 1)).toHaveProperty('physical');
});
