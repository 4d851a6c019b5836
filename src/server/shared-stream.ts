import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  createSourceEventStream,
  execute,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { canonicalJson } from './canonical-json.js';

/** How long a stream in a storm gathers before it sends again. */
export const GATHER_MS = 5;

/**
 * One answer of a stream and its text, made once for all who get it. Never changed after it was made: a
 * plugin that wants another answer copies it, and then the text is no longer the answer's.
 */
export interface SharedResult extends ExecutionResult {
  /** The text of this answer; of a copy, what JSON makes of the copy. Yoga asks for it before it sends. */
  readonly stringify: (result: ExecutionResult) => string;
}

/**
 * Lets subscribers of the same operation share its execution: the same document, operation name and
 * variables, and a source that hands the same object to each. Every subscriber keeps its own source and with
 * it its own place, so one that reads slowly holds up nobody, and one that comes late joins by itself as soon
 * as it stands where the others do.
 *
 * An answer may depend on nothing else: what resolvers are given besides is the same for everyone here.
 *
 * @param gatherMs pause between two messages of a stream in a storm; 0 sends each at once. A stream that was
 *   quiet for that long sends at once in any case.
 */
export function useSharedStreams(gatherMs = GATHER_MS): Plugin {
  const operations = new Map<string, SharedOperation>();
  const join = (args: ExecutionArgs): SharedOperation => {
    const key = keyOf(args);
    let operation = operations.get(key);
    if (operation === undefined) {
      operation = new SharedOperation(args, gatherMs, () => operations.delete(key));
      operations.set(key, operation);
    }
    return operation;
  };
  const subscribe = async (args: ExecutionArgs) => {
    const source = await createSourceEventStream(args);
    return isIterable(source) ? join(args).read(source[Symbol.asyncIterator]()) : source;
  };
  return { onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe) };
}

/** What the subscribers of one operation have in common. */
class SharedOperation {
  private readers = 0;
  private readonly results = new WeakMap<object, SharedResult | Promise<SharedResult>>();
  private lastResultAt = -Infinity;
  private gathering: Promise<void> | null = null;

  constructor(
    private readonly args: ExecutionArgs,
    private readonly gatherMs: number,
    private readonly forget: () => void,
  ) {}

  /** The answers for what a source gives; plain, so that return() does not queue behind a waiting next(). */
  read(source: AsyncIterator<unknown>): AsyncIterableIterator<SharedResult> {
    const done = { done: true, value: undefined } as const;
    let open = true;
    this.readers++;
    const close = () => {
      if (open && --this.readers === 0) this.forget();
      open = false;
    };
    const iterator: AsyncIterableIterator<SharedResult> = {
      next: async () => {
        try {
          const pause = this.pause();
          if (pause !== null) await pause;
          const step = open ? await source.next() : done;
          if (step.done !== true) return { done: false, value: await this.resultOf(step.value) };
          close();
          return done;
        } catch (error) {
          close();
          throw error;
        }
      },
      return: async () => {
        close();
        await source.return?.();
        return done;
      },
      throw: async (error) => {
        close();
        await source.return?.();
        throw error;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Null when readers may go on now. All who wait go on together, and so find the same. */
  private pause(): Promise<void> | null {
    const rest = this.lastResultAt + this.gatherMs - performance.now();
    if (this.gathering === null && rest > 0) {
      this.gathering = new Promise((resolve) => {
        setTimeout(() => {
          this.gathering = null;
          resolve();
        }, rest);
      });
    }
    return this.gathering;
  }

  private resultOf(value: unknown): SharedResult | Promise<SharedResult> {
    // Only an object tells that it is the very one another reader got.
    if (typeof value !== 'object' || value === null) return this.execute(value);
    const known = this.results.get(value);
    if (known !== undefined) return known;
    const made = this.execute(value);
    this.results.set(value, made);
    this.lastResultAt = performance.now();
    return made;
  }

  private execute(rootValue: unknown): SharedResult | Promise<SharedResult> {
    const result = execute({ ...this.args, rootValue });
    return 'then' in result ? result.then(withText) : withText(result);
  }
}

function withText(result: ExecutionResult): SharedResult {
  let text: string | null = null;
  const shared: SharedResult = {
    ...result,
    stringify: (asked) => (asked === shared ? (text ??= JSON.stringify(result)) : JSON.stringify(asked)),
  };
  return shared;
}

function keyOf({ document, operationName, variableValues }: ExecutionArgs): string {
  return JSON.stringify([textOf(document), operationName ?? null, canonicalJson(variableValues ?? {})]);
}

function textOf(document: DocumentNode): string {
  if (document.loc === undefined) throw new Error('a document without its text');
  return document.loc.source.body;
}

function isIterable(source: AsyncIterable<unknown> | ExecutionResult): source is AsyncIterable<unknown> {
  return Symbol.asyncIterator in source;
}
