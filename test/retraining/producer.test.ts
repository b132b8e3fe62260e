import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceBusError } from '@azure/service-bus';
import { RetrainError } from '../../src/errors.ts';
import { readModelEvent, readRequest } from '../../src/retraining/envelope.ts';
import { endOfGathering } from '../../src/retraining/gather-window.ts';
import { SEND_TRIES_MAX } from '../../src/retraining/message-sender.ts';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import type { RetrainRequestInput } from '../../src/retraining/request.ts';
import { startServer } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import { received } from './received-message.ts';
import { FakeSender, input, producing, refused } from './sender-double.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { closed, testClient } from './test-client.ts';

test('a request is sent with an id from its evidence, and the same occasion told twice has the same MessageId', async () => {
  const { sender, producer } = producing();
  const first = await producer.request(input);
  const second = await producer.request({ ...input, trigger: { ...input.trigger, observed: 9 } });
  assert.match(first.id, /^[0-9a-f]{32}$/);
  assert.deepEqual(first, { id: first.id, messageId: first.id });
  assert.equal(second.messageId, first.messageId);
  const read = readRequest(received(sender.sent[0] ?? {}));
  assert.ok(read.kind === 'valid');
  assert.deepEqual([read.event.id, read.event.source, read.event.subject], [first.id, '/monitor', 'births/us']);
});

test('what is not valid or too large is refused before anything is sent or kept', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  const broken = { model: { name: 'm' } } as unknown as RetrainRequestInput;
  await assert.rejects(producer.request(broken), { code: 'REQUEST_INVALID', message: /trigger is missing/ });
  await assert.rejects(producer.request(undefined as unknown as RetrainRequestInput), { code: 'REQUEST_INVALID' });
  await assert.rejects(producer.request({ ...input, parameters: { a: 'x'.repeat(70_000) } }), {
    code: 'MESSAGE_TOO_LARGE',
  });
  await assert.rejects(producer.request(input, { expiryTime: 'soon' }), {
    code: 'REQUEST_INVALID',
    message: /^expiryTime = "soon"/,
  });
  await assert.rejects(producer.request(input, { time: '2026' }), { code: 'REQUEST_INVALID' });
  await assert.rejects(producer.request(input, { dedupeKey: '' }), { code: 'ARGUMENT_INVALID' });
  assert.deepEqual([sender.tries, await readdir(outboxFolder)], [0, []]);
});

test('a broker that is away for a moment is tried again, but not for ever; other errors are not tried again', async () => {
  const { sender, producer } = producing();
  sender.failures = [refused(), refused()];
  await producer.request(input);
  assert.equal(sender.tries, 3);
  sender.failures = Array.from({ length: 99 }, refused);
  await assert.rejects(producer.request(input), { code: 'UNREACHABLE' });
  assert.equal(sender.tries, 3 + SEND_TRIES_MAX);
  sender.failures = [new ServiceBusError('no', 'UnauthorizedAccess')];
  await assert.rejects(producer.request(input), { code: 'UNAUTHORIZED' });
  assert.equal(sender.tries, 4 + SEND_TRIES_MAX);
});

test('a request is on disk before it is sent and leaves when the broker has accepted it', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  let held = 0;
  sender.onSend = async () => void (held = (await readdir(outboxFolder)).length);
  await producer.request(input);
  assert.deepEqual([held, await readdir(outboxFolder)], [1, []]);
});

test('what the broker did not accept is sent by a later producer under the same ids, in order', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const dying = producing({ outboxFolder });
  dying.sender.failures = Array.from({ length: 99 }, refused);
  const manual: RetrainRequestInput = { model: { name: 'm' }, trigger: { kind: 'manual' } };
  await assert.rejects(dying.producer.request(input), { code: 'UNREACHABLE' });
  dying.clock.advance(1000);
  await assert.rejects(dying.producer.schedule(manual, new Date(dying.clock.wallMs() + 3_600_000)), {
    code: 'UNREACHABLE',
  });
  const { sender, producer } = producing({ outboxFolder });
  assert.deepEqual(await producer.flush(), { sent: 2, expired: 0, failed: [] });
  const expected = await dying.producer.request(input).catch(() => undefined);
  assert.equal(expected, undefined);
  const [first, second] = sender.sent;
  assert.equal(first?.subject, 'retrain.requested.v1');
  assert.equal(first?.sessionId, 'births/us');
  assert.equal(second?.sessionId, 'm');
  assert.ok(second?.scheduledEnqueueTimeUtc);
  assert.deepEqual(await producer.flush(), { sent: 1, expired: 0, failed: [] });
  assert.equal(sender.sent[2]?.messageId, first?.messageId);
  assert.deepEqual(await producer.flush(), { sent: 0, expired: 0, failed: [] });
});

