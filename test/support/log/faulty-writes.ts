import fs from 'node:fs';

/**
 * What a call does: `well` as it should; `short` writes some of it and says so; `refused` as where a file cannot be
 * written past the cache; the others end in an error, with nothing, half or all of it written, as when what was written
 * could not be synced.
 */
export type Doing = 'well' | 'short' | 'refused' | 'nothing' | 'half' | 'all';

type Written = (cause: NodeJS.ErrnoException | null, written: number) => void;

/** Stands between `fs.write` and the file system; calls are numbered from 1. */
export function faultyWrites(doing: (call: number) => Doing | Promise<Doing>): { restore(): void } {
  const real = fs.write;
  let calls = 0;
  const spy = jest.spyOn(fs, 'write') as unknown as jest.SpyInstance<
    void,
    [number, Uint8Array, number, number, number, Written]
  >;
  spy.mockImplementation((file, bytes, from, length, at, done) => {
    void Promise.resolve(doing(++calls)).then((what) => {
      if (what === 'well') return real(file, bytes, from, length, at, done);
      if (what === 'short') return real(file, bytes, from, Math.ceil(length / 2), at, done);
      if (what === 'refused')
        return done(Object.assign(new Error('EINVAL: invalid argument, write'), { code: 'EINVAL' }), 0);
      const part = { nothing: 0, half: length >> 1, all: length }[what];
      // Half a block can only be written through the cache.
      const cached = fs.openSync(`/proc/self/fd/${file}`, 'r+');
      fs.writeSync(cached, bytes, from, part, at);
      fs.closeSync(cached);
      done(Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }), 0);
    });
  });
  return { restore: () => spy.mockRestore() };
}
