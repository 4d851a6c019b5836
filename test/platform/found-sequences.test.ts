import { type U64, u64, u64ToNumber } from '../../src/bits/u64.js';
import type { Command } from '../../src/platform/command.js';
import { CASES } from '../support/invariants/machines.js';
import { tearDown } from '../support/invariants/tear-down.js';
import { Watch } from '../support/invariants/watch.js';

/*
 * Shortest lists of commands on which the rules of the invariants once did not hold. Each is played again under
 * the same watch, to the end.
 */

const S = 'c0ffee01-0000-4000-8000-000000000000';
const PARENT = '0000:6a:01.0';
const SUBDEVICE = { kind: 'Subdevice', name: S } as const;

/** What each command came to: "ok", or the refusal's function and text. */
function outcomes(name: string, commands: readonly Command[]): { watch: Watch; last: string } {
  const watch = new Watch(CASES.find((each) => each.name === name)!);
  let last = '';
  for (const command of commands) {
    const { result } = watch.run(command);
    last = result.ok ? 'ok' : (result.error as Error).message;
  }
  return { watch, last };
}

const contained: readonly Command[] = [
  { type: 'createMdev', parent: PARENT, mdevType: 'parent-one', uuid: S },
  { type: 'openContainer', userMemory: null },
  { type: 'addGroupToContainer', container: 1, group: 9 },
  { type: 'enableFeature', device: PARENT, feature: 'AUX' },
  { type: 'setContainerIommu', container: 1, iommuType: 3 },
];
const close: Command = { type: 'closeContainer', container: 1 };
const auxOff: Command = { type: 'disableFeature', device: PARENT, feature: 'AUX' };
const again: Command = { type: 'attach', domain: 11, target: SUBDEVICE };

const WOULD_DANGLE = `Unsafe: domain 11 would be freed while ${PARENT} translates through it for ${S}.`;

describe('a container whose domain somebody else was given too', () => {
  test.each(['V5_15, subdevice bus', 'V5_15, attach to the parent', 'V6_1, subdevice bus, both stages'])(
    'is not closed while the attachment is there: its tables would be freed under the hardware (%s)',
    (name) => {
      const { watch, last } = outcomes(name, [...contained, again, close]);
      expect(last).toBe(WOULD_DANGLE);
      watch.run({ type: 'detach', domain: 11, target: SUBDEVICE });
      expect(watch.run(close).result.ok).toBe(true);
      expect(watch.platform.kernel.domains.has(11)).toBe(false);
      tearDown(watch);
    },
  );

  test('is not closed while its other user is a device of another group, and keeps open what is open', () => {
    const other: Command = { type: 'attach', domain: 11, target: { kind: 'Device', name: '0000:6d:00.0' } };
    const open: Command = { type: 'openVfioDevice', group: 9, name: S };
    const { watch, last } = outcomes('V5_15, attach to the parent', [...contained, open, other, close]);
    expect(last).toBe(
      'Unsafe: domain 11 would be freed while 0000:6d:00.0 translates through it for 0000:6d:00.0.',
    );
    expect([...watch.platform.kernel.vfio.containers.get(1)!.openDevices.values()]).toEqual([1]);
    tearDown(watch);
  });

  test.each(['V5_10, attach to the parent', 'V5_15, attach to the parent'])(
    'is not closed after AUX was switched off: nothing would clear the PASID entry (%s)',
    (name) => {
      const { watch, last } = outcomes(name, [...contained, auxOff, close]);
      expect(last).toBe(WOULD_DANGLE);
      watch.run({ type: 'enableFeature', device: PARENT, feature: 'AUX' });
      expect(watch.run(close).result.ok).toBe(true);
      tearDown(watch);
    },
  );

  test('is closed on the subdevice bus, where the parent’s table goes with its primary domain; PASID and id stay lost', () => {
    const { watch, last } = outcomes('V5_15, subdevice bus', [...contained, auxOff, close]);
    expect(last).toBe('ok');
    expect([...watch.ownedPasids]).toEqual([1]);
    expect([...watch.lostIds]).toEqual([['dmar0', 1]]);
    tearDown(watch);
  });
});

test('a device is not forgotten while a subdevice of another uses its group’s default domain', () => {
  const { watch, last } = outcomes('V6_1, attach to PASIDs', [
    { type: 'createMdev', parent: '0000:6b:01.0', mdevType: 'parent-two', uuid: S },
    { type: 'attach', domain: 4, target: SUBDEVICE },
    { type: 'removeDevice', device: '0000:00:1c.0', unplug: true },
    { type: 'removeDevice', device: PARENT, unplug: true },
  ]);
  expect(last).toBe(`Unsafe: domain 4 would be freed while 0000:6b:01.0 translates through it for ${S}.`);
  watch.run({ type: 'detach', domain: 4, target: SUBDEVICE });
  expect(watch.run({ type: 'removeDevice', device: PARENT, unplug: true }).result.ok).toBe(true);
  tearDown(watch);
});

