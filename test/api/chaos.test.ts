import { apiAt } from '../support/api.js';
import { faultsAfter, makeFaults, newestCursor } from '../support/faults.js';
import { ChaosReader } from '../support/server/chaos-reader.js';
import { ServerProcess } from '../support/server/server-process.js';
import { type StreamClient, TRANSPORTS } from '../support/server/stream-client.js';

/** A short form runs with the tests; CHAOS_FAULTS=200000 is the long one (some minutes). */
const FAULTS = Number(process.env.CHAOS_FAULTS ?? 5_000);
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const READERS = 20;
/** Those that hardly read, one on each transport. */
const SLOW = TRANSPORTS.length;
const A_DOCUMENT = 50;
const DOCUMENTS_AT_ONCE = 4;

jest.setTimeout(60_000 + FAULTS * 10);

/** Numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

it(`${READERS} subscribers that are cut off at random during ${FAULTS} faults, two of which hardly read, end with every fault once and in order`, async () => {
  const server = new ServerProcess([
    ...['serve', '--port', '0', '--log', 'memory'],
    ...['--stream-buffer', '65536', '--stream-lag', '500'],
  ]);
  try {
    const api = apiAt(await server.url());
    const begin = await newestCursor(api);
    const draw = random(SEED);
    let made = 0;
    let last = Infinity;

    /** Every reader leaves after one message in thirty. */
    const leaving = () => Promise.resolve(draw() < 1 / 30 ? ('leave' as const) : ('stay' as const));
    /** Takes nothing while thousands of faults are made, then thirty messages, and so on. */
    const progress: (() => void)[] = [];
    const hardly = () => {
      let taken = 0;
      return async (stream: StreamClient) => {
        if (taken++ % 30 !== 0) return 'stay' as const;
        const nextAt = made + Math.min(2000, FAULTS * 0.4);
        stream.pause();
        while (made < nextAt && last === Infinity)
          await new Promise<void>((resolve) => progress.push(resolve));
        stream.resume();
        return 'stay' as const;
      };
    };
    const fat = Array.from({ length: 150 }, (_, n) => `r${n}: reason { text }`).join(' ');
    const readers = Array.from({ length: READERS }, (_, index) => {
      const slow = index < SLOW;
      const habits = {
        transport: TRANSPORTS[index % TRANSPORTS.length],
        alsoSelects: slow ? fat : '',
        before: slow ? hardly() : leaving,
      };
      return new ChaosReader(api, habits, begin);
    });
    const reading = readers.map((reader) => reader.run(() => last));

    const storm = async () => {
      while (made < FAULTS) {
        const from = made;
        made += A_DOCUMENT;
        await makeFaults(api, A_DOCUMENT, from);
        for (const ring of progress.splice(0)) ring();
      }
    };
    await Promise.all(Array.from({ length: DOCUMENTS_AT_ONCE }, storm));
    const everything = await faultsAfter(api, begin);
    expect(everything).toHaveLength(made);
    last = everything.at(-1)!.sequence;
    for (const ring of progress.splice(0)) ring();
    // Those who have everything wait for more; cut off, they find that there is none.
    for (const reader of readers) reader.cut();
    await Promise.all(reading);

    // Compared first: the difference of two long lists is too long to read.
    const text = JSON.stringify(everything);
    readers.forEach(({ got }, index) => {
      expect([index, got.length, JSON.stringify(got) === text]).toEqual([index, made, true]);
    });
    const sum = (key: 'connections' | 'refetched') =>
      readers.reduce((total, reader) => total + reader[key], 0);
    const gaps = readers.map((reader) => reader.gaps);
    for (const ofSlow of gaps.slice(0, SLOW)) expect(ofSlow).toBeGreaterThan(0);
    expect(sum('connections')).toBeGreaterThan(2 * READERS);
    process.stdout.write(
      `chaos: ${made} faults, ${READERS} readers, ${sum('connections')} connections, ` +
        `gaps ${gaps.join(' ')}, ${sum('refetched')} faults fetched again, seed ${SEED}\n`,
    );
  } catch (error) {
    // A server that ended says why, and its clients only that it is gone.
    throw new Error(`server: ${JSON.stringify(await server.kill('SIGKILL'))}`, { cause: error });
  } finally {
    await server.kill('SIGKILL');
  }
});
