import { openMemoryLog } from '../../src/log/memory-log.js';
import type { CommandLog, LogEntry } from '../../src/log/port.js';
import type { Command } from '../../src/platform/command.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { NotFoundError } from '../../src/platform/errors.js';
import { PlatformHost } from '../../src/platform/host.js';
import { turnsDuring } from '../support/platform/turns.js';

const ALLOC: Extract<Command, { type: 'allocDomain' }> = {
  type: 'allocDomain',
  bus: 'pci',
  domainType: 'UNMANAGED',
};

/** A log over a real one that fails when told, and lets commits finish only when told. */
class FlakyLog implements CommandLog {
  failing = false;
  gate: Promise<void> = Promise.resolve();
  constructor(private readonly log: CommandLog) {}
  streams = () => this.log.streams();
  create = (stream: string, header: unknown) => this.log.create(stream, header);
  read = (stream: string, from: number): AsyncIterable<LogEntry> => this.log.read(stream, from);
  drop = (stream: string) => this.log.drop(stream);
  snapshots = (stream: string) => this.log.snapshots(stream);
  snapshot = (stream: string) => this.log.snapshot(stream);
  saveSnapshot: CommandLog['saveSnapshot'] = (...snapshot) => this.log.saveSnapshot(...snapshot);
  close = () => this.log.close();
  async append(stream: string, revision: number, entry: unknown): Promise<void> {
    if (this.failing) throw new Error('no space left on device');
    const { gate } = this;
    const appended = this.log.append(stream, revision, entry);
    await gate;
    await appended;
  }
}

async function desktop() {
  const log = new FlakyLog(await openMemoryLog());
  const host = await PlatformHost.open(log, () => 1_600_000_000_000);
  const platform = await createFromTemplate(host, 'desk', 'legacy-desktop', {});
  return { log, host, platform };
}

describe('PlatformHost', () => {
  test('a command is applied only when it is durable', async () => {
    const { log, host, platform } = await desktop();
    let open: () => void = () => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const pending = host.perform('desk', ALLOC);
    await new Promise((resolve) => setImmediate(resolve));
    expect(platform.revision).toBe(0);
    open();
    expect((await pending).revision).toBe(1);
    expect(platform.revision).toBe(1);
  });

  test('a fork asked for again under its key is the same one, also when what it was made from is gone', async () => {
    const { host } = await desktop();
    const request = { key: 'k', fingerprint: 'f' };
    const fork = await host.fork('desk', 'twin', null, { request });
    await host.delete('desk');
    expect(await host.fork('desk', 'twin', null, { request })).toBe(fork);
    await expect(host.fork('desk', 'other', null)).rejects.toThrow(NotFoundError);
  });

  test('commands sent together are applied in the order they were accepted', async () => {
    const { host } = await desktop();
    const all = await Promise.all(Array.from({ length: 20 }, () => host.perform('desk', ALLOC)));
    expect(all.map(({ revision }) => revision)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('when the log fails the sender is told, nothing is applied, and the next command takes the revision', async () => {
    const { log, host, platform } = await desktop();
    log.failing = true;
    const events = platform.events.last;
    const failed = await Promise.allSettled([host.perform('desk', ALLOC), host.perform('desk', ALLOC)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([platform.revision, platform.events.last]).toEqual([0, events]);
    log.failing = false;
    expect((await host.perform('desk', ALLOC)).revision).toBe(1);
  });

  test('a command that names nothing is refused before it is logged', async () => {
    const { host, platform } = await desktop();
    await expect(host.perform('desk', { type: 'freeDomain', domain: 999 })).rejects.toMatchObject({
      name: 'NotFoundError',
      kind: 'Domain',
      key: '999',
    });
    expect(platform.revision).toBe(0);
  });

  test('of two creations of one name at once, one wins and the other is a ConflictError', async () => {
    const host = await PlatformHost.open(await openMemoryLog());
    const both = await Promise.allSettled([
      createFromTemplate(host, 'same', 'legacy-desktop', {}),
      createFromTemplate(host, 'same', 'legacy-desktop', {}),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('a second host on the same log has the same platforms, revisions and events', async () => {
    const { log, host, platform } = await desktop();
    await host.perform('desk', ALLOC);
    await host.perform('desk', { type: 'enableFeature', device: '0000:01:00.0', feature: 'AUX' });
    const again = (await PlatformHost.open(log)).platform('desk')!;
    expect(again.revision).toBe(2);
    expect(again.events.last).toBe(platform.events.last);
    for (let at = 1; at <= platform.events.last; at++)
      expect(again.events.at(at)).toEqual(platform.events.at(at));
  });

  test('deleting a platform waits for its commands and frees its name', async () => {
    const { host } = await desktop();
    const pending = host.perform('desk', ALLOC);
    await host.delete('desk');
    expect((await pending).revision).toBe(1);
    expect(host.platform('desk')).toBeNull();
    await createFromTemplate(host, 'desk', 'legacy-desktop', {});
  });

  test('a kernel option that is not modelled is the caller’s mistake, named', async () => {
    const host = await PlatformHost.open(await openMemoryLog());
    await expect(
      createFromTemplate(host, 'odd', 'legacy-desktop', { subdeviceModel: 'PASID_ATTACH', profile: 'V5_10' }),
    ).rejects.toMatchObject({ name: 'InvalidInputError', path: ['input', 'kernel', 'subdeviceModel'] });
    expect(host.platforms()).toEqual([]);
  });

  test('many commands that become durable together leave turns of the event loop to others', async () => {
    const { host } = await desktop();
    const { result } = await host.perform('desk', ALLOC);
    const domain = (result as { value: { number: number } }).value.number;
    // Each a million entries: much, and not a moment each.
    const commands = Array.from({ length: 36 }, (_, index) =>
      host.perform('desk', {
        type: 'map',
        domain,
        iova: { hi: index, lo: 0x1000 },
        physical: { hi: 0, lo: 0x2000 },
        size: { hi: 0, lo: 0xf0000000 },
        read: true,
        write: true,
      }),
    );
    const done = Promise.all(commands);
    const turns = await turnsDuring(done);
    const all = await done;
    expect(all.map(({ result }) => result.ok)).not.toContain(false);
    expect(turns).toBeGreaterThan(4);
  });
});
