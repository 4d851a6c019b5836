import { type ExecutionArgs, type ExecutionResult, createSourceEventStream } from 'graphql';
import type { Mask } from './masked-errors.js';
import { operationKey } from './operation-key.js';
import type { Reader, Sink } from './reader.js';
import { SharedStream } from './shared-stream.js';
import { type Feed, type Source, sourceOf } from './source.js';
import type { StreamSettings } from './stream-settings.js';

/** A subscription that was accepted and has no reader yet. */
export interface OpenedStream {
  /** Begins to send. */
  readonly readInto: (sink: Sink) => Reader;
  /** Lets go of it; nobody will read it. */
  readonly drop: () => void;
}

/** Opens a subscription; what it cannot open it answers. */
export type OpenStream = (args: ExecutionArgs) => Promise<OpenedStream | ExecutionResult>;

/**
 * Lets subscribers of the same operation on the same feed share its execution. An answer may depend on nothing
 * but document, operation name and variables: what resolvers are given besides is the same for everyone here.
 */
export function createStreams(settings: StreamSettings, mask: Mask): OpenStream {
  const byFeed = new WeakMap<Feed, Map<string, SharedStream>>();
  const streamFor = ({ feed }: Source, args: ExecutionArgs): SharedStream => {
    let ofFeed = byFeed.get(feed);
    if (ofFeed === undefined) byFeed.set(feed, (ofFeed = new Map()));
    const streams = ofFeed;
    const key = operationKey(args);
    let stream = streams.get(key);
    if (stream === undefined) {
      stream = new SharedStream(args, settings, mask, () => streams.delete(key));
      streams.set(key, stream);
    }
    return stream;
  };
  return async (args) => {
    const made = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in made)) return made;
    const source = sourceOf(made);
    return {
      readInto: (sink) => streamFor(source, args).join(source, sink),
      drop: () => void source.return(),
    };
  };
}
