import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM_FOLDER } from '../engine/run-program';

const CLI = join(PROGRAM_FOLDER, '..', 'dist', 'src', 'cli', 'main.js');
const END_WITH_PARENT = require.resolve('../engine/end-with-parent');
const START_LIMIT_MS = 60_000;
/** A broker that does not end by itself is killed. */
const STOP_LIMIT_MS = 10_000;

/** The line that `retrain broker --json` prints when it is ready. */
interface Ready {
  readonly connectionString: string;
  readonly httpPort: number;
  readonly trustFile: string;
}

/** The broker of this repository, as users start it, on loopback with a certificate of its own; no queue is declared. */
export class LocalBroker implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** Of Azure Resource Manager, which is spoken on the port for HTTP. */
  readonly endpoint: string;
  /** PEM with the authority of its certificate. */
  readonly trustFile: string;
  readonly rootKey: string;

  private constructor(child: ChildProcess, folder: string, { connectionString, httpPort, trustFile }: Ready) {
    this.#child = child;
    this.#folder = folder;
    this.endpoint = `https://127.0.0.1:${httpPort}`;
    this.trustFile = trustFile;
    this.rootKey = /SharedAccessKey=([^;]*)/.exec(connectionString)?.[1] ?? '';
  }

  static async start(): Promise<LocalBroker> {
    const folder = mkdtempSync(join(tmpdir(), 'retrain-infra-'));
    const config = join(folder, 'none.yaml');
    writeFileSync(config, 'queues: []\n');
    const ports = ['--amqp-port', '0', '--http-port', '0'];
    const args = [CLI, 'broker', '--data', join(folder, 'data'), ...ports, '--config', config];
    const child = spawn(process.execPath, ['-r', END_WITH_PARENT, ...args, '--tls', 'self-signed', '--json'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    try {
      return new LocalBroker(child, folder, await readyLine(child));
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
      this.#child.kill('SIGTERM');
      await exited;
      clearTimeout(timer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function readyLine(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`the broker ${reason}: ${printed}`));
    };
    const timer = setTimeout(fail, START_LIMIT_MS, `is not ready after ${START_LIMIT_MS} ms`);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      const end = printed.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(JSON.parse(printed.slice(0, end)) as Ready);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.once('error', ({ message }) => fail(message));
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
}
