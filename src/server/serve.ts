import type { Logger } from 'pino';
import { buildSchema } from '../graphql/schema.js';
import type { Sync } from '../log/lmdb-log.js';
import { openMemoryLog } from '../log/memory-log.js';
import type { CommandLog } from '../log/port.js';
import { ensureDemo } from '../platform/create.js';
import { PlatformHost } from '../platform/host.js';
import { programIn } from '../platform/program.js';
import type { SnapshotSettings } from '../platform/snapshots.js';
import { createServer } from './graph-server.js';
import { readGraphiqlTabs } from './graphiql-tabs.js';
import type { StreamSettings } from './stream-settings.js';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  readonly log: 'memory' | 'lmdb';
  /** Where the lmdb log is kept. */
  readonly dataDirectory: string;
  /** When the lmdb log calls a command durable. */
  readonly sync: Sync;
  /** Where the operation documents are that GraphiQL opens with. */
  readonly operationsDirectory: string;
  /** Where the scripts of this program are: snapshots of platforms are used by the program that made them. */
  readonly programDirectory: string;
  readonly logger: Logger;
  /** Events each platform keeps for streams that resume, and for lists; a million when left out. */
  readonly keptEvents?: number;
  /** How streams are carried. */
  readonly streams?: Partial<StreamSettings>;
  /** Told when the log cannot say any more what it holds; the process should then end. */
  readonly logLost: (reason: Error) => void;
}

/** A server at work. */
export interface Running {
  /** Where it is reached. */
  readonly url: string;
  /** The platforms it serves. */
  readonly host: PlatformHost;
  /** Ends streams, finishes what was accepted, closes the log. */
  stop(): Promise<void>;
}

/**
 * Opens the log, takes the port, reads the platforms back, boots `demo` when there is none, and serves.
 * Rejects, holding nothing, when one of these cannot be done.
 */
export async function serve(options: ServeOptions): Promise<Running> {
  const { logger } = options;
  let host: PlatformHost | null = null;
  const schema = buildSchema();
  const log = await openLog(options);
  const server = createServer({
    schema,
    context: () => ({ host }),
    logger,
    graphiqlTabs: readGraphiqlTabs(options.operationsDirectory),
    ...(options.streams && { streams: options.streams }),
  });
  try {
    // The port first: reading a long log back for nothing helps nobody.
    const { port } = await server.listen(options.host, options.port);
    const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/graphql`;
    // A memory log has nobody to read its snapshots.
    const snapshots = options.log === 'memory' ? null : snapshotsBy(options);
    const opened = await PlatformHost.open(log, Date.now, options.keptEvents, snapshots);
    host = opened;
    await ensureDemo(opened);
    server.serve();
    logger.info({ url, platforms: opened.platforms().length }, 'serving');
    return {
      url,
      host: opened,
      stop: async () => {
        await server.stop();
        await opened.close();
      },
    };
  } catch (error) {
    await server.stop();
    await log.close();
    throw error;
  }
}

async function openLog({ log, dataDirectory, sync, logLost }: ServeOptions): Promise<CommandLog> {
  if (log === 'memory') return openMemoryLog();
  // Only now: the native library takes memory that a log in memory has no use for.
  const { openLmdbLog } = await import('../log/lmdb-log.js');
  return openLmdbLog(dataDirectory, { sync, lost: logLost });
}

function snapshotsBy({ programDirectory, logger }: ServeOptions): SnapshotSettings {
  return { program: programIn(programDirectory), warn: (message) => logger.warn(message) };
}
