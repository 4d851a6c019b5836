import { u64FromPfn } from '../../../src/bits/u64.js';
import type { KernelConfig } from '../../../src/kernel/config.js';
import type { Command } from '../../../src/platform/command.js';
import { type WhyNot, whyNot } from '../../../src/platform/why-not/index.js';
import {
  DISK,
  LOCKED,
  LOCKED_PARENT,
  PARENT,
  TWINS,
  UNCOVERED,
  platformAfter,
  smallHeader,
} from '../../support/platform/small-machine.js';

const [U1, U2, U3, U4] = [1, 2, 3, 4].map((n) => `4b20d080-1b54-4048-85b3-a6a62d16500${n}`);

/** A small machine and what was done to it, told step by step. */
function machine(kernel: Partial<KernelConfig> = {}) {
  const header = smallHeader({ kernel });
  const history: Command[] = [];
  const now = () => platformAfter(header, history);
  const { kernel: booted } = now();
  return {
    header,
    /** Does something that must succeed. */
    did(...commands: Command[]) {
      for (const command of commands) {
        const { result } = now().apply({ command, time: 1000 });
        if (!result.ok) throw result.error;
        history.push(command);
      }
      return this;
    },
    groupOf: (device: string) => booted.devices.get(device)!.group!.number,
    nextDomain: () => Math.max(...now().kernel.domains.keys()) + 1,
    now,
    ask: (command: Command) => whyNot(() => Promise.resolve(now()), command, 1000),
  };
}

const codes = ({ obstacles }: WhyNot) => obstacles.map(({ code }) => code);
const open: Command = { type: 'openContainer', userMemory: null };
const unbind = (device: string): Command => ({ type: 'unbindDriver', device });
const toVfio = (device: string): Command => ({ type: 'bindDriver', device, driver: 'vfio-pci' });
const setType: Command = { type: 'setContainerIommu', container: 1, iommuType: 3 };
const enableAux: Command = { type: 'enableFeature', device: PARENT, feature: 'AUX' };
const create = (uuid: string, parent = PARENT): Command => ({
  type: 'createMdev',
  parent,
  mdevType: 'idxd-1dwq-v1',
  uuid,
});
const alloc = (bus: string): Command => ({ type: 'allocDomain', bus, domainType: 'UNMANAGED' });
const attach = (domain: number, uuid: string): Command => ({
  type: 'attach',
  domain,
  target: { kind: 'Subdevice', name: uuid },
});

describe('a container whose domain a user attached to its subdevice a second time', () => {
  const twice = () => {
    const host = machine({ profile: 'V5_15', subdeviceModel: 'AUX_API' }).did(enableAux, create(U1), open);
    const group = host.now().kernel.subdevices.get(U1)!.group!.number;
    host.did({ type: 'addGroupToContainer', container: 1, group }, setType);
    return host.did(attach(host.nextDomain() - 1, U1));
  };
  const close: Command = { type: 'closeContainer', container: 1 };

  it('is closed once that one is detached', async () => {
    const host = twice();
    const answer = await host.ask(close);
    expect(codes(answer)).toEqual(['UNSAFE']);
    const domain = host.nextDomain() - 1;
    expect(answer.repair).toEqual([{ type: 'detach', domain, target: { kind: 'Subdevice', name: U1 } }]);
  });

  it('needs AUX back first, when that was switched off', async () => {
    const host = twice().did({ type: 'disableFeature', device: PARENT, feature: 'AUX' });
    const { repair } = await host.ask(close);
    expect(repair![0]).toEqual(enableAux);
    expect(host.did(...repair!, close).now().kernel.vfio.containers.size).toBe(0);
  });
});

