import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { built } from '../built.js';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built program, run as a user runs it. */
export class ServerProcess {
  private stdout = '';
  private stderr = '';
  private readonly exit: Promise<Exit>;
  readonly child: ChildProcess;

  /** @param nodeArgs what Node itself is told; its channel to this process is for what they preload */
  constructor(args: readonly string[], nodeArgs: readonly string[] = []) {
    this.child = spawn(process.execPath, ['--enable-source-maps', ...nodeArgs, built('main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe', ...(nodeArgs.length > 0 ? (['ipc'] as const) : [])],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** The address it prints when it serves; rejects when it ends instead. */
  async url(): Promise<string> {
    const lines = createInterface({ input: this.child.stdout! });
    const line = (async () => {
      for await (const text of lines) {
        const [url] = /http:\/\/\S+/.exec(text) ?? [];
        if (url !== undefined) return url;
      }
      throw new Error(`ended: ${JSON.stringify(await this.exit)}`);
    })();
    return line;
  }

  /** Sends a message to what was preloaded, and waits for the answer. */
  async ask(message: string): Promise<unknown> {
    const answered = once(this.child, 'message');
    this.child.send(message);
    const [answer] = (await answered) as unknown[];
    return answer;
  }

  exited(): Promise<Exit> {
    return this.exit;
  }

  kill(signal: NodeJS.Signals): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}

/** Runs the program to its end. */
export function runProgram(...args: string[]): Promise<Exit> {
  return new ServerProcess(args).exited();
}
