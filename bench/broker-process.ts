import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How long the broker may take to start and to stop, in milliseconds. */
const PATIENCE_MS = 20_000;

/** `retrain broker` as a user starts it: a process of its own with a data folder. */
export class BrokerProcess implements AsyncDisposable {
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: { amqpPort: number; connectionString: string }) {
    this.#child = child;
    this.port = ready.amqpPort;
    const part = (name: string): string => new RegExp(`${name}=([^;]+)`).exec(ready.connectionString)?.[1] ?? '';
    this.keyName = part('SharedAccessKeyName');
    this.key = part('SharedAccessKey');
  }

  static async start(options: { dataFolder: string; queues: readonly string[] }): Promise<BrokerProcess> {
    const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.js');
    const queues = options.queues.flatMap((queue) => ['--queue', queue]);
    const args = [
      main,
      'broker',
      '--data',
      options.dataFolder,
      '--amqp-port',
      '0',
      '--http-port',
      '0',
      '--json',
      ...queues,
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const [line] = (await Promise.race([
      once(lines, 'line', { signal }),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the broker ended before it was ready'))),
    ])) as [string];
    return new BrokerProcess(child, JSON.parse(line) as { amqpPort: number; connectionString: string });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await exit;
    clearTimeout(kill);
  }
}