describe('a group of two functions that host drivers hold', () => {
  it('is freed of both and given one VFIO driver, where the kernel gives whole groups away', async () => {
    const host = machine({ profile: 'V6_1' }).did(open);
    const answer = await host.ask({
      type: 'addGroupToContainer',
      container: 1,
      group: host.groupOf(TWINS[0]),
    });
    expect(codes(answer)).toEqual(['NO_VFIO_DRIVER', 'HOST_DRIVER_BOUND', 'HOST_DRIVER_BOUND']);
    expect(answer.obstacles.map(({ subject }) => subject)).toMatchObject([
      { kind: 'Group' },
      { kind: 'Device', name: TWINS[0] },
      { kind: 'Device', name: TWINS[1] },
    ]);
    expect(answer.obstacles[1].evidence).toContainEqual(`driver of ${TWINS[0]}: ixgbe`);
    expect(answer.obstacles[1].evidence.join()).toContain('are functions of one slot');
    expect(answer.verdict).toBe('FOUND');
    expect(answer.repair).toEqual([unbind(TWINS[0]), toVfio(TWINS[0]), unbind(TWINS[1])]);
  });

  it('needs only one of them before, because older kernels look when a device is opened', async () => {
    const host = machine().did(open);
    const answer = await host.ask({
      type: 'addGroupToContainer',
      container: 1,
      group: host.groupOf(TWINS[0]),
    });
    expect(codes(answer)).toEqual(['NO_VFIO_DRIVER']);
    expect(answer.repair).toEqual([unbind(TWINS[0]), toVfio(TWINS[0])]);
  });
});

it('a process that has locked all it may can map once something is unmapped', async () => {
  const host = machine();
  host.did(
    { type: 'openContainer', userMemory: null, lockedMemoryLimit: u64FromPfn(2) },
    unbind(DISK),
    toVfio(DISK),
    { type: 'addGroupToContainer', container: 1, group: host.groupOf(DISK) },
    setType,
  );
  const map = (pfn: number): Command => ({
    type: 'vfioMapDma',
    container: 1,
    iova: u64FromPfn(pfn),
    vaddr: u64FromPfn(pfn),
    size: u64FromPfn(2),
    read: true,
    write: true,
  });
  host.did(map(16));
  const answer = await host.ask(map(32));
  expect(codes(answer)).toEqual(['MEMORY_LOCK_LIMIT']);
  expect(answer.obstacles[0].evidence).toContain('pages the process may lock: 2, locked: 2');
  expect(answer.repair).toEqual([
    { type: 'vfioUnmapDma', container: 1, iova: u64FromPfn(16), size: u64FromPfn(2), all: false },
  ]);
});

describe('a storage controller with reserved memory', () => {
  it('is refused for its driver first, and nothing helps against the firmware behind that', async () => {
    const host = machine();
    host.did(
      open,
      unbind(DISK),
      toVfio(DISK),
      {
        type: 'addGroupToContainer',
        container: 1,
        group: host.groupOf(DISK),
      },
      setType,
    );
    const answer = await host.ask({ type: 'addGroupToContainer', container: 1, group: host.groupOf(LOCKED) });
    expect(codes(answer)).toEqual(['NO_VFIO_DRIVER', 'RMRR_LOCKED']);
    expect(answer.obstacles[1]).toMatchObject({
      mendedBy: 'FIRMWARE',
      repair: [],
      subject: { kind: 'Device', name: LOCKED },
    });
    expect(answer.obstacles[1].evidence).toEqual([
      'an RMRR of the DMAR table reserves 0x7b000000-0x7b00ffff',
      'class code 010400: neither USB nor display, which are excepted',
    ]);
    expect(answer).toMatchObject({ verdict: 'NONE', repair: [] });
    expect(answer.reason).toContain('Only firmware can change it.');
  });
});

