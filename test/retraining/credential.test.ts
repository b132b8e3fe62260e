import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { credentialConnection, RetrainError } from 'retrain';
import { Fixture } from '../conformance/fixture.ts';

const PROGRAM = join(import.meta.dirname, 'credential-program.js');

async function send(host: string, environment: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', PROGRAM, host, 'q'], {
    env: { PATH: process.env['PATH'], ...environment },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Record<string, string>;
}

test('a producer with a token instead of a key sends its requests', async (context) => {
  const options = { tls: { kind: 'self-signed' }, auth: 'none' } as const;
  const { server } = await Fixture.start(context, [{ name: 'q' }], options);
  const { environment } = server.connect.javascript;
  const { id } = await send(`localhost:${server.amqpPort}`, environment);
  assert.match(id ?? '', /^[\w-]+$/);
  assert.equal(server.admin.queues.get('q')?.counts.active, 1);
});

test('who is not signed in is told so, and what to do', async (context) => {
  const options = { tls: { kind: 'self-signed' }, auth: 'none' } as const;
  const { server } = await Fixture.start(context, [{ name: 'q' }], options);
  const { environment } = server.connect.javascript;
  const failed = await send(`localhost:${server.amqpPort}`, { ...environment, NO_TOKEN: '1' });
  assert.equal(failed['code'], 'UNAUTHORIZED');
  assert.match(failed['message'] ?? '', /no token for localhost:\d+ \(no account is signed in\): run az login/);
});

test('a namespace is named by its host', () => {
  const credential = { getToken: () => Promise.resolve(null) };
  for (const name of ['sb://contoso.servicebus.windows.net', 'contoso.servicebus.windows.net/', '', 'a b'])
    assert.throws(
      () => credentialConnection(name, credential),
      (error) => error instanceof RetrainError && error.code === 'CONFIGURATION_INVALID',
      name,
    );
  assert.equal(
    credentialConnection('contoso.servicebus.windows.net', credential).host,
    'contoso.servicebus.windows.net',
  );
});
