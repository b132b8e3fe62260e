import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// The real MLflow tracking server, from its Python package, with a database and artifacts in a folder of its own.

/** Python takes its time, the first time above all. */
const START_MS = 120_000;

export interface MlflowServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param args further flags of `mlflow server` */
export async function startMlflow(
  folder: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<MlflowServer> {
  const port = await freePort();
  const program = process.env['MLFLOW'] ?? 'mlflow';
  const child = spawn(
    program,
    [
      'server',
      `--backend-store-uri=sqlite:///${join(folder, 'mlflow.sqlite')}`,
      `--artifacts-destination=${join(folder, 'artifacts')}`,
      '--host=127.0.0.1',
      `--port=${port}`,
      '--workers=1',
      ...args,
    ],
    // A group of its own, so that what it starts ends with it.
    { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said = `${program} cannot be started (${error.message}): python3 -m venv v && v/bin/pip install mlflow, then MLFLOW=v/bin/mlflow npm run test:mlflow`;
      resolve();
    });
    child.once('exit', () => resolve());
  });
  let isEnded = false;
  void ended.then(() => (isEnded = true));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (!isEnded && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await ended;
  };
  for (const limit = Date.now() + START_MS; ; await delay(200)) {
    if (isEnded) assert.fail(said);
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return { url, stop };
    if (Date.now() < limit) continue;
    await stop();
    assert.fail(`MLflow did not answer within ${START_MS / 1000} s:\n${said}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