describe('a subdevice', () => {
  it('whose parent is full and whose name is taken is refused for both; removing its namesake mends both', async () => {
    const host = machine().did(create(U1), create(U2), create(U3));
    const answer = await host.ask(create(U2));
    expect(codes(answer)).toEqual(['UUID_IN_USE', 'NO_INSTANCES']);
    expect(answer.obstacles[1].evidence[0]).toBe('3 queues in all');
    expect(answer.repair).toEqual([{ type: 'removeMdev', subdevice: U2 }]);
  });

  it('takes the place of one that nobody uses rather than of one in use', async () => {
    const host = machine().did(enableAux, create(U1), create(U2), create(U3));
    const first = host.nextDomain();
    host.did(alloc('mdev'), attach(first, U1), alloc('mdev'), attach(first + 1, U2));
    const answer = await host.ask(create(U4));
    expect(answer.repair).toEqual([{ type: 'removeMdev', subdevice: U3 }]);
  });

  it('of a parent bound to vfio-pci needs its own driver back', async () => {
    const host = machine().did(unbind(PARENT), toVfio(PARENT));
    const answer = await host.ask(create(U1));
    expect(codes(answer)).toEqual(['NO_SUCH_TYPE']);
    expect(answer.repair).toEqual([unbind(PARENT), { type: 'bindDriver', device: PARENT, driver: 'idxd' }]);
  });

  it('in a container is taken out of it before it is removed', async () => {
    const host = machine().did(enableAux, create(U1));
    const group = host.now().kernel.subdevices.get(U1)!.group!.number;
    host.did(open, { type: 'addGroupToContainer', container: 1, group }, setType);
    const answer = await host.ask({ type: 'removeMdev', subdevice: U1 });
    expect(codes(answer)).toEqual(['SUBDEVICE_IN_USE']);
    expect(answer.repair).toEqual([{ type: 'removeGroupFromContainer', container: 1, group }]);
  });

  it('whose parent must have AUX on gets it switched on, unless a detach left the parent without a domain', async () => {
    const host = machine({ auxRequirement: 'REQUIRED' }).did(create(U1));
    const domain = host.nextDomain();
    host.did(alloc('mdev'));
    expect((await host.ask(attach(domain, U1))).repair).toEqual([enableAux]);

    const other = machine().did(create(U1), alloc('mdev'));
    other.did(attach(domain, U1), { type: 'detach', domain, target: { kind: 'Subdevice', name: U1 } });
    const answer = await other.ask(enableAux);
    expect(codes(answer)).toEqual(['NO_PRIMARY_DOMAIN']);
    const group = other.groupOf(PARENT);
    const defaultDomain = other.now().kernel.groups.get(group)!.defaultDomain!.number;
    expect(answer.repair).toEqual([
      { type: 'attach', domain: defaultDomain, target: { kind: 'Group', number: group } },
    ]);
  });

  it('keeps AUX of its parent on until it is detached, where AUX is required', async () => {
    const host = machine({ auxRequirement: 'REQUIRED' }).did(enableAux, create(U1), alloc('mdev'));
    const domain = host.nextDomain() - 1;
    host.did(attach(domain, U1));
    const answer = await host.ask({ type: 'disableFeature', device: PARENT, feature: 'AUX' });
    expect(codes(answer)).toEqual(['AUX_IN_USE']);
    expect(answer.obstacles[0].evidence).toContain(`${U1}: domain ${domain}, PASID 1`);
    expect(answer.repair).toEqual([{ type: 'detach', domain, target: { kind: 'Subdevice', name: U1 } }]);
  });

  it('with a domain gets no second, where AUX is required, until the first is detached', async () => {
    const host = machine({ auxRequirement: 'REQUIRED' }).did(enableAux, create(U1));
    const first = host.nextDomain();
    host.did(alloc('mdev'), alloc('mdev'), attach(first, U1));
    const answer = await host.ask(attach(first + 1, U1));
    expect(codes(answer)).toEqual(['SUBDEVICE_ATTACHED']);
    expect(answer.repair).toEqual([
      { type: 'detach', domain: first, target: { kind: 'Subdevice', name: U1 } },
    ]);
  });

  it('beyond the PASIDs of its parent gets that of another', async () => {
    // Two bits of PASID: 1, 2 and 3.
    const host = machine().did(enableAux, create(U1), create(U2), create(U3));
    const first = host.nextDomain();
    host.did(alloc('mdev'), alloc('mdev'), alloc('mdev'), alloc('mdev'));
    host.did(attach(first, U1), attach(first + 1, U2), attach(first + 2, U3));
    const answer = await host.ask(attach(first + 3, U1));
    expect(codes(answer)).toEqual(['NO_FREE_PASID']);
    expect(answer.obstacles[0].evidence).toContainEqual(`PASID capability of ${PARENT}: width 2 bits`);
    expect(answer.repair).toHaveLength(1);
    expect(answer.repair[0].type).toBe('detach');
  });
});

