import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture } from './fixture.ts';
import { run } from './tls-program.ts';

const SELF_SIGNED = { tls: { kind: 'self-signed' } } as const;

describe('TLS', { concurrency: AT_A_TIME }, () => {
  test('the official client exchanges messages in TLS, with what the broker says it must be given', async (context) => {
    const { server, faults } = await Fixture.start(context, [{ name: 'q' }], SELF_SIGNED);
    const { data, environment } = server.connect.javascript;
    assert.deepEqual(await run('tls', data.connectionString, environment), { done: 20 });
    assert.deepEqual(faults, []);
  });

  test('the same over WebSockets in TLS, on either port', async (context) => {
    const { server } = await Fixture.start(context, [{ name: 'q' }], SELF_SIGNED);
    const { data, environment } = server.connect.javascript;
    for (const port of [server.amqpPort, server.httpPort]) {
      const connectionString = data.connectionString.replace(/:\d+;/, `:${port};`);
      assert.deepEqual(await run('websocket', connectionString, environment), { done: 20 });
    }
  });

  test('the official admin client asks over HTTPS, on the same port', async (context) => {
    const { server } = await Fixture.start(context, [{ name: 'q' }], SELF_SIGNED);
    const { admin, environment } = server.connect.javascript;
    assert.deepEqual(await run('admin', admin.connectionString, environment), { done: true });
  });

  test('a credential whose tokens only Entra ID could verify is let in with auth none', async (context) => {
    const { server } = await Fixture.start(context, [{ name: 'q' }], { ...SELF_SIGNED, auth: 'none' });
    const { environment } = server.connect.javascript;
    assert.deepEqual(await run('token', `localhost:${server.amqpPort}`, environment), { done: 20 });
    assert.deepEqual(await run('admin-token', `localhost:${server.amqpPort}`, environment), { done: true });
  });

  test('such a credential is refused with access keys, with the reason', async (context) => {
    const { server } = await Fixture.start(context, [{ name: 'q' }], SELF_SIGNED);
    const { environment } = server.connect.javascript;
    const { failed } = await run('token', `localhost:${server.amqpPort}`, environment);
    assert.match(failed ?? '', /UnauthorizedAccess.*cannot be verified here.*--auth none/);
  });

  test('a client that was not told to trust the authority does not connect', async (context) => {
    const { server } = await Fixture.start(context, [{ name: 'q' }], SELF_SIGNED);
    const { failed } = await run('tls', server.connect.javascript.data.connectionString);
    assert.match(failed ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify the first certificate/);
  });
});
