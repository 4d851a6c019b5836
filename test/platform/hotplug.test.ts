import type { Command } from '../../src/platform/command.js';
import { digestOf } from '../../src/platform/digest.js';
import { kernelConfig } from '../../src/platform/kernel-choice.js';
import { Platform } from '../../src/platform/platform.js';
import { sapphireRapids } from '../../src/platform/templates/sapphire-rapids/index.js';
import { CASES, bootCase } from '../support/invariants/machines.js';
import { lspciText } from '../support/lspci-text.js';
import { at } from './templates/support.js';

const PF = '0000:16:00.0';

function server(profile: 'V5_10' | 'V6_1' = 'V6_1', more = ''): Platform {
  const description = sapphireRapids.describe();
  const kernel = kernelConfig(`${description.commandLine}${more}`, {
    profile,
    subdeviceModel: profile === 'V6_1' ? 'PASID_ATTACH' : 'MDEV_BUS_OPS',
  });
  return new Platform({ name: 'test', origin: 'TEMPLATE', createdAt: 0, description, kernel, warnings: [] });
}

const perform = (platform: Platform, command: Command) => platform.apply({ command, time: 0 }).result;

function refused(platform: Platform, command: Command): string {
  const result = perform(platform, command);
  if (result.ok) throw new Error('not refused');
  return 'errno' in result.error ? result.error.errno : result.error.message;
}

const lastLine = (platform: Platform) => platform.kernel.log.lines.at(-1)!.text;

describe('virtual functions of a server', () => {
  it.each(['V5_10', 'V6_1'] as const)(
    'are refused for the reasons of sriov_numvfs_store() under %s',
    (profile) => {
      const platform = server(profile);
      const set = (device: string, count: number) => refused(platform, { type: 'setNumVfs', device, count });
      expect(set('0000:27:00.0', 1)).toBe('ENOENT');
      const total = platform.kernel.devices.get(PF)!.fn.sriov!.totalVfs;
      expect(set(PF, total + 1)).toBe('ERANGE');
      expect(set(PF, 1)).toBe('EBUSY');
      const { numVfs } = platform.kernel.devices.get(PF)!.fn.sriov!;
      expect(lastLine(platform)).toBe(
        `ice ${PF}: ${numVfs} VFs already enabled. Disable before enabling 1 VFs`,
      );
      perform(platform, { type: 'setNumVfs', device: PF, count: 0 });
      perform(platform, { type: 'unbindDriver', device: PF });
      expect(set(PF, 1)).toBe('ENOENT');
      expect(lastLine(platform)).toBe(
        profile === 'V5_10'
          ? `pci ${PF}: Driver does not support SRIOV configuration via sysfs`
          : `pci ${PF}: no driver bound to device; cannot configure SR-IOV`,
      );
    },
  );

  it('are left as they are by vfio-pci, without a word, unless it was loaded to configure them', () => {
    for (const [more, answer] of [
      ['', 'ENOENT'],
      [' vfio_pci.enable_sriov=1', null],
    ] as const) {
      const platform = server('V6_1', more);
      perform(platform, { type: 'setNumVfs', device: PF, count: 0 });
      perform(platform, { type: 'unbindDriver', device: PF });
      perform(platform, { type: 'bindDriver', device: PF, driver: 'vfio-pci' });
      const lines = platform.kernel.log.lines.length;
      const set = { type: 'setNumVfs', device: PF, count: 2 } as const;
      if (answer === null) expect(perform(platform, set).ok).toBe(true);
      else {
        expect(refused(platform, set)).toBe(answer);
        expect(platform.kernel.log.lines).toHaveLength(lines);
      }
    }
  });

  it('go with the driver that switched them on, and come back each in a group, on the unit of their function', () => {
    const platform = server();
    const virtual = () =>
      [...platform.kernel.devices.values()].filter(({ fn }) => fn.physicalFunction?.name === PF);
    const before = virtual().map(({ name, unit }) => [name, unit!.name]);
    expect(before.length).toBeGreaterThan(1);
    perform(platform, { type: 'unbindDriver', device: PF });
    expect(virtual().map(({ name }) => name)).toEqual([]);
    perform(platform, { type: 'bindDriver', device: PF, driver: 'ice' });
    perform(platform, { type: 'setNumVfs', device: PF, count: before.length });
    expect(virtual().map(({ name, unit }) => [name, unit!.name])).toEqual(before);
    expect(new Set(virtual().map(({ group }) => group!.number)).size).toBe(before.length);
    const [first] = virtual();
    const dma = perform(platform, {
      type: 'dma',
      endpoint: { kind: 'Device', name: first.name },
      pasid: 'NONE',
      address: { hi: 0, lo: 0x1000 },
      size: 4,
      access: 'READ',
      data: null,
      translation: 'UNTRANSLATED',
    });
    expect(dma).toMatchObject({ ok: true, value: { completed: false } });
  });

  it('keep their physical function from being removed while no driver would switch them off', () => {
    const platform = server();
    perform(platform, { type: 'unbindDriver', device: PF });
    perform(platform, { type: 'bindDriver', device: PF, driver: 'ice' });
    perform(platform, { type: 'setNumVfs', device: PF, count: 2 });
    // A driver that knows nothing of them leaves them on.
    platform.kernel.devices.get(PF)!.driver = 'some-driver';
    perform(platform, { type: 'unbindDriver', device: PF });
    expect(lastLine(platform)).toBe(`some-driver ${PF}: driver left SR-IOV enabled after remove`);
    const result = perform(platform, { type: 'removeDevice', device: PF, unplug: false });
    expect(result).toMatchObject({ ok: false, error: { blockers: [{ code: 'UNSAFE' }] } });
  });
});

