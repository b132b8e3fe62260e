import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { withAdmin } from '../../src/cli/admin-client.ts';
import { parseConnection } from '../../src/retraining/connection.ts';
import type { Connection } from '../../src/retraining/connection.ts';

const ATOM = 'http://www.w3.org/2005/Atom';

async function httpServer(t: TestContext, listener: RequestListener): Promise<Connection> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return connectionTo((server.address() as AddressInfo).port);
}

function connectionTo(port: number, more = 'UseDevelopmentEmulator=true'): Connection {
  return parseConnection(`Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0;${more}`);
}

/** Answers every request with an error as the service gives it. */
function refusing(t: TestContext, status: number, detail: string): Promise<Connection> {
  const text = `<Error><Code>${status}</Code><Detail>${detail}</Detail></Error>`;
  return httpServer(t, (_, response) => response.writeHead(status, { 'content-type': 'application/xml' }).end(text));
}

test('without TLS the admin client speaks HTTP to the port of the connection string, with a token', async (t) => {
  const seen: IncomingMessage[] = [];
  const connection = await httpServer(t, (request, response) => {
    seen.push(request);
    response.writeHead(200, { 'content-type': 'application/atom+xml' }).end(`<feed xmlns="${ATOM}"/>`);
  });
  const found = await withAdmin(connection, (admin) => admin.listQueues().next());
  assert.equal(found.done, true);
  assert.equal(seen.length, 1);
  assert.match(seen[0]?.url ?? '', /^\/\$Resources\/Queues\?.*api-version=20\d\d-\d\d/);
  assert.match(seen[0]?.headers.authorization ?? '', /^SharedAccessSignature sig=.*&skn=root&/);
});

test('what the service refuses is told with the entity, its words and the remedy', async (t) => {
  const cases = [
    [401, 'no', 'UNAUTHORIZED', /refuses the key "root" for "orders".*right to manage/],
    [404, 'no', 'ENTITY_NOT_FOUND', /"orders" does not exist at 127\.0\.0\.1:\d+: create it/],
    [
      409,
      'SubCode=40900. Conflict. To know more visit https://aka.ms/x.',
      'BROKER_REFUSED',
      /"orders" exists already.*another name/,
    ],
    [
      400,
      "SubCode=40000. The value 'x' is bad. TrackingId:1_2, Timestamp:3",
      'BROKER_REFUSED',
      /refuses "orders": The value 'x' is bad\.$/,
    ],
    [403, 'The maximum of 10 queues is reached.', 'BROKER_REFUSED', /no room for "orders": The maximum of 10 queues/],
    [403, 'SubCode=40301. Not now.', 'BROKER_REFUSED', /refuses to change "orders"/],
  ] as const;
  for (const [status, detail, code, message] of cases) {
    const connection = await refusing(t, status, detail);
    await assert.rejects(
      withAdmin(connection, (admin) => admin.createQueue('orders')),
      { code, message },
    );
  }
});

test('nobody there, and somebody else there, are told apart from a refusal', async (t) => {
  const list = (connection: Connection): Promise<unknown> =>
    withAdmin(connection, (admin) => admin.listQueues().next());
  await assert.rejects(list(connectionTo(1)), {
    code: 'UNREACHABLE',
    message: /nobody answers the admin API at 127\.0\.0\.1:1 .*check that the broker runs/,
  });
  const other = await httpServer(t, (_, response) => response.end('{"hello": 1}'));
  await assert.rejects(list(other), {
    code: 'UNREACHABLE',
    message: /does not answer as the admin API \(HTTP 200, .*check that host and port/,
  });
  await assert.rejects(list(connectionTo(1, '')), { code: 'UNREACHABLE' }, 'with TLS');
});
