import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceBusError } from '@azure/service-bus';
import type { ServiceBusMessage, ServiceBusMessageBatch } from '@azure/service-bus';
import { readRequest } from '../../src/retraining/envelope.ts';
import { requestKey } from '../../src/retraining/identity.ts';
import { SEND_TRIES_MAX } from '../../src/retraining/message-sender.ts';
import type { ProducerFact } from '../../src/retraining/producer-log.ts';
import type { RequestEvent } from '../../src/retraining/envelope.ts';
import { parseRequest } from '../../src/retraining/request.ts';
import { files } from '../../src/runtime/files.ts';
import { FakeClock } from '../fake-clock.ts';
import { received } from './received-message.ts';
import { FakeSender, input, producing, refused } from './sender-double.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { eventually } from './trainers/run-fixture.ts';

const manual = (name: string) => ({ model: { name }, trigger: { kind: 'manual' as const } });

function failing(code: string): typeof files {
  const error = Object.assign(new Error(`${code}: no`), { code, syscall: 'write' });
  return { ...files, writeAtomic: () => Promise.reject(error) };
}

/** Takes batches of at most three messages, of which none may be for a model that is called `huge`. */
class BatchingSender extends FakeSender {
  readonly batches: number[] = [];

  async createMessageBatch(): Promise<ServiceBusMessageBatch> {
    const held: ServiceBusMessage[] = [];
    const tryAddMessage = (message: ServiceBusMessage): boolean => {
      if (held.length === 3 || message.sessionId === 'huge') return false;
      held.push(message);
      return true;
    };
    return {
      tryAddMessage,
      held,
      get count() {
        return held.length;
      },
    } as unknown as ServiceBusMessageBatch;
  }

  override async sendMessages(messages: ServiceBusMessage | ServiceBusMessageBatch): Promise<void> {
    const held = (messages as { held?: ServiceBusMessage[] }).held;
    if (held === undefined) {
      if ((messages as ServiceBusMessage).sessionId === 'huge')
        throw new ServiceBusError('large', 'MessageSizeExceeded');
      return super.sendMessages(messages as ServiceBusMessage);
    }
    this.tries++;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.batches.push(held.length);
    this.sent.push(...held);
  }
}

test('many requests go in batches, in order; what is wrong with one is told of that one only', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const sender = new BatchingSender();
  const { producer } = producing({ sender, outboxFolder });
  const inputs = [manual('a'), manual('b'), manual('../c'), manual('d'), manual('huge'), manual('e'), manual('f')];
  const results = await producer.requestAll(inputs, (index) => ({ dedupeKey: `key-${index}` }));
  assert.deepEqual(
    results.map((result) => (result.state === 'failed' ? result.error.message.slice(0, 26) : result.id)),
    ['key-0', 'key-1', 'request: model.name = "../', 'key-3', 'the message is over the li', 'key-5', 'key-6'],
  );
  assert.deepEqual(
    sender.sent.map(({ sessionId }) => sessionId),
    ['a', 'b', 'd', 'e', 'f'],
  );
  assert.deepEqual(sender.batches, [3, 2]);
  assert.deepEqual(await readdir(outboxFolder), []);
});

test('a batch that is refused for something in it is sent again one by one', async () => {
  const sender = new BatchingSender();
  const { producer } = producing({ sender });
  // As a partitioned queue refuses a batch for more than one session: the client has no code for it.
  const mixed = Object.assign(new ServiceBusError('different partition keys', 'GeneralError'), { retryable: false });
  sender.failures = [mixed, refused(), new TypeError('odd')];
  const results = await producer.requestAll([manual('a'), manual('b'), manual('c')]);
  // Alone, the first met nobody who listened, was tried again, and then was what is odd.
  assert.deepEqual(
    results.map(({ state }) => state),
    ['failed', 'accepted', 'accepted'],
  );
  assert.equal(sender.tries, 5);
});

