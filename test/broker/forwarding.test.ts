import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordKind } from '../../src/storage/index.ts';
import { BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

/** Lets forwarders move what they have taken, hop by hop. */
function forward(h: BrokerHarness): void {
  for (let hop = 0; hop < 8; hop++) h.clock.advance(0);
}

test('messages go on to the queue that forwardTo names, in order, with the number of their first entry', () => {
  const h = new BrokerHarness();
  const to = h.create({ name: 'to' });
  to.send([message('before')]);
  const from = h.create({ name: 'from', forwardTo: 'to' });
  from.send([message('a'), message('b')]);
  from.send([message('c')]);
  forward(h);
  assert.equal(from.counts().total, 0);
  assert.deepEqual(h.texts(to.active), ['before', 'a', 'b', 'c']);
  const numbers = to.active.peek({ fromSequenceNumber: 0, count: 10 }).messages;
  assert.deepEqual(
    numbers.map((m) => [m.sequenceNumber, m.enqueuedSequenceNumber]),
    [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
    ],
  );
  h.restart();
  assert.deepEqual(h.texts(h.queue('to').active), ['before', 'a', 'b', 'c']);
  assert.equal(h.queue('from').counts().total, 0);
});

test('what was not forwarded when the broker ended is forwarded at its next start', () => {
  const h = new BrokerHarness();
  h.create({ name: 'to' });
  h.create({ name: 'from', forwardTo: 'to' }).send([message('a'), message('b')]);
  h.restart();
  forward(h);
  assert.deepEqual(h.texts(h.queue('to').active), ['a', 'b']);
  assert.equal(h.queue('from').counts().total, 0);
});

test('nobody receives from a queue that forwards; its dead-letter queue can be read', () => {
  const h = new BrokerHarness();
  h.create({ name: 'to' });
  const from = h.create({ name: 'from', forwardTo: 'to' });
  assert.throws(() => h.receive(from.active), refusedAs('not-allowed'));
  assert.deepEqual(h.receive(from.deadLetterQueue), []);
});

test('a message is forwarded four times at most, then it is in the transfer dead-letter queue of the last one', () => {
  const h = new BrokerHarness();
  for (const [name, forwardTo] of [
    ['q5'],
    ['q4', 'q5'],
    ['q3', 'q4'],
    ['q2', 'q3'],
    ['q1', 'q2'],
    ['q0', 'q1'],
  ] as const)
    h.create(forwardTo ? { name, forwardTo } : { name });
  h.queue('q1').send([message('four hops')]);
  h.queue('q0').send([message('five hops')]);
  forward(h);
  assert.deepEqual(h.texts(h.queue('q5').active), ['four hops']);
  const dead = h.queue('q4').transferDeadLetterQueue;
  assert.equal(h.queue('q4').counts().transferDeadLetter, 1);
  h.restart();
  const [tooFar] = h.receive(h.queue('q4').transferDeadLetterQueue);
  assert.equal(h.text(tooFar ?? { bodyId: 0 }), 'five hops');
  assert.deepEqual(tooFar?.deadLetter, { reason: 'MaxTransferHopCountExceeded' });
  assert.notEqual(dead, undefined);
});

test('two queues that forward to each other do not run for ever', () => {
  const h = new BrokerHarness();
  h.create({ name: 'a' });
  h.create({ name: 'b', forwardTo: 'a' });
  h.namespace.updateQueue({ ...h.queue('a').description, forwardTo: 'b' });
  h.queue('a').send([message('m')]);
  forward(h);
  assert.equal(h.queue('a').counts().transferDeadLetter + h.queue('b').counts().transferDeadLetter, 1);
});

test('dead letters go where forwardDeadLetteredMessagesTo says, and tell why and whence', () => {
  const h = new BrokerHarness();
  const morgue = h.create({ name: 'morgue' });
  const q = h.create({ name: 'q', forwardDeadLetteredMessagesTo: 'morgue' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], {
    kind: 'dead-letter',
    reason: 'bad',
    description: 'very',
    overlay: Buffer.from('o'),
  });
  forward(h);
  assert.equal(q.counts().deadLetter, 0);
  assert.throws(() => h.receive(q.deadLetterQueue), refusedAs('not-allowed'));
  for (const queue of [morgue, h.queue('morgue')]) {
    const [a] = queue.active.peek({ fromSequenceNumber: 0, count: 1 }).messages;
    assert.deepEqual(a?.deadLetter, { reason: 'bad', description: 'very' });
    assert.equal(a?.deadLetterSource, 'q');
    assert.equal(a?.overlay?.toString(), 'o');
    assert.equal(a?.deliveryCount, 0);
    h.restart();
  }
  assert.equal(h.queue('morgue').counts().active, 1, 'not in the dead-letter queue of the morgue');
});

test('what a destination does not take goes to the transfer dead-letter queue with the reason', () => {
  const h = new BrokerHarness();
  h.create({ name: 'sessions', requiresSession: true });
  h.create({ name: 'small', maxMessageSizeInKilobytes: 1 });
  h.create({ name: 'disabled', status: 'SendDisabled' });
  h.create({ name: 'gone' });
  const cases: [string, string, string][] = [
    ['sessions', 'x', 'Session id is null.'],
    ['small', 'x'.repeat(2000), 'MessageSizeExceeded'],
    ['disabled', 'x', 'MessagingEntityDisabled'],
    ['gone', 'x', 'MessagingEntityNotFound'],
  ];
  for (const [forwardTo] of cases) h.create({ name: `to-${forwardTo}`, forwardTo });
  h.namespace.deleteQueue('gone');
  for (const [destination, text, reason] of cases) {
    const from = h.queue(`to-${destination}`);
    from.send([message(text)]);
    forward(h);
    assert.equal(h.receive(from.transferDeadLetterQueue)[0]?.deadLetter?.reason, reason);
  }
});

test('a destination sees session, time to live and message id of what is forwarded to it', () => {
  const h = new BrokerHarness();
  const sessions = h.create({ name: 'sessions', requiresSession: true, requiresDuplicateDetection: true });
  const from = h.create({ name: 'from', forwardTo: 'sessions' });
  h.facts.set('a', { sessionId: 's', messageId: 'one', timeToLiveMs: 5000 });
  h.facts.set('b', { sessionId: 's', messageId: 'one' });
  from.send([message('a'), message('b')]);
  forward(h);
  assert.deepEqual(sessions.active.sessionIds({ skip: 0, top: 9 }), ['s']);
  assert.equal(sessions.counts().active, 1, 'the second one is a duplicate and gone');
  assert.equal(from.counts().total, 0);
  h.clock.advance(5001);
  assert.equal(sessions.counts().active, 0);
});

test('while the disk is full messages wait, and are forwarded once, later, in order', () => {
  const h = new BrokerHarness();
  const to = h.create({ name: 'to' });
  const from = h.create({ name: 'from', forwardTo: 'to' });
  from.send([message('a'), message('b')]);
  h.journal.full = true;
  forward(h);
  assert.equal(from.counts().active, 2);
  h.journal.full = false;
  h.clock.advance(1000);
  forward(h);
  assert.deepEqual(h.texts(to.active), ['a', 'b']);
  assert.equal(from.counts().total, 0);
});

test('forwarding begins and ends with the description of the queue, and stops with its status', () => {
  const h = new BrokerHarness();
  h.create({ name: 'to' });
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const { description } = q;
  h.namespace.updateQueue({ ...description, forwardTo: 'to' });
  forward(h);
  assert.deepEqual(h.texts(h.queue('to').active), ['a']);
  h.namespace.updateQueue({ ...description, forwardTo: 'to', status: 'ReceiveDisabled' });
  q.send([message('b')]);
  forward(h);
  assert.equal(q.counts().active, 1);
  h.namespace.updateQueue(description);
  assert.deepEqual(h.texts(q.active), ['b']);
});

test('a queue cannot forward to one that is not there', () => {
  const h = new BrokerHarness();
  const refused = refusedAs('argument-invalid');
  assert.throws(() => h.create({ name: 'q', forwardTo: 'nowhere' }), refused);
  assert.throws(() => h.create({ name: 'q', forwardDeadLetteredMessagesTo: 'nowhere' }), refused);
  assert.equal(h.namespace.queue('q'), undefined);
});

test('a body that must be read from the disk is forwarded in its turn', async () => {
  const h = new BrokerHarness();
  const to = h.create({ name: 'to' });
  const from = h.create({ name: 'from', forwardTo: 'to' });
  h.journal.slow = true;
  from.send([message('a'), message('b')]);
  h.clock.advance(0);
  h.journal.slow = false;
  from.send([message('c')]);
  await new Promise((resolve) => setImmediate(resolve));
  forward(h);
  assert.deepEqual(h.texts(to.active), ['a', 'b', 'c']);
});

test('a message whose bytes cannot be read gives way to those behind it, and the fault is told', async () => {
  const h = new BrokerHarness();
  h.create({ name: 'to' });
  const from = h.create({ name: 'from', forwardTo: 'to' });
  from.send(['a', 'b', 'c', 'd'].map((text) => message(text)));
  const bodies = [...h.journal.records.values()].filter(({ kind }) => kind === RecordKind.body).map(({ id }) => id);
  for (const at of [0, 2]) h.journal.damaged.add(bodies[at] as number);
  h.restart();
  for (let turn = 0; turn < 10; turn++) {
    h.clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(h.texts(h.queue('to').active), ['b', 'd']);
  const { messages } = h.queue('from').transferDeadLetterQueue.peek({ fromSequenceNumber: 0, count: 10 });
  assert.deepEqual(
    messages.map(({ deadLetter }) => deadLetter?.reason),
    ['MessageUnreadable', 'MessageUnreadable'],
  );
  assert.equal(h.faults.length, 2);
});

test('a session in another partition than the message names is told as what it is, not as a missing session', () => {
  const h = new BrokerHarness();
  h.create({ name: 'to', requiresSession: true, enablePartitioning: true });
  const from = h.create({ name: 'from', forwardTo: 'to' });
  const facts = { sessionId: 's', partitionKey: 'k' };
  h.facts.set('m', facts);
  from.send([message('m', facts)]);
  forward(h);
  const [refused] = from.transferDeadLetterQueue.peek({ fromSequenceNumber: 0, count: 1 }).messages;
  assert.equal(refused?.deadLetter?.reason, 'TransferFailed');
  assert.match(refused?.deadLetter?.description ?? '', /PartitionKey 'k' differs from the SessionId 's'/);
});
