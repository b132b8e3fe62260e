import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { BrokerAddress } from './socket-connection.ts';

/** How long the broker may take to start and to stop, in milliseconds. */
const PATIENCE_MS = 60_000;

/** `retrain broker` as a user starts it: a process of its own with a data folder. */
export class BrokerProcess implements AsyncDisposable {
  readonly address: BrokerAddress;
  /** For the official client. */
  readonly connection: string;
  /** When the process was started, by `performance.now`. */
  readonly startedAt: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, startedAt: number, ready: { amqpPort: number; connectionString: string }) {
    const part = (name: string): string => new RegExp(`${name}=([^;]+)`).exec(ready.connectionString)?.[1] ?? '';
    this.address = { port: ready.amqpPort, keyName: part('SharedAccessKeyName'), key: part('SharedAccessKey') };
    this.connection = ready.connectionString;
    this.startedAt = startedAt;
    this.#child = child;
  }

  static async start(options: {
    dataFolder: string;
    queues?: readonly string[];
    /** File that declares entities. */
    config?: string;
  }): Promise<BrokerProcess> {
    const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.js');
    const ports = ['--amqp-port', '0', '--http-port', '0'];
    const queues = (options.queues ?? []).flatMap((queue) => ['--queue', queue]);
    const config = options.config === undefined ? [] : ['--config', options.config];
    const args = [main, 'broker', '--data', options.dataFolder, ...ports, '--json', ...queues, ...config];
    const startedAt = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const [line] = (await Promise.race([
      once(lines, 'line', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the broker ended before it was ready'))),
    ])) as [string];
    return new BrokerProcess(child, startedAt, JSON.parse(line) as { amqpPort: number; connectionString: string });
  }

  /** Resident memory in bytes. */
  async rssBytes(): Promise<number> {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(this.#child.pid)]);
    return Number(stdout) * 1024;
  }

  /** Ends the process as `kill -9` does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await exit;
    clearTimeout(kill);
  }
}