test.each(['V5_10, two vendors, ONE_OPS_PER_BUS', 'V5_10, two vendors, BUS_PER_PARENT_TYPE'])(
  'a bind that fails for want of first-level translation leaves the device free to send PASIDs (%s)',
  (name) => {
    const { watch, last } = outcomes(name, [
      { type: 'allocDomain', bus: 'pci', domainType: 'DMA' },
      {
        type: 'map',
        domain: 4,
        iova: u64(0, 0),
        physical: u64(1, 0x40000000),
        size: u64(0, 0x40000000),
        read: true,
        write: true,
      },
      { type: 'svaBind', device: PARENT, process: 1, userMemory: null },
    ]);
    expect(last).toBe('dmar0 has no first-level translation.');
    expect(watch.platform.kernel.devices.get(PARENT)!.info!.pasidEnabled).toBe(true);
    tearDown(watch);
  },
);

/*
 * Two devices behind one bridge. The first lost the table they shared when the second went, and gets it back
 * with the second: what it sends goes by the entry of the bridge's bus.
 */
const neighbours: readonly Command[] = [
  { type: 'removeDevice', device: '0000:71:00.0', unplug: false },
  { type: 'rescanBus' },
  { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' },
  { type: 'attach', domain: 11, target: { kind: 'Group', number: 1 } },
];

test('what goes by a shared requester id is translated by the table of the neighbour that came last', () => {
  const { watch, last } = outcomes(
    'V5_15, first-stage tables only, a bus for each type of parent',
    neighbours,
  );
  expect(last).toBe('ok');
  const { kernel } = watch.platform;
  const [first, second] = ['0000:71:01.0', '0000:71:00.0'].map((name) => kernel.devices.get(name)!);
  expect(kernel.groups.get(1)!.members.map(({ name }) => name)).toEqual([
    '0000:00:1c.0',
    first.name,
    second.name,
  ]);
  expect([first.info!.pasidTable!.users, second.info!.pasidTable!.users]).toEqual([1, 1]);
  expect(first.primaryDomain === second.primaryDomain).toBe(true);
  tearDown(watch);
});

test.each([
  ['V5_15, subdevice bus', true],
  ['V6_1, attach to PASIDs', false],
])('behind a bridge from conventional PCI, PASID tables are shared until 2022 (%s: %s)', (name, shared) => {
  const { kernel } = outcomes(name, []).watch.platform;
  const tables = ['0000:71:00.0', '0000:71:01.0'].map(
    (each) => kernel.devices.get(each)!.info!.pasidTable!.directoryFrame,
  );
  expect(tables[0] === tables[1]).toBe(shared);
});

test.each(['V5_10', 'V5_15', 'V6_1'])(
  'a disk that goes from behind a volume management device leaves the entries alone its requests went by (%s)',
  (profile) => {
    const name = `${profile}, disks behind a volume management device`;
    const before = outcomes(name, []).watch.platform;
    const { watch, last } = outcomes(name, [
      { type: 'removeDevice', device: '10000:e1:00.0', unplug: false },
    ]);
    expect(last).toBe('ok');
    const { kernel, machine } = watch.platform;
    const carrier = kernel.devices.get('0000:00:0e.0')!;
    const disk = kernel.devices.get('10000:e1:01.0')!;
    expect([carrier.info!.pasidTable === null, disk.info!.pasidTable]).toEqual([false, null]);
    const entryOf = (platform: typeof before) => {
      const [unit] = platform.machine.units.slice(-1);
      const frame = (word: U64) => Math.floor(u64ToNumber(word) / 4096) * 4096;
      const { memory } = platform.machine;
      return memory.load64(frame(memory.load64(frame(unit.readRegister(0x20, 8)))) + 0x70 * 32);
    };
    expect(machine.requesterId(disk.fn)).toBe(0x0070);
    expect(entryOf(watch.platform)).toEqual(entryOf(before));
    expect(entryOf(before).lo & 1).toBe(1);
  },
);

test('the disks behind a volume management device go and come back with it, in its group', () => {
  const { watch, last } = outcomes('V5_15, disks behind a volume management device', [
    { type: 'removeDevice', device: '0000:00:0e.0', unplug: false },
  ]);
  expect(last).toBe('ok');
  const { kernel } = watch.platform;
  expect(kernel.devices.has('10000:e1:00.0')).toBe(false);
  watch.run({ type: 'rescanBus' });
  const names = kernel.devices.get('0000:00:0e.0')!.group!.members.map((member) => member.name);
  expect(names).toEqual(['0000:00:0e.0', '10000:e1:00.0', '10000:e1:01.0']);
  tearDown(watch);
});

test('a group whose member lost its entry to a neighbour cannot leave its user’s domain, and is on none when that is freed', () => {
  const { watch, last } = outcomes('V5_10, subdevice bus, caching mode, widths that differ', [
    { type: 'openContainer', userMemory: null },
    { type: 'addGroupToContainer', container: 1, group: 1 },
    { type: 'setContainerIommu', container: 1, iommuType: 3 },
    { type: 'removeDevice', device: '0000:71:01.0', unplug: true },
    close,
  ]);
  expect(last).toBe('ok');
  expect(watch.platform.kernel.groups.get(1)!.domain).toBeNull();
  tearDown(watch);
});
