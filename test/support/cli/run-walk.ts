import { Writable } from 'node:stream';
import { runWalk } from '../../../src/cli/walk.js';

export interface WalkRun {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** One request of the protocol; tests also send what is none. */
export interface WalkRequest {
  readonly sourceId: string | number;
  readonly pasid?: unknown;
  readonly iova: string | number;
  readonly access: string;
}

/** Runs the command on input in pieces, as a pipe would bring it. */
export async function walkPieces(
  directory: string,
  json: boolean,
  pieces: readonly Buffer[],
): Promise<WalkRun> {
  const output = new Collector();
  const errors = new Collector();
  const status = await runWalk({ directory, json, input: eachOf(pieces), output, errors });
  return { status, output: output.text, errors: errors.text };
}

/** Answers to requests, one for each, decoded. */
export async function askWalk(directory: string, requests: readonly WalkRequest[]): Promise<unknown[]> {
  const text = requests.map((request) => JSON.stringify(request) + '\n').join('');
  const run = await walkPieces(directory, true, [Buffer.from(text)]);
  expect(run).toMatchObject({ status: 0, errors: '' });
  const lines = run.output.split('\n');
  expect(lines.pop()).toBe('');
  expect(lines).toHaveLength(requests.length);
  return lines.map((line) => JSON.parse(line) as unknown);
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

async function* eachOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
  await Promise.resolve();
}
