import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { AT_A_TIME, Fixture } from './fixture.ts';

const PROGRAM = join(import.meta.dirname, 'admin-tour.js');
const MAX_MS = 120_000;

/** What a published admin client, in a process of its own, makes of the whole API. */
async function tour(
  clientPackage: string,
  connectionString: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ namespace?: string; failed?: string }> {
  const args = ['--enable-source-maps', PROGRAM, clientPackage, connectionString];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...environment },
    timeout: MAX_MS,
  });
  return JSON.parse(stdout) as { namespace?: string; failed?: string };
}

describe('published admin clients, with what the broker says they must be given', { concurrency: AT_A_TIME }, () => {
  test('the current one over HTTPS, on either port', async (context) => {
    const { server, faults } = await Fixture.start(context, [], { tls: { kind: 'self-signed' } });
    const { admin, environment } = server.connect.javascript;
    assert.deepEqual(await tour('@azure/service-bus', admin.connectionString, environment), { namespace: 'retrain' });
    await server.admin.queues.delete('to');
    const other = admin.connectionString.replace(/:\d+;/, `:${server.httpPort};`);
    assert.deepEqual(await tour('@azure/service-bus', other, environment), { namespace: 'retrain' });
    assert.deepEqual(faults, []);
  });

  test('the next one over HTTP, which UseDevelopmentEmulator makes it speak', async (context) => {
    const { server } = await Fixture.start(context, []);
    const { admin } = server.connect['javascript-7.10'];
    assert.match(admin.connectionString, /UseDevelopmentEmulator=true/);
    const { failed } = await tour('service-bus-beta', admin.connectionString);
    assert.equal(failed, undefined);
  });
});
