import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { DmaRequest } from '../hardware/index.js';
import { DumpError, type MemoryDump, readMemoryDump } from './memory-dump.js';
import { type WalkAnswer, answerOf } from './walk-answer.js';
import { RequestError, parseRequest } from './walk-request.js';
import { conclusion, describeDump, formatWalk } from './walk-table.js';

/** What `walk` is started with. The streams are those of the process unless given. */
export interface WalkArguments {
  /** Holds `tables.json` and `tables.bin.gz`. */
  readonly directory: string;
  /** Answers for programs, one JSON object a line; otherwise tables for people. */
  readonly json: boolean;
  readonly input?: AsyncIterable<Uint8Array | string>;
  readonly output?: Writable;
  readonly errors?: Writable;
}

/**
 * Walks the tables of a dumped machine: a request a line on the input, an answer each on the output, in the
 * same order. Blank lines are no requests. Resolves to the exit status.
 */
export async function runWalk(args: WalkArguments): Promise<number> {
  const { directory, json, input = process.stdin, output = process.stdout, errors = process.stderr } = args;
  let dump: MemoryDump;
  try {
    dump = readMemoryDump(directory);
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    errors.write(`walk: ${directory}: ${error.message.replace(/\s+/g, ' ')}\n`);
    return 1;
  }
  const sink = new Sink(output);
  if (!json) await sink.write(describeDump(dump));
  const answered = await answerAll(dump, json, input, sink).catch((error: Error) => error);
  const failure = sink.failure ?? answered;
  // A reader that has seen enough, as `head` does, is no failure.
  if (failure === null || (failure as NodeJS.ErrnoException).code === 'EPIPE') return 0;
  errors.write(`walk: ${failure.message}\n`);
  return 1;
}

async function answerAll(
  dump: MemoryDump,
  json: boolean,
  input: AsyncIterable<Uint8Array | string>,
  sink: Sink,
): Promise<null> {
  let number = 0;
  for await (const lines of batches(input)) {
    let text = '';
    for (const line of lines) {
      number++;
      if (line.trim() !== '') text += answerTo(dump, json, line, number);
    }
    if (text !== '') await sink.write(text);
    if (sink.failure !== null) break;
  }
  return null;
}

function answerTo(dump: MemoryDump, json: boolean, line: string, number: number): string {
  let request: DmaRequest;
  try {
    request = parseRequest(line);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const refused: WalkAnswer = { outcome: 'ERROR', message: `line ${number}: ${error.message}` };
    return json ? `${JSON.stringify(refused)}\n` : `\n${conclusion(refused)}\n`;
  }
  const trace = dump.unit.trace(request);
  const answer = answerOf(trace);
  return json ? `${JSON.stringify(answer)}\n` : `\n${formatWalk(request, trace, answer)}`;
}

/** The input's lines as they come, those of one piece of input together. */
async function* batches(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const piece of input) {
    const lines = (rest + (typeof piece === 'string' ? piece : decoder.write(Buffer.from(piece)))).split(
      '\n',
    );
    rest = lines.pop() ?? '';
    if (lines.length > 0) yield lines;
  }
  rest += decoder.end();
  if (rest !== '') yield [rest];
}

/** A stream written no faster than it is read, whose failure is remembered instead of thrown. */
class Sink {
  failure: NodeJS.ErrnoException | null = null;

  constructor(private readonly stream: Writable) {
    stream.on('error', (error) => (this.failure ??= error));
  }

  async write(text: string): Promise<void> {
    if (this.failure !== null || this.stream.write(text)) return;
    await once(this.stream, 'drain').catch((error: unknown) => (this.failure ??= error as Error));
  }
}
