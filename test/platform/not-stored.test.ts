import { MemoryStore } from '../../src/log/memory-log.js';
import type { Write } from '../../src/log/store.js';
import { StreamLog } from '../../src/log/stream-log.js';
import { createFromTemplate } from '../../src/platform/create.js';
import { digestOf } from '../../src/platform/digest.js';
import { ConflictError, NotFoundError, NotStoredError } from '../../src/platform/errors.js';
import { PlatformHost } from '../../src/platform/host.js';
import { Platform } from '../../src/platform/platform.js';
import { replay } from '../../src/platform/replay.js';

/** A store that takes nothing of some kinds for a while, as a full disk does. */
class FullStore extends MemoryStore {
  full: readonly Write['kind'][] = [];

  override commit(writes: readonly Write[]): Promise<void> {
    if (writes.some(({ kind }) => this.full.includes(kind))) return Promise.reject(new Error('no space'));
    return super.commit(writes);
  }
}

const ALL = ['create', 'append', 'drop'] as const;
const ALLOCATE = { type: 'allocDomain', bus: 'pci', domainType: 'UNMANAGED' } as const;

async function hostOverFullStore() {
  const store = new FullStore();
  const log = await StreamLog.open(store);
  const host = await PlatformHost.open(log, () => 1_600_000_000_000);
  await createFromTemplate(host, 'desk', 'legacy-desktop', {});
  await host.perform('desk', ALLOCATE);
  return { store, log, host };
}

/** What the log alone says of a platform. */
async function rebuilt(log: StreamLog, name: string): Promise<string> {
  const { header } = (await log.streams()).find((stream) => stream.name === name)!;
  const platform = new Platform(header as Platform['header']);
  await replay(log, platform);
  return digestOf(platform);
}

describe('when the log cannot store', () => {
  it('a command is refused, changes nothing and costs no revision; so are those accepted behind it', async () => {
    const { store, log, host } = await hostOverFullStore();
    const desk = host.platform('desk')!;
    const before = digestOf(desk);
    store.full = ALL;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => host.perform('desk', ALLOCATE)),
    );
    for (const outcome of outcomes) {
      expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(NotStoredError);
    }
    expect(digestOf(desk)).toBe(before);
    store.full = [];
    const applied = await Promise.all(Array.from({ length: 5 }, () => host.perform('desk', ALLOCATE)));
    expect(applied.map(({ revision }) => revision)).toEqual([2, 3, 4, 5, 6]);
    expect(await rebuilt(log, 'desk')).toBe(digestOf(desk));
  });

  it('a command sent while refusals are told gets the revision they gave back', async () => {
    const { store, host } = await hostOverFullStore();
    store.full = ALL;
    const retried = host.perform('desk', ALLOCATE).catch(() => {
      store.full = [];
      return host.perform('desk', ALLOCATE);
    });
    const behind = host.perform('desk', ALLOCATE).catch((error: unknown) => error);
    expect((await retried).revision).toBe(2);
    expect(await behind).toBeInstanceOf(NotStoredError);
  });

  it('a key is free again', async () => {
    const { store, host } = await hostOverFullStore();
    const request = { key: 'k', fingerprint: 'f' };
    store.full = ALL;
    await expect(host.perform('desk', ALLOCATE, { request })).rejects.toBeInstanceOf(NotStoredError);
    store.full = [];
    const first = await host.perform('desk', ALLOCATE, { request });
    expect((await host.perform('desk', ALLOCATE, { request })).revision).toBe(first.revision);
  });

  it('a platform that was to be made is not there, and its name is free', async () => {
    const { store, host } = await hostOverFullStore();
    store.full = ALL;
    await expect(createFromTemplate(host, 'new', 'legacy-desktop', {})).rejects.toBeInstanceOf(
      NotStoredError,
    );
    expect(host.platform('new')).toBeNull();
    store.full = [];
    await createFromTemplate(host, 'new', 'legacy-desktop', {});
    await expect(createFromTemplate(host, 'new', 'legacy-desktop', {})).rejects.toBeInstanceOf(ConflictError);
  });

  it('a platform that was to be deleted is there, with all it had, and goes on', async () => {
    const { store, log, host } = await hostOverFullStore();
    const desk = host.platform('desk')!;
    for (const terms of [{}, { request: { key: 'k', fingerprint: 'f' } }]) {
      store.full = ALL;
      const refused = host.delete('desk', terms);
      await expect(refused).rejects.toBeInstanceOf(NotStoredError);
      expect(host.platform('desk')).toBe(desk);
      expect(desk.isClosed).toBe(false);
      store.full = [];
      await host.perform('desk', ALLOCATE);
      expect(await rebuilt(log, 'desk')).toBe(digestOf(desk));
    }
  });

  it('a deletion whose key is stored is done, and the name can be used, though the log is not dropped', async () => {
    const { store, log, host } = await hostOverFullStore();
    store.full = ['drop'];
    const request = { key: 'k', fingerprint: 'f' };
    await host.delete('desk', { request });
    await expect(host.perform('desk', ALLOCATE)).rejects.toBeInstanceOf(NotFoundError);
    expect((await log.streams()).map(({ name }) => name)).toContain('desk');
    store.full = [];
    const desk = await createFromTemplate(host, 'desk', 'legacy-desktop', {});
    expect(desk.revision).toBe(0);
    expect(await rebuilt(log, 'desk')).toBe(digestOf(desk));
  });

  it('a fork is refused, and its name is free even when what was copied cannot be dropped', async () => {
    const { store, log, host } = await hostOverFullStore();
    store.full = ['append', 'drop'];
    await expect(host.fork('desk', 'fork', null)).rejects.toBeInstanceOf(NotStoredError);
    expect(host.platform('fork')).toBeNull();
    store.full = [];
    const fork = await host.fork('desk', 'fork', null);
    expect(fork.revision).toBe(1);
    expect(await rebuilt(log, 'fork')).toBe(digestOf(fork));
  });
});