test('when the broker is away, all that was not accepted is queued, or failed without an outbox, and not tried one by one', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const sender = new BatchingSender();
  const { producer } = producing({ sender, outboxFolder });
  const inputs = ['a', 'b', 'c', 'd', 'e'].map(manual);
  // The first batch is accepted, the second never.
  sender.onSend = async () => undefined;
  sender.failures = [];
  const accept = sender.sendMessages.bind(sender);
  sender.sendMessages = async (messages) => {
    if (sender.sent.length >= 3) sender.failures = [refused()];
    return accept(messages);
  };
  const results = await producer.requestAll(inputs);
  assert.deepEqual(
    results.map(({ state }) => state),
    ['accepted', 'accepted', 'accepted', 'queued', 'queued'],
  );
  assert.equal(sender.tries, 1 + SEND_TRIES_MAX);
  assert.equal((await readdir(outboxFolder)).length, 2);
  const without = producing();
  without.sender.failures = Array.from({ length: 99 }, refused);
  assert.deepEqual(
    (await without.producer.requestAll(inputs)).map(({ state }) => state),
    Array(5).fill('failed'),
  );
});

test('a full disk: the request is sent all the same, nothing is half-written, and the log says why', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const facts: ProducerFact[] = [];
  const { producer, sender } = producing({ outboxFolder, files: failing('ENOSPC'), log: (fact) => facts.push(fact) });
  await producer.request(input);
  assert.deepEqual([sender.sent.length, await readdir(outboxFolder)], [1, []]);
  const [fact] = facts;
  assert.ok(fact?.fact === 'outbox-unusable' && fact.code === 'DISK_FULL');
  assert.match(fact.reason, new RegExp(`no room .* in the outbox ${outboxFolder} \\(ENOSPC\\): free some space`));
});

test('a full disk and no broker: the error names the folder, the remedy, and why it could not be sent', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const full = producing({ outboxFolder, files: failing('ENOSPC') });
  full.sender.failures = Array.from({ length: 99 }, refused);
  const told = new RegExp(`${outboxFolder} .*free some space; nor could it be sent: nobody answers`);
  await assert.rejects(full.producer.request(input), { code: 'DISK_FULL', message: told });
  await assert.rejects(full.producer.submit(input), { code: 'DISK_FULL', message: told });
  const forbidden = producing({ outboxFolder, files: failing('EACCES') });
  forbidden.sender.failures = Array.from({ length: 99 }, refused);
  await assert.rejects(forbidden.producer.request(input), { code: 'DISK_FAILED', message: /EACCES.*can write to/ });
});

test('an entry that cannot be removed is no error of a request that was accepted', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const facts: ProducerFact[] = [];
  const stuck = { ...files, remove: () => Promise.reject(new Error('EIO')) };
  const { producer } = producing({ outboxFolder, files: stuck, log: (fact) => facts.push(fact) });
  await producer.request(input);
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['outbox-unusable'],
  );
});

test('what is submitted while the broker is away is queued at once, and goes out by itself when it is back', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const clock = new FakeClock();
  const facts: ProducerFact[] = [];
  const told = (fact: ProducerFact['fact']) =>
    eventually(() => facts.some((each) => each.fact === fact), { what: fact });
  const sender = new FakeSender();
  const { producer } = producing({ sender, clock, outboxFolder, flushEveryMs: 1_000, log: (fact) => facts.push(fact) });
  let away = true;
  sender.onSend = async () => {
    if (away) throw refused();
  };
  const { id, state } = await producer.submit(input);
  assert.equal(state, 'queued');
  assert.equal(sender.tries, 1, 'nobody waits for further tries');
  const waits = eventually(() => {
    clock.advance(200);
    return facts.some(({ fact }) => fact === 'outbox-waiting');
  });
  await waits;
  const triesBefore = sender.tries;
  assert.equal((await producer.submit(manual('m'))).state, 'queued');
  assert.equal(sender.tries, triesBefore, 'while the outbox waits, the broker is not tried for each request');
  away = false;
  await eventually(() => {
    clock.advance(1_000);
    return sender.sent.length === 2;
  });
  assert.equal(sender.sent[0]?.messageId, id);
  await told('outbox-flushed');
  assert.deepEqual(await readdir(outboxFolder), []);
  assert.equal((await producer.submit(manual('n'))).state, 'accepted');
  await producer[Symbol.asyncDispose]();
  assert.equal(clock.armed, 0, 'nothing is left that keeps the process alive');
});

