import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceBusError } from '@azure/service-bus';
import { RetrainError } from '../../src/errors.ts';
import { closeClient, createClient, parseConnection, toRetrainError } from '../../src/retraining/connection.ts';
import { FakeClock } from '../fake-clock.ts';

const secret = 'c2VjcmV0LXNlY3JldA==';
const good = `Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=${secret}`;

test('a connection string of the cloud and one of the embedded broker are read alike', () => {
  const cloud = parseConnection(`${good};EntityPath=q`);
  assert.deepEqual([cloud.host, cloud.keyName, cloud.entityPath], ['ns.servicebus.windows.net', 'root', 'q']);
  const local = `Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=root;SharedAccessKey=${secret};UseDevelopmentEmulator=true`;
  assert.equal(parseConnection(local).host, '127.0.0.1:5672');
  const signed = parseConnection('Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=h&sig=s&se=1&skn=k');
  assert.equal(signed.keyName, undefined);
});

test('a connection string that cannot be used is told by the part that is wrong, and never shows the key', () => {
  const cases: [string, RegExp][] = [
    ['', /is empty/],
    ['hello', /has a part without "=" \(part 1 of 1\)/],
    [`Endpoint=sb://h/;${secret.replaceAll('=', '')}`, /part 2 of 2/],
    [`SharedAccessKeyName=a;SharedAccessKey=${secret}`, /has no Endpoint/],
    [`Endpoint=sb://h/;SharedAccessKey=${secret}`, /has no SharedAccessKeyName/],
    ['Endpoint=sb://h/;SharedAccessKeyName=a', /has no SharedAccessKey:/],
    [
      `Endpoint=https://h/;SharedAccessKeyName=a;SharedAccessKey=${secret}`,
      /Endpoint "https:\/\/h\/", which does not begin with sb/,
    ],
    [`Endpoint=sb://;SharedAccessKeyName=a;SharedAccessKey=${secret}`, /Endpoint "sb:\/\/"/],
    [`${good};SharedAccessSignature=x`, /is malformed/],
  ];
  for (const [text, message] of cases) {
    let told: Error | undefined;
    try {
      parseConnection(text);
    } catch (error) {
      told = error as Error;
    }
    assert.ok(told instanceof RetrainError && told.code === 'CONNECTION_STRING_INVALID', text);
    assert.match(told.message, message);
    assert.ok(!told.message.includes(secret.slice(0, 8)) && !told.message.includes('\n'));
    assert.match(told.message, /use Endpoint=sb:/);
  }
});

test("the official client's errors become ours by their code, each with a remedy on one line", () => {
  const target = { host: 'h', entity: 'q', keyName: 'k' };
  const cases = [
    ['MessagingEntityNotFound', 'ENTITY_NOT_FOUND', /^"q" does not exist at h: create it/],
    ['UnauthorizedAccess', 'UNAUTHORIZED', /h refuses the key "k" for "q": check SharedAccessKey/],
    ['MessageSizeExceeded', 'MESSAGE_TOO_LARGE', /limit of "q"/],
    ['QuotaExceeded', 'DISK_FULL', /takes no further messages/],
    ['SessionLockLost', 'LOCK_LOST', /session lock/],
    ['SessionCannotBeLocked', 'LOCK_LOST', /another worker/],
    ['ServiceTimeout', 'UNREACHABLE', /does not answer in time/],
    ['ServiceBusy', 'UNREACHABLE', /too busy/],
    ['GeneralError', 'UNREACHABLE', /h failed \(GeneralError: boom\)|h failed \(boom\)/],
  ] as const;
  for (const [code, ours, message] of cases) {
    const error = toRetrainError(new ServiceBusError('boom\nstack', code), target);
    assert.ok(error instanceof RetrainError);
    assert.equal(error.code, ours);
    assert.match(error.message, message);
    assert.ok(!error.message.includes('\n'));
    const many = new AggregateError([new Error('first'), new ServiceBusError('boom', code)]);
    assert.equal((toRetrainError(many, target) as RetrainError).code, ours);
  }
  // What the client raises when a connection is cut while it is being opened.
  assert.equal((toRetrainError(new Error('Failed to connect'), target) as RetrainError).code, 'UNREACHABLE');
  const mistake = new TypeError('bug');
  assert.equal(toRetrainError(mistake, target), mistake);
  const mine = new RetrainError('REQUEST_INVALID', 'x');
  assert.equal(toRetrainError(mine, target), mine);
});

test('a port on which nobody listens is reported at once', async () => {
  const client = createClient(
    parseConnection(
      `Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=${secret};UseDevelopmentEmulator=true`,
    ),
  );
  const sent = client.createSender('q').sendMessages({ body: 1 });
  await assert.rejects(sent, (cause) => {
    const error = toRetrainError(cause, { host: '127.0.0.1:1', entity: 'q' });
    assert.match(error.message, /^nobody answers at 127\.0\.0\.1:1 \(.*ECONNREFUSED.*\): check that the broker runs/);
    return (error as RetrainError).code === 'UNREACHABLE';
  });
  await client.close();
});

test('closing does not wait for a peer that never answers', async () => {
  const clock = new FakeClock();
  const closed = closeClient({ close: () => new Promise(() => undefined) }, { clock, withinMs: 100 });
  clock.advance(100);
  await closed;
  const broken = closeClient({ close: () => Promise.reject(new Error('gone')) }, { clock });
  await broken;
  assert.equal(clock.nextDueMs(), undefined);
});
