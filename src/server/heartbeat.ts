import type { WebSocket } from 'ws';

/** How long a connection has to answer a ping before it is cut; as long passes before the first. */
export const PING_MS = 12_000;
/** Parts of that, each with connections of its own: thousands of pings in one go would hold up everybody else. */
const BEATS = 12;

/** Finds connections whose other end is gone without a word, by pings that are not answered. */
export class Heartbeat {
  private readonly beats = Array.from({ length: BEATS }, () => new Set<WebSocket>());
  private readonly unanswered = new WeakSet<WebSocket>();
  /** One for all, who are thousands. */
  private readonly answered: (this: WebSocket) => void;
  private timer: NodeJS.Timeout | null = null;
  private last = 0;

  constructor() {
    const { unanswered } = this;
    this.answered = function () {
      unanswered.delete(this);
    };
  }

  /** Looks after a connection until it is closed. */
  add(socket: WebSocket): void {
    socket.on('pong', this.answered);
    this.beats[this.last].add(socket);
    this.timer ??= setInterval(() => this.beat(), PING_MS / BEATS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private beat(): void {
    this.last = (this.last + 1) % BEATS;
    const sockets = this.beats[this.last];
    for (const socket of sockets) {
      if (socket.readyState !== socket.OPEN) sockets.delete(socket);
      else if (this.unanswered.has(socket)) socket.terminate();
      else {
        this.unanswered.add(socket);
        socket.ping();
      }
    }
  }
}