test('a flush that fails keeps what it did not send; a request past its expiry is dropped', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, clock, producer } = producing({ outboxFolder });
  sender.failures = Array.from({ length: 2 * SEND_TRIES_MAX }, refused);
  const expiryTime = new Date(clock.wallMs() + 3_600_000).toISOString();
  await assert.rejects(producer.request(input, { expiryTime }), { code: 'UNREACHABLE' });
  await assert.rejects(producer.flush(), { code: 'UNREACHABLE' });
  assert.equal((await readdir(outboxFolder)).length, 1);
  clock.advance(3_600_000);
  assert.deepEqual(await producer.flush(), { sent: 0, expired: 1, failed: [] });
  assert.deepEqual(await readdir(outboxFolder), []);
});

test('a damaged file in the outbox is reported, stays, and holds nothing else up', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  sender.failures = Array.from({ length: SEND_TRIES_MAX }, refused);
  await assert.rejects(producer.request(input), { code: 'UNREACHABLE' });
  const damaged = `${'0'.repeat(15)}-${'a'.repeat(22)}.json`;
  await writeFile(join(outboxFolder, damaged), '{');
  const result = await producer.flush();
  assert.equal(result.sent, 1);
  assert.deepEqual(
    result.failed.map(({ name }) => name),
    [damaged],
  );
  assert.match(result.failed[0]?.error.message ?? '', /is not a request of an outbox/);
  assert.deepEqual(await readdir(outboxFolder), [damaged]);
});

test('a flush that meets a request which is refused for its size sends those behind it, keeps it and tells so', async (t) => {
  const folder = await temporaryFolder(t);
  const gone = new ServiceBusError('gone', 'ServiceCommunicationProblem');
  const { producer, sender } = producing({ outboxFolder: folder });
  for (const dedupeKey of ['births-1', 'births-2', 'births-3']) {
    sender.failures = Array.from({ length: SEND_TRIES_MAX }, () => gone);
    await assert.rejects(producer.request(input, { dedupeKey }), { code: 'UNREACHABLE' });
  }
  sender.failures = [new ServiceBusError('too large', 'MessageSizeExceeded')];
  const { sent, failed } = await producer.flush();
  assert.deepEqual(
    [sent, failed.map(({ error }) => error instanceof RetrainError && error.code)],
    [2, ['MESSAGE_TOO_LARGE']],
  );
  assert.deepEqual([sender.sent.length, await readdir(folder)], [2, failed.map(({ name }) => name)]);
});

test('a message that the broker refuses as too large is not kept, for it never could be sent', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  sender.failures = [new ServiceBusError('large', 'MessageSizeExceeded')];
  await assert.rejects(producer.request(input), { code: 'MESSAGE_TOO_LARGE' });
  assert.deepEqual(await readdir(outboxFolder), []);
});

test('requests of one gather window become active together, within one window; a manual one at once', async () => {
  const windowMs = 600_000;
  const { sender, clock, producer } = producing({ gatherWindowMs: windowMs });
  const end = endOfGathering('births/us', { windowMs, nowMs: clock.wallMs() });
  assert.ok(end > clock.wallMs() && end <= clock.wallMs() + windowMs);
  const first = await producer.request(input);
  assert.equal(first.activeAt, new Date(end).toISOString());
  clock.advance(end - clock.wallMs() - 1);
  await producer.request({ ...input, trigger: { kind: 'new-data' } });
  clock.advance(1);
  await producer.request({ ...input, trigger: { kind: 'new-data' } });
  await producer.request({ ...input, trigger: { kind: 'manual' } });
  const active = sender.sent.map(({ scheduledEnqueueTimeUtc }) => scheduledEnqueueTimeUtc?.getTime());
  assert.deepEqual(active, [end, end, end + windowMs, undefined]);
  const other = endOfGathering('other', { windowMs, nowMs: clock.wallMs() });
  assert.notEqual(other % windowMs, end % windowMs);
});

