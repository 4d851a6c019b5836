import { type Api } from '../api.js';
import { type Fault, faultsAfter } from '../faults.js';
import { type StreamClient, type Transport, openStream } from './stream-client.js';

interface Batch {
  readonly cursor: string;
  readonly gap: {
    readonly firstMissing: number;
    readonly lastMissing: number;
    readonly reason: string;
  } | null;
  readonly events: Fault[];
}

/** How a reader behaves. */
export interface Habits {
  readonly transport: Transport;
  /** What a message of it selects besides number and address; more of it fills buffers sooner. */
  readonly alsoSelects: string;
  /** Called before each message is taken: lets time pass, or tells it to go away. */
  readonly before: (stream: StreamClient) => Promise<'stay' | 'leave'>;
}

/** Connections that may fail to open in a row before a reader gives up. */
const MOST_FAILURES = 20;

/** A subscriber that goes away now and then, comes back with its cursor, and fetches what it was told it missed. */
export class ChaosReader {
  readonly got: Fault[] = [];
  connections = 0;
  private failures = 0;
  gaps = 0;
  refetched = 0;
  private position = 0;
  private current: StreamClient | null = null;

  constructor(
    private readonly api: Api,
    private readonly habits: Habits,
    private cursor: string,
  ) {}

  /** Reads until everything up to the number was given or fetched; the number is asked for whenever a stream ends. */
  async run(upTo: () => number): Promise<void> {
    while (this.position < upTo()) {
      this.connections++;
      const query = `subscription ($after: Cursor) { stream: faults(platform: "Platform:demo", after: $after) {
        cursor gap { firstMissing lastMissing reason } events { sequence address ${this.habits.alsoSelects} } } }`;
      const { transport } = this.habits;
      const stream = await openStream(this.api.url, transport, query, { after: this.cursor }).catch(
        (error: unknown) => {
          // A kept connection may close just when it is used again, and a server gives up a client that has no
          // time to begin; one that is gone fails every time.
          if (++this.failures > MOST_FAILURES) throw error;
          return null;
        },
      );
      if (stream === null) continue;
      this.failures = 0;
      this.current = stream;
      while (this.position < upTo() && (await this.habits.before(stream)) === 'stay') {
        const payload = await stream.next();
        if (payload === null) break;
        if (payload.errors !== undefined) throw new Error(JSON.stringify(payload.errors));
        await this.take(payload.data!.stream as Batch);
      }
      stream.kill();
    }
  }

  /** Cuts its connection. */
  cut(): void {
    this.current?.kill();
  }

  private async take({ gap, events, cursor }: Batch): Promise<void> {
    if (gap !== null) {
      this.gaps++;
      const missed = await faultsAfter(this.api, this.cursor, gap.lastMissing);
      this.refetched += missed.length;
      this.got.push(...missed);
      this.position = gap.lastMissing;
    }
    this.got.push(...events.map(({ sequence, address }) => ({ sequence, address })));
    this.position = Math.max(this.position, events.at(-1)?.sequence ?? 0);
    this.cursor = cursor;
  }
}