describe('cards in slots', () => {
  const slot = '0000:27:00.0';
  const card = (name = '27:00.0') => lspciText([at(name, sapphireRapids.describe())]);

  it('one that is pulled and put in again is as before, with its driver', () => {
    const platform = server();
    const { driver, unit } = platform.kernel.devices.get(slot)!;
    expect(perform(platform, { type: 'removeDevice', device: slot, unplug: true })).toMatchObject({
      value: [slot],
    });
    expect(platform.machine.topology.functions.has(slot)).toBe(false);
    const scanned = perform(platform, { type: 'rescanBus' });
    expect(scanned.ok && (scanned.value as readonly unknown[]).length).toBe(0);
    perform(platform, { type: 'hotplugDevice', pci: card() });
    const back = platform.kernel.devices.get(slot)!;
    expect([back.driver, back.unit!.name]).toEqual([driver, unit!.name]);
    expect(platform.descriptions.has(slot)).toBe(true);
  });

  it('a bridge goes with all behind it', () => {
    const platform = server();
    const result = perform(platform, { type: 'removeDevice', device: '0000:26:01.0', unplug: true });
    expect(result).toMatchObject({ ok: true, value: ['0000:26:01.0', slot] });
    expect(refused(platform, { type: 'hotplugDevice', pci: card() })).toMatch(/on a bus no bridge/);
    perform(platform, { type: 'hotplugDevice', pci: [card('26:01.0'), card()].join('\n') });
    expect(platform.kernel.devices.get(slot)!.group === null).toBe(false);
  });

  it.each([
    ['an occupied place', card, /There is a function at 0000:27:00.0/],
    ['what is no listing', () => 'a card', /no line starts with a PCI address/],
  ])('%s is refused with the argument named', (_text, pci, message) => {
    const result = perform(server(), { type: 'hotplugDevice', pci: pci() });
    expect(result).toMatchObject({ ok: false, error: { path: ['input', 'pci'] } });
    expect(refused(server(), { type: 'hotplugDevice', pci: pci() })).toMatch(message);
  });

  it('what came and went comes and goes again when the log is replayed', () => {
    const commands: Command[] = [
      { type: 'removeDevice', device: slot, unplug: true },
      { type: 'setNumVfs', device: PF, count: 0 },
      { type: 'hotplugDevice', pci: card() },
      { type: 'setNumVfs', device: PF, count: 3 },
      { type: 'removeDevice', device: '0000:6a:01.0', unplug: false },
      { type: 'rescanBus' },
    ];
    const run = () => {
      const platform = server();
      for (const command of commands) expect(perform(platform, command).ok).toBe(true);
      return digestOf(platform);
    };
    expect(run()).toBe(run());
  });
});

it('a bridge keeps its own PASID table when a device on its conventional bus goes', () => {
  const platform = bootCase(CASES.find(({ name }) => name === 'V5_15, subdevice bus')!);
  perform(platform, { type: 'removeDevice', device: '0000:71:00.0', unplug: false });
  perform(platform, {
    type: 'dma',
    endpoint: { kind: 'Device', name: '0000:00:1c.0' },
    pasid: 'NONE',
    address: { hi: 0, lo: 0x1000 },
    size: 4,
    access: 'READ',
    data: null,
    translation: 'UNTRANSLATED',
  });
  // Nothing is mapped there (SSL.2), but its PASID entry is there (not SPT.2).
  expect(lastLine(platform)).toContain('[fault reason 0x79]');
});

describe('a device whose context entry a neighbour on its conventional bus cleared', () => {
  const robbed = (name: string) => {
    const platform = bootCase(CASES.find((each) => each.name === name)!);
    perform(platform, { type: 'removeDevice', device: '0000:71:01.0', unplug: true });
    perform(platform, { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' });
    const device = () => platform.kernel.devices.get('0000:71:00.0')!;
    const domain = [...platform.kernel.domains.keys()].at(-1)!;
    const attach = () => {
      const { number } = device().group!;
      return perform(platform, { type: 'attach', domain, target: { kind: 'Group', number } });
    };
    return { platform, domain, device, attach };
  };

  // dmar_insert_one_dev_info() gives the domain find_domain() knows, which domain_add_dev_info() calls busy.
  it.each(['V5_10, subdevice bus', 'V5_15, legacy mode'])('is busy with its old domain on %s', (name) => {
    const { device, attach } = robbed(name);
    const old = device().primaryDomain!.number;
    expect(attach()).toMatchObject({
      ok: false,
      error: { errno: 'EBUSY', mirrors: 'domain_add_dev_info' },
    });
    expect(device().attachments.map(({ domain }) => domain.number)).toEqual([old]);
    expect(device().primaryDomain!.number).toBe(old);
  });

  it('would be on the lists of two domains on V6_1, which is refused as unsafe', () => {
    const { platform, device, attach } = robbed('V6_1, subdevice bus, both stages');
    const bridge = platform.kernel.devices.get('0000:00:1c.0')!;
    const before = bridge.primaryDomain!.number;
    const result = attach();
    expect(bridge.primaryDomain!.number).toBe(before);
    expect(!result.ok && 'blockers' in result.error && result.error.blockers[0].code).toBe('UNSAFE');
    expect(device().attachments.length).toBe(1);
  });

  it('can be attached again after it was removed and found anew', () => {
    const { platform, domain, device, attach } = robbed('V5_10, subdevice bus');
    perform(platform, { type: 'removeDevice', device: '0000:71:00.0', unplug: false });
    perform(platform, { type: 'rescanBus' });
    expect(attach().ok).toBe(true);
    expect(device().primaryDomain!.number).toBe(domain);
  });
});