test('a cancel names the request; two cancels are not duplicates of each other', async () => {
  const { sender, producer } = producing();
  await producer.cancel('m', 'id-1');
  await producer.cancel('m', 'id-1', { requestSource: '/monitor' });
  const events = sender.sent.map((message) => readModelEvent(received(message)));
  assert.ok(events.every((event) => event.kind === 'cancel' && event.event.data.requestId === 'id-1'));
  assert.notEqual(sender.sent[0]?.messageId, sender.sent[1]?.messageId);
  await assert.rejects(producer.cancel('../m', 'id-1'), { code: 'ARGUMENT_INVALID' });
});

test('a cancel that no worker could read is refused', async () => {
  const { sender, producer } = producing();
  await assert.rejects(producer.cancel('m', 'x'.repeat(129)), {
    code: 'REQUEST_INVALID',
    message: /data\.requestId = "xxx/,
  });
  await assert.rejects(producer.cancel('m', '\u00e4'), { code: 'REQUEST_INVALID' });
  await assert.rejects(producer.cancel('m', 'x', { requestSource: '' }), {
    code: 'REQUEST_INVALID',
    message: /requestSource/,
  });
  assert.deepEqual(sender.sent, []);
});

test('options that cannot work are refused', () => {
  const sender = new FakeSender();
  assert.throws(() => new RetrainingProducer({}), { code: 'ARGUMENT_INVALID', message: /exactly one of/ });
  assert.throws(() => new RetrainingProducer({ sender, connection: 'x' }), { code: 'ARGUMENT_INVALID' });
  assert.throws(() => new RetrainingProducer({ sender, gatherWindowMs: -1 }), { code: 'ARGUMENT_INVALID' });
  assert.throws(() => new RetrainingProducer({ sender, source: 'a b' }), { code: 'ARGUMENT_INVALID' });
  assert.throws(() => new RetrainingProducer({ connection: 'x' }), { code: 'CONNECTION_STRING_INVALID' });
});

test('over a real socket: requests arrive, a repeated one once; wrong key, unknown queue and a stopped broker are told apart', async (t) => {
  const folder = await temporaryFolder(t);
  const queue = { name: 'model-retraining-queue', requiresSession: true, requiresDuplicateDetection: true };
  const server = await startServer({
    dataFolder: join(folder, 'data'),
    amqpPort: 0,
    httpPort: 0,
    queues: [parseQueueDescription(queue)],
  });
  t.after(() => server.close());
  const outboxFolder = join(folder, 'outbox');
  {
    await using producer = new RetrainingProducer({ connection: server.connectionString, outboxFolder });
    const { id } = await producer.request(input);
    await producer.request(input);
    await producer.schedule({ ...input, trigger: { kind: 'manual' } }, new Date(Date.now() + 86_400_000));
    const client = testClient(server.connectionString);
    const session = await client.acceptSession('model-retraining-queue', 'births/us');
    const messages = await session.receiveMessages(5, { maxWaitTimeInMs: 2000 });
    assert.deepEqual(
      messages.map(({ messageId }) => messageId),
      [id],
    );
    const read = readRequest(messages[0] ?? ({} as never));
    assert.ok(read.kind === 'valid', JSON.stringify(read));
    assert.deepEqual([read.event.id, read.event.data.trigger.metric, read.event.retrainseq], [id, 'mape', '1']);
    await closed(client);
  }
  const code = (expected: string) => (error: unknown) => error instanceof RetrainError && error.code === expected;
  {
    await using producer = new RetrainingProducer({ connection: server.connectionString, queue: 'unknown' });
    await assert.rejects(producer.request(input), code('ENTITY_NOT_FOUND'));
  }
  {
    const wrong = server.connectionString.replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=d3Jvbmc=');
    await using producer = new RetrainingProducer({ connection: wrong });
    await assert.rejects(producer.request(input), code('UNAUTHORIZED'));
  }
  await server.close();
  await using producer = new RetrainingProducer({ connection: server.connectionString, outboxFolder });
  const begun = performance.now();
  await assert.rejects(producer.request(input), code('UNREACHABLE'));
  assert.ok(performance.now() - begun < 15_000, 'in seconds, not minutes');
  assert.equal((await readdir(outboxFolder)).length, 1);
});
