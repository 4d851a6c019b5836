import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { printSdl } from '../graphql/schema.js';
import type { Sync } from '../log/lmdb-log.js';
import { LogError } from '../log/log-error.js';
import { type Running, serve } from './serve.js';
import { DEFAULT_STREAMS } from './stream-settings.js';

/** Largest number a flag takes: the longest timer there is, and more events and bytes than memory holds. */
const MOST = 2 ** 31 - 1;

/** A stop that takes longer than this is cut short. */
const STOP_MS = 4500;

interface ServeFlags {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly log: 'memory' | 'lmdb';
  readonly sync: Sync;
  readonly keepEvents: number;
  readonly streamWindow: number;
  readonly streamBuffer: number;
  readonly streamLag: number;
}

/**
 * The program: flags in, server up. Wrong flags, and a start that fails, end it with one line on stderr.
 *
 * @param operationsDirectory where the operation documents are that GraphiQL opens with
 * @param programDirectory where the scripts of the program are
 */
export function commandLine(operationsDirectory: string, programDirectory: string): Command {
  const program = new Command('iommu-graph')
    .description(
      'GraphQL over a simulator of Intel VT-d and Scalable IOV, run by the rules of the Linux kernel',
    )
    .showSuggestionAfterError(false);
  program
    .command('serve')
    .description('serve the API and GraphiQL; boots the platform "demo" when there is none')
    .addOption(
      new Option('--port <number>', 'port to listen on; 0 takes a free one')
        .default(4000)
        .argParser(portNumber),
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--data-dir <directory>', 'where the command log is kept', './data')
    .addOption(
      new Option('--log <kind>', 'how the command log is kept').choices(['memory', 'lmdb']).default('lmdb'),
    )
    .addOption(
      new Option(
        '--sync <kind>',
        'what the lmdb log does before a command is acknowledged: full outlives a power cut; relaxed saves the wait for the disk, outlives the process, and a power cut may take back the last commits, whose revisions and event numbers are then given anew',
      )
        .choices(['full', 'relaxed'])
        .default('full'),
    )
    .addOption(numberOption('--keep-events <number>', 'events each platform keeps for reading', 1_000_000, 1))
    .addOption(
      numberOption(
        '--stream-window <milliseconds>',
        'a stream in a storm gathers events for this long; 0 sends each at once',
        DEFAULT_STREAMS.gatherMs,
      ),
    )
    .addOption(
      numberOption(
        '--stream-buffer <bytes>',
        'bytes a connection may have waiting before its streams pause',
        DEFAULT_STREAMS.bufferBytes,
      ),
    )
    .addOption(
      numberOption(
        '--stream-lag <events>',
        'events a paused stream may fall behind before it skips to the newest and is told of the gap',
        DEFAULT_STREAMS.lagEvents,
      ),
    )
    .action((flags: ServeFlags) => runServer(flags, operationsDirectory, programDirectory));
  program
    .command('schema')
    .description('print the schema, sorted, as SDL')
    .action(() => void process.stdout.write(printSdl()));
  return program;
}

async function runServer(
  flags: ServeFlags,
  operationsDirectory: string,
  programDirectory: string,
): Promise<void> {
  const { port, host, dataDir, log, sync } = flags;
  // Logs go to stderr as they are written, so that the last line before an end is not lost.
  const logger = pino({ base: null }, pino.destination({ fd: 2, sync: true }));
  let running: Running | null = null;
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Before it serves there is nothing to finish, and a second signal means now.
      if (running === null || stopping) process.exit(running === null ? 0 : 1);
      stopping = true;
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error('stopping took too long');
        process.exit(1);
      }, STOP_MS).unref();
      running.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
    });
  }
  // What was acknowledged is there after a restart, and only that tells what else is.
  const logLost = (reason: Error) => {
    logger.fatal({ err: reason }, 'the command log is lost; ending');
    process.exit(1);
  };
  try {
    running = await serve({
      host,
      port,
      log,
      sync,
      dataDirectory: dataDir,
      operationsDirectory,
      programDirectory,
      keptEvents: flags.keepEvents,
      streams: {
        gatherMs: flags.streamWindow,
        bufferBytes: flags.streamBuffer,
        lagEvents: flags.streamLag,
      },
      logger,
      logLost,
    });
    process.stdout.write(`iommu-graph serves ${running.url}\n`);
  } catch (error) {
    process.stderr.write(`error: ${startFailure(error, host, port)}\n`);
    process.exit(1);
  }
}

function startFailure(error: unknown, host: string, port: number): string {
  if (error instanceof LogError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use.`;
    case 'EACCES':
      return `Port ${port} on ${host} may not be listened to by this user.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is not an address of this machine.`;
    default:
      return `The server could not start: ${message}`;
  }
}

/** A flag that takes a whole number. */
function numberOption(flags: string, description: string, standard: number, least = 0): Option {
  return new Option(flags, description).default(standard).argParser((text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > MOST)
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${MOST}.`);
    return number;
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