describe('a whole device', () => {
  it('whose AUX feature is on needs it off before a domain of one’s own translates it', async () => {
    const host = machine().did(enableAux, alloc('pci'));
    const domain = host.nextDomain() - 1;
    const answer = await host.ask({ type: 'attach', domain, target: { kind: 'Device', name: PARENT } });
    expect(codes(answer)).toEqual(['AUX_ENABLED']);
    expect(answer.repair).toEqual([{ type: 'disableFeature', device: PARENT, feature: 'AUX' }]);
  });

  it('that shares its group can only be had with the others', async () => {
    const host = machine().did(alloc('pci'));
    const domain = host.nextDomain() - 1;
    const answer = await host.ask({ type: 'attach', domain, target: { kind: 'Device', name: TWINS[0] } });
    expect(answer.obstacles).toMatchObject([
      { code: 'GROUP_SHARED', subject: { name: TWINS[1] }, mendedBy: 'OTHER_ARGUMENTS' },
    ]);
    expect(answer.verdict).toBe('NONE');
  });

  it('that no unit covers has no group, and nothing gives it one', async () => {
    const host = machine().did(alloc('pci'));
    const domain = host.nextDomain() - 1;
    const answer = await host.ask({ type: 'attach', domain, target: { kind: 'Device', name: UNCOVERED } });
    expect(answer.obstacles).toMatchObject([{ code: 'NO_GROUP', mendedBy: 'HARDWARE' }]);
    expect(answer.verdict).toBe('NONE');
  });

  it('on a domain with a mapping above the address width of its unit waits until that is gone', async () => {
    const host = machine().did(alloc('pci'));
    const domain = host.nextDomain() - 1;
    const range = { iova: u64FromPfn(2 ** 36), size: u64FromPfn(1) };
    host.did({ type: 'map', domain, ...range, physical: u64FromPfn(1), read: true, write: true });
    const answer = await host.ask({ type: 'attach', domain, target: { kind: 'Device', name: DISK } });
    expect(codes(answer)).toEqual(['ADDRESS_WIDTH']);
    expect(answer.repair).toEqual([{ type: 'unmap', domain, ...range }]);
  });

  it('stays refused when that mapping lay higher, because the driver lowers its mark only to where it began', async () => {
    const host = machine().did(alloc('pci'));
    const domain = host.nextDomain() - 1;
    const range = { iova: u64FromPfn(2 ** 38), size: u64FromPfn(1) };
    host.did({ type: 'map', domain, ...range, physical: u64FromPfn(1), read: true, write: true });
    const command = { type: 'attach', domain, target: { kind: 'Device', name: DISK } } as const;
    expect(await host.ask(command)).toMatchObject({ verdict: 'NONE', repair: [] });
    host.did({ type: 'unmap', domain, ...range });
    expect(await host.ask(command)).toMatchObject({ verdict: 'NONE', repair: [] });
  });

  it('that is asked for AUX while scalable mode is off is told of the boot, with the register bit', async () => {
    const host = machine({ commandLine: 'intel_iommu=on' });
    const answer = await host.ask(enableAux);
    expect(answer.obstacles).toMatchObject([
      { code: 'NOT_SCALABLE', mendedBy: 'ANOTHER_BOOT', remedy: 'Boot with intel_iommu=on,sm_on.' },
    ]);
    expect(answer.obstacles[0].evidence).toEqual(
      expect.arrayContaining(['command line: intel_iommu=on', 'dmar0: ECAP.SMTS is 1']),
    );
    expect(answer.reason).toContain('Only another boot changes it');
  });
});

