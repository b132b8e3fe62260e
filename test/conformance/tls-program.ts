import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROGRAM = join(import.meta.dirname, 'tls-client.js');
const MAX_MS = 120_000;

type Way = 'tls' | 'websocket' | 'admin' | 'token' | 'admin-token';

/** What the official client, unpatched and in a process of its own, makes of queue `q`. */
export async function run(
  way: Way,
  connection: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ done?: unknown; failed?: string }> {
  const args = ['--enable-source-maps', PROGRAM, way, connection, 'q'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...environment },
    timeout: MAX_MS,
  });
  return JSON.parse(stdout) as { done?: unknown; failed?: string };
}
