import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const START_LIMIT_MS = 30_000;

/** `retrain broker` as a process of its own. */
export class BrokerChild implements AsyncDisposable {
  readonly connectionString: string;
  readonly amqpPort: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(options: {
    child: ChildProcess;
    ended: Promise<unknown>;
    ready: { connectionString: string; amqpPort: number };
  }) {
    this.#child = options.child;
    this.#ended = options.ended;
    this.connectionString = options.ready.connectionString;
    this.amqpPort = options.ready.amqpPort;
  }

  /** Resolves when the broker can be reached. Port 0 picks a free one. */
  static async start(options: { dataFolder: string; amqpPort: number; queue: string }): Promise<BrokerChild> {
    const { dataFolder, amqpPort, queue } = options;
    const args = [
      'broker',
      '--data',
      dataFolder,
      '--amqp-port',
      `${amqpPort}`,
      '--http-port',
      '0',
      '--json',
      '--queue',
      queue,
    ];
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    const ended = once(child, 'exit');
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const line = await Promise.race([
      once(createInterface(child.stdout), 'line', { signal: limit }),
      ended.then(() => undefined),
    ]);
    if (!line) throw new Error(`the broker ended before it was ready: ${Buffer.concat(said).toString()}`);
    const ready = JSON.parse(line[0] as string) as { connectionString: string; amqpPort: number };
    return new BrokerChild({ child, ended, ready });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ends the process without a chance to do anything about it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
