import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { Heartbeat } from '../../src/server/heartbeat.js';

/** As much of a connection as is asked after; what it does with a ping is for the test to say. */
class Peer extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  pings = 0;

  constructor(private readonly answers: boolean) {
    super();
  }

  ping(): void {
    this.pings++;
    if (this.answers) this.emit('pong', Buffer.alloc(0));
  }

  terminate(): void {
    this.readyState = 3;
  }
}

let heartbeat: Heartbeat;
beforeEach(() => {
  jest.useFakeTimers();
  heartbeat = new Heartbeat();
});
afterEach(() => {
  heartbeat.stop();
  jest.useRealTimers();
});

function add(answers: boolean): Peer {
  const peer = new Peer(answers);
  heartbeat.add(peer as unknown as WebSocket);
  return peer;
}

// 12 s, as graphql-ws's own adapter to ws has it.
describe('the heartbeat of connections', () => {
  it('asks each once in 12 s', () => {
    const peer = add(true);
    jest.advanceTimersByTime(11_999);
    expect(peer.pings).toBe(0);
    jest.advanceTimersByTime(1);
    expect(peer.pings).toBe(1);
    jest.advanceTimersByTime(36_000);
    expect(peer.pings).toBe(4);
    expect(peer.readyState).toBe(1);
  });

  it('cuts one that has not answered 12 s later, and leaves the others', () => {
    const [dead, alive] = [add(false), add(true)];
    jest.advanceTimersByTime(23_999);
    expect(dead.readyState).toBe(1);
    jest.advanceTimersByTime(1);
    expect(dead.readyState).toBe(3);
    jest.advanceTimersByTime(48_000);
    expect(dead.pings).toBe(1);
    expect(alive.readyState).toBe(1);
  });

  it('asks those that came at different times at different times', () => {
    const first = add(true);
    jest.advanceTimersByTime(5_000);
    const second = add(true);
    jest.advanceTimersByTime(7_000);
    expect([first.pings, second.pings]).toEqual([1, 0]);
    jest.advanceTimersByTime(5_000);
    expect([first.pings, second.pings]).toEqual([1, 1]);
  });

  it('leaves one that is closed alone, and nothing is left to do once it is stopped', () => {
    const peer = add(true);
    peer.readyState = 3;
    jest.advanceTimersByTime(24_000);
    expect(peer.pings).toBe(0);
    heartbeat.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
