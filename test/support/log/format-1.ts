import { join } from 'node:path';
import { open } from 'lmdb';
import { encode } from '../../../src/log/codec.js';

/** What a directory of format 1 held: a name, a header, and the entries. */
export interface OldStream {
  readonly number: number;
  readonly name: string;
  readonly header: unknown;
  readonly entries: readonly unknown[];
}

/** Writes a directory as format 1 was laid out: `heads` and `entries`, one value an entry, no check sums. */
export async function writeFormat1(directory: string, streams: readonly OldStream[]): Promise<void> {
  const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
  await root.put('iommu-graph command log', 1);
  const heads = root.openDB<Buffer, number>('heads', { encoding: 'binary' });
  const entries = root.openDB<Buffer, [number, number]>('entries', { encoding: 'binary' });
  await root.batch(() => {
    for (const { number, name, header, entries: values } of streams) {
      void heads.put(number, Buffer.from(encode({ name, header: encode(header) })));
      values.forEach((value, index) => {
        if (value !== undefined) void entries.put([number, index + 1], Buffer.from(encode(value)));
      });
    }
  });
  await root.close();
}