test('a flusher tells once of an entry that nobody can send, and pauses longer and longer, a minute at most', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const clock = new FakeClock();
  const facts: ProducerFact[] = [];
  await writeFile(join(outboxFolder, `${'0'.repeat(15)}-${'a'.repeat(22)}.json`), '{');
  const sender = new FakeSender();
  sender.onSend = () => Promise.reject(new ServiceBusError('no', 'UnauthorizedAccess'));
  const random = { fraction: () => 0.999_999, bytes: (length: number) => Buffer.alloc(length) };
  const { producer } = producing({
    sender,
    clock,
    random,
    outboxFolder,
    flushEveryMs: 1_000,
    log: (fact) => facts.push(fact),
  });
  await eventually(() => facts.length === 1);
  await producer.submit(input);
  await eventually(() => {
    clock.advance(5_000);
    return facts.filter(({ fact }) => fact === 'outbox-waiting').length === 9;
  });
  const pauses = facts.flatMap((fact) => (fact.fact === 'outbox-waiting' ? [fact.retryInMs] : []));
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(facts.filter(({ fact }) => fact === 'outbox-entry-failed').length, 1);
  await producer[Symbol.asyncDispose]();
});

test('a stop does not wait for a client that never comes back; what it was sending stays in the outbox', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const sender = new FakeSender();
  const { producer: before } = producing({ sender, outboxFolder });
  sender.onSend = async () => {
    throw refused();
  };
  await assert.rejects(before.request(input));
  const tries = sender.tries;
  sender.onSend = () => new Promise(() => undefined);
  const clock = new FakeClock();
  const { producer } = producing({ sender, clock, outboxFolder, flushEveryMs: 1_000 });
  await eventually(() => sender.tries > tries);
  let stopped = false;
  void producer[Symbol.asyncDispose]().then(() => (stopped = true));
  await eventually(() => {
    clock.advance(1_000);
    return stopped;
  });
  assert.equal((await readdir(outboxFolder)).length, 1);
});

test('a request of somebody else keeps its identity, also in the outbox; its MessageId meets no other', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  const event: RequestEvent = {
    id: '1',
    source: '/elsewhere',
    type: 'retrain.requested.v1',
    subject: 'births/us',
    time: '2026-01-01T00:00:00Z',
    data: parseRequest(input),
    extensions: { tenant: 'x' },
  };
  assert.deepEqual(await producer.forward(event), { id: '1', messageId: requestKey(event), state: 'accepted' });
  sender.failures = Array.from({ length: SEND_TRIES_MAX }, refused);
  assert.equal((await producer.forward(event)).state, 'queued');
  assert.equal((await producer.flush()).sent, 1);
  for (const message of sender.sent) {
    assert.equal(message.messageId, requestKey(event));
    const read = readRequest(received(message));
    assert.ok(read.kind === 'valid');
    assert.deepEqual([read.event.source, read.event.id, read.event.extensions], ['/elsewhere', '1', { tenant: 'x' }]);
  }
});

test('a cancel takes what waits in the outbox out of it, but nothing of another model', async (t) => {
  const outboxFolder = await temporaryFolder(t);
  const { sender, producer } = producing({ outboxFolder });
  sender.failures = Array.from({ length: 2 * SEND_TRIES_MAX }, refused);
  await producer.submit(manual('a'), { dedupeKey: 'same' });
  await producer.submit(manual('a'), { dedupeKey: 'other' });
  await producer.cancel('b', 'same');
  assert.equal((await readdir(outboxFolder)).length, 2);
  await producer.cancel('a', 'same');
  const [left, ...none] = await readdir(outboxFolder);
  assert.equal(none.length, 0);
  assert.match(await readFile(join(outboxFolder, left ?? ''), 'utf8'), /"id":"other"/);
});

test('a gather window may differ from model to model', async () => {
  const { sender, producer } = producing({ gatherWindowMs: (model) => (model === 'births/us' ? 600_000 : 0) });
  await producer.request(input);
  await producer.request({ ...input, model: { name: 'other' } });
  assert.deepEqual(
    sender.sent.map(({ scheduledEnqueueTimeUtc: at }) => at !== undefined),
    [true, false],
  );
  const broken = producing({ gatherWindowMs: () => -1 });
  await assert.rejects(broken.producer.request(input), { code: 'ARGUMENT_INVALID', message: /gatherWindowMs = -1/ });
});

test('a flusher without an outbox, or with a pause that cannot be, is refused', () => {
  assert.throws(() => producing({ flushEveryMs: 1_000 }), { code: 'ARGUMENT_INVALID', message: /outboxFolder/ });
  assert.throws(() => producing({ flushEveryMs: 0, outboxFolder: 'x' }), { code: 'ARGUMENT_INVALID' });
});
