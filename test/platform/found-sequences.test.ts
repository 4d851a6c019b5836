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