describe.each(['V5_10', 'V6_1'] as const)('a device that a user has open under %s', (profile) => {
  const withOpen = () => {
    const host = machine({ profile }).did(unbind(DISK), toVfio(DISK));
    const group = host.groupOf(DISK);
    const file: Command = { type: 'openVfioDevice', group, name: DISK };
    host.did(open, { type: 'addGroupToContainer', container: 1, group }, setType, file, file);
    const close: Command = { type: 'closeVfioDevice', group, name: DISK };
    const leave: Command = { type: 'removeGroupFromContainer', container: 1, group };
    return { host, close, leave };
  };

  it('is closed, each file of it, before its group leaves the container', async () => {
    const { host, close, leave } = withOpen();
    const answer = await host.ask(leave);
    expect(codes(answer)).toEqual(['DEVICE_OPEN']);
    expect([answer.verdict, answer.repair]).toEqual(['FOUND', [close, close]]);
  });

  it('is closed before its driver goes; the older kernel wants its group out of the container too', async () => {
    const { host, close, leave } = withOpen();
    const { verdict, repair } = await host.ask(unbind(DISK));
    const needed = profile === 'V6_1' ? [close, close] : [close, close, leave];
    expect([verdict, repair]).toEqual(['FOUND', needed]);
  });
});

it('tells every argument that is wrong, not only the first', async () => {
  const host = machine().did(alloc('pci'));
  const domain = host.nextDomain() - 1;
  const answer = await host.ask({
    type: 'map',
    domain,
    iova: { hi: 0, lo: 1 },
    physical: u64FromPfn(0),
    size: u64FromPfn(1),
    read: false,
    write: false,
  });
  expect(answer.obstacles.map(({ message }) => message.slice(0, 24))).toEqual([
    'Addresses and size must ',
    'A mapping must allow rea',
  ]);
});

it('gives room for a mapping where the range overlaps two others by removing both', async () => {
  const host = machine();
  const group = host.groupOf(DISK);
  const map = (pfn: number, pages: number): Command => ({
    type: 'vfioMapDma',
    container: 1,
    iova: u64FromPfn(pfn),
    vaddr: u64FromPfn(pfn),
    size: u64FromPfn(pages),
    read: true,
    write: true,
  });
  host.did(open, unbind(DISK), toVfio(DISK), { type: 'addGroupToContainer', container: 1, group }, setType);
  host.did(map(1, 1), map(4, 2));
  const answer = await host.ask(map(0, 5));
  expect(codes(answer)).toEqual(['IOVA_MAPPED', 'IOVA_MAPPED']);
  const unmap = (pfn: number, pages: number): Command => ({
    type: 'vfioUnmapDma',
    container: 1,
    iova: u64FromPfn(pfn),
    size: u64FromPfn(pages),
    all: false,
  });
  expect(answer.repair).toEqual([unmap(1, 1), unmap(4, 2)]);
});

it('says that there is nothing to do where what was asked for is so', async () => {
  const host = machine();
  expect((await host.ask({ type: 'bindDriver', device: DISK, driver: 'nvme' })).obstacles).toMatchObject([
    { code: 'DRIVER_BOUND', mendedBy: 'NOTHING_TO_DO' },
  ]);
});

it('counts a request the hardware blocks as refused', async () => {
  const host = machine();
  const answer = await host.ask({
    type: 'dma',
    endpoint: { kind: 'Device', name: DISK },
    pasid: 'OWN',
    address: u64FromPfn(0x1234),
    size: 8,
    access: 'READ',
    data: null,
    translation: 'UNTRANSLATED',
  });
  expect(codes(answer)).toEqual(['DMA_BLOCKED']);
});

it('names what does not exist', async () => {
  const answer = await machine().ask(create(U1, '0000:7f:00.0'));
  expect(answer.obstacles).toMatchObject([{ code: 'NOT_FOUND', mendedBy: 'OTHER_ARGUMENTS' }]);
  expect(answer.verdict).toBe('NONE');
});

it('refuses a subdevice of a parent with reserved memory while AUX is off, and switches AUX on', async () => {
  const host = machine().did(create(U1, LOCKED_PARENT), alloc('mdev'));
  const answer = await host.ask(attach(host.nextDomain() - 1, U1));
  expect(codes(answer)).toContain('RMRR_LOCKED');
  expect(answer.repair).toEqual([{ type: 'enableFeature', device: LOCKED_PARENT, feature: 'AUX' }]);
});
