import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const METER = new URL('cpu-meter.mjs', import.meta.url).href;
const START_MS = 20_000;
const ANSWER_MS = 120_000;
const STOP_MS = 5_000;

/** Flags of Node that `npm start` gives the program, and so whoever runs it here. */
const START_FLAGS = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  .scripts.start.split(' ')
  .filter((word) => word.startsWith('--'));

/** A child of the benchmark that answers one message at a time. */
class Child {
  #process;
  /** Rejects when the process ends. */
  #ended;
  #answer = () => undefined;
  #errors = '';

  constructor(script, args, execArgv) {
    const child = spawn(process.execPath, [...execArgv, fileURLToPath(script), ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.#process = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`process ${child.pid} ended with ${code ?? signal}\n${this.#errors}`);
    });
    this.#ended.catch(() => undefined);
    child.on('message', (message) => this.#answer(message));
    // Only of interest when the process ends before its time.
    child.stderr.on('data', (text) => (this.#errors = (this.#errors + text).slice(-4096)));
  }

  /** Sends a message and waits for the answer to it. */
  async ask(message) {
    const answered = new Promise((resolve) => (this.#answer = resolve));
    this.#process.send(message);
    const answer = await this.#within(ANSWER_MS, 'answer', answered);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** The address on the first line on stdout that tells one. */
  address() {
    const found = new Promise((resolve) => {
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        const match = / serves (\S+)$/.exec(line);
        if (match) resolve(match[1]);
      });
    });
    return this.#within(START_MS, 'serve', found);
  }

  async stop() {
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    this.#process.kill('SIGTERM');
    await this.#ended.catch(() => undefined);
    clearTimeout(timer);
  }

  async #within(milliseconds, what, promise) {
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`process ${this.#process.pid} did not ${what} in ${milliseconds} ms`));
      }, milliseconds);
    });
    try {
      return await Promise.race([promise, late, this.#ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A server under test, with a meter for its CPU time. */
export class Server {
  #child;

  constructor(child, url) {
    this.#child = child;
    this.url = url;
  }

  /**
   * @param script what to run: the built program, or a counterpart of this folder
   * @param flags of Node
   */
  static async start(script, args = [], flags = []) {
    const child = new Child(script, args, [...flags, '--import', METER]);
    try {
      return new Server(child, await child.address());
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** The program as users start it, with its log in memory. */
  static startReal() {
    const args = ['serve', '--port', '0', '--log', 'memory'];
    return Server.start(new URL('../dist/main.js', import.meta.url), args, START_FLAGS);
  }

  /** Microseconds of CPU, user and system, that the server used while `work` went on. */
  async cpuDuring(work) {
    const before = await this.#cpu();
    const result = await work();
    return { microseconds: (await this.#cpu()) - before, result };
  }

  async #cpu() {
    const { cpu } = await this.#child.ask('cpu');
    return cpu.user + cpu.system;
  }

  /** A counterpart of this folder by name; the one named as the program is the program. */
  static startPeer(name, argument) {
    const flags = name === 'iommu-graph' ? START_FLAGS : [];
    return Server.start(new URL(`peers/${name}.mjs`, import.meta.url), [argument], flags);
  }

  /** Has it make events inside its own process; tells when each was made. See peers/paced.mjs. */
  make(first, count, rate) {
    return this.#child.ask({ make: { first, count, rate } });
  }

  /** Bytes of memory that are resident. */
  async residentBytes() {
    return (await this.#child.ask('cpu')).resident;
  }

  /** Runs a GraphQL operation; anything but data throws. */
  async graphql(query, variables = {}) {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  }

  stop() {
    return this.#child.stop();
  }
}

/** A process that makes load; what it costs itself is not measured. */
export class Load {
  #child;

  constructor(script) {
    this.#child = new Child(script, [], []);
  }

  run(work) {
    return this.#child.ask(work);
  }

  stop() {
    return this.#child.stop();
  }
}
