import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { filterOf } from '../../src/cli/dead-letter-filter.ts';
import type { FilterFlags } from '../../src/cli/dead-letter-filter.ts';
import type { MessageJson } from '../../src/cli/message-json.ts';
import { readRequest } from '../../src/retraining/envelope.ts';
import { CliBench, lines } from './cli-bench.ts';
import { assertFailure } from './cli-process.ts';

/** A line of `--json` of replay and discard. */
interface Told {
  readonly sequenceNumber?: string;
  readonly messageId?: string;
  readonly newMessageId?: string;
  readonly result?: string;
  readonly error?: string;
  readonly summary?: { done: number; failed: number; missing: number; more: boolean };
}

/** Messages with the ids m1, m2 … of which each is a dead letter with the reason of its place. */
async function withDeadLetters(t: TestContext, ...reasons: string[]): Promise<CliBench> {
  const bench = await CliBench.open(t, 'orders:duplicates', 'repair', 'ses:sessions');
  const messages = reasons.map((reason, i) => ({
    body: `body ${i + 1}`,
    messageId: `m${i + 1}`,
    subject: i % 2 === 0 ? 'odd' : 'even',
    applicationProperties: { n: i + 1, half: (i + 1) / 2, at: { type: 'timestamp', value: '2026-01-01T00:00:00Z' } },
  }));
  await bench.ok(['send', 'orders', '--lines'], messages.map((message) => JSON.stringify(message)).join('\n'));
  const receiver = bench.client().createReceiver('orders');
  const received: ServiceBusReceivedMessage[] = [];
  while (received.length < reasons.length)
    received.push(...(await receiver.receiveMessages(reasons.length - received.length)));
  for (const [i, message] of received.entries())
    await receiver.deadLetterMessage(message, {
      deadLetterReason: reasons[i] ?? '',
      deadLetterErrorDescription: 'because',
    });
  return bench;
}

async function dead(bench: CliBench, entity = 'orders'): Promise<(string | undefined)[]> {
  return (await bench.peek(entity, '--dead-letter')).map(({ sequenceNumber }) => sequenceNumber);
}

test('dlq list counts by reason, the most frequent first', async (t) => {
  const bench = await withDeadLetters(t, 'Poison', 'Expired', 'Poison');
  const { entity, count, more, reasons } = JSON.parse(await bench.ok(['dlq', 'list', 'orders', '--json'])) as {
    entity: string;
    count: number;
    more: boolean;
    reasons: { reason: string; count: number; oldest: string; newest: string }[];
  };
  assert.deepEqual([entity, count, more], ['orders/$DeadLetterQueue', 3, false]);
  assert.deepEqual(
    reasons.map(({ reason, count: each }) => [reason, each]),
    [
      ['Poison', 2],
      ['Expired', 1],
    ],
  );
  assert.ok((reasons[0]?.oldest ?? '') < (reasons[0]?.newest ?? ''));
  const shown = await bench.ok(['dlq', 'list', 'orders']);
  assert.match(shown, /^orders\/\$DeadLetterQueue: 3\nCount +Reason +Oldest.*\n +2 +Poison +\S+Z +\S+Z\n +1 +Expired/);
  assert.match(await bench.ok(['dlq', 'list', 'repair']), /: 0\n$/);
});

test('dlq show shows those that all its filters let through', async (t) => {
  const bench = await withDeadLetters(t, 'Poison', 'Expired', 'Poison', 'Other');
  const flags = ['--reason', 'Poison', '--reason', 'Other', '--property', 'n:int=3', '--property', 'n=4'];
  const shown = lines(await bench.ok(['dlq', 'show', 'orders', '--json', ...flags, '--limit', '1']));
  assert.deepEqual(
    shown.map(({ sequenceNumber }) => sequenceNumber),
    ['3'],
  );
  const block = await bench.ok(['dlq', 'show', 'orders', '--message-id', 'm2']);
  assert.match(
    block,
    /^#2 [^]*dead-lettered +Expired\n +because +because\n[^]*message id +m2\n[^]*n = 2\n[^]*body 2\n/,
  );
  assert.match(await bench.ok(['dlq', 'show', 'orders', '--reason', 'x']), /^no such dead letters in orders/);
});

test('values of one filter are alternatives, different filters must all be met', () => {
  const message = {
    sequenceNumber: 7,
    messageId: 'm',
    subject: 's',
    deadLetterReason: 'Poison',
    enqueuedTimeUtc: new Date('2026-01-02T00:00:00Z'),
    applicationProperties: { n: 3, half: 1.5, at: new Date('2026-01-01T00:00:00Z'), no: null, text: 'a=b' },
  } as unknown as ServiceBusReceivedMessage;
  const cases: readonly (readonly [flags: FilterFlags, meets: boolean])[] = [
    [{}, true],
    [{ reason: ['Poison'] }, true],
    [{ reason: ['poison'] }, false],
    [{ reason: ['Other', 'Poison'] }, true],
    [{ reason: ['Poison'], messageId: ['x'] }, false],
    [{ messageId: ['m'], subject: ['s'], sequenceNumber: ['7', '8'] }, true],
    [{ sequenceNumber: ['8'] }, false],
    [{ session: [''] }, true],
    [{ session: ['s'] }, false],
    [{ enqueuedAfter: new Date('2026-01-02T00:00:00Z') }, true],
    [{ enqueuedBefore: new Date('2026-01-02T00:00:00Z') }, false],
    [{ enqueuedAfter: new Date('2026-01-01'), enqueuedBefore: new Date('2026-01-03') }, true],
    [{ property: ['n=3'] }, true],
    [{ property: ['n:int=3', 'n:int=4'] }, true],
    [{ property: ['n=4'] }, false],
    [{ property: ['n=3', 'half=2'] }, false],
    [{ property: ['half=1.5', 'text=a=b', 'no='] }, true],
    [{ property: ['at=2026-01-01T00:00:00.000Z'] }, true],
    [{ property: ['none='] }, false],
    [{ property: ['toString=x'] }, false],
  ];
  for (const [flags, meets] of cases) assert.equal(filterOf(flags)(message), meets, JSON.stringify(flags));
});

test('dlq replay sends a dead letter again as it was, with a fresh id, and takes it out of the dead-letter queue', async (t) => {
  const bench = await withDeadLetters(t, 'Poison', 'Poison');
  const [before] = await bench.peek('orders', '--dead-letter');
  assert.equal(
    await bench.ok(['dlq', 'replay', 'orders', '--message-id', 'm1']),
    'orders/$DeadLetterQueue: 1 replayed to orders\n',
  );
  assert.deepEqual(await dead(bench), ['2']);
  // The queue drops duplicates: the old id would have been swallowed.
  const [after, ...others] = await bench.peek('orders');
  assert.equal(others.length, 0);
  assert.equal(after?.messageId, 'm1~r1');
  const { DeadLetterReason: _, DeadLetterErrorDescription: __, ...properties } = before?.applicationProperties ?? {};
  assert.deepEqual(after?.applicationProperties, { ...properties, RetrainReplayOf: 'm1' });
  assert.deepEqual([after?.body, after?.subject, after?.deadLetterReason], ['body 1', 'odd', undefined]);
});

test('what was replayed and failed again is replayed again, and keeps its first id', async (t) => {
  const bench = await withDeadLetters(t, 'Poison');
  await bench.ok(['dlq', 'replay', 'orders']);
  await bench.ok(['receive', 'orders', '--dead-letter', 'Poison']);
  await bench.ok(['dlq', 'replay', 'orders']);
  const [message] = await bench.peek('orders');
  assert.deepEqual([message?.messageId, message?.applicationProperties?.['RetrainReplayOf']], ['m1~r2', 'm1']);
});

test('a dry run shows what would be done and does nothing', async (t) => {
  const bench = await withDeadLetters(t, 'Poison', 'Expired');
  const shown = await bench.ok(['dlq', 'replay', 'orders', '--dry-run', '--reason', 'Poison']);
  assert.match(shown, /Reason +Message id[^]*Poison +m1 [^]*\n1 dead letter would be sent to orders; nothing was done/);
  const planned = lines<Told>(await bench.ok(['dlq', 'replay', 'orders', '--dry-run', '--to', 'repair', '--json']));
  assert.deepEqual(
    planned.map(({ sequenceNumber, messageId, result }) => [sequenceNumber, messageId, result]),
    [
      ['1', 'm1', 'planned'],
      ['2', 'm2', 'planned'],
    ],
  );
  assert.match(planned[0]?.newMessageId ?? '', /^m1~r1\.[0-9a-f]{8}$/, 'elsewhere, the id names the source too');
  const removed = await bench.ok(['dlq', 'discard', 'orders', '--dry-run']);
  assert.match(removed, /2 dead letters would be removed; nothing was done/);
  assert.deepEqual([await dead(bench), await bench.peek('orders'), await bench.peek('repair')], [['1', '2'], [], []]);
});

test('replay leaves the others where they are, in order, and takes no more than the limit', async (t) => {
  const bench = await withDeadLetters(t, 'A', 'B', 'A', 'B', 'A');
  const told = lines<Told>(
    await bench.ok(['dlq', 'replay', 'orders', '--reason', 'B', '--to', 'repair', '--limit', '1', '--json']),
  );
  assert.deepEqual(told.at(-1)?.summary, { done: 1, failed: 0, missing: 0, more: true });
  assert.deepEqual(
    (await bench.peek('repair')).map(({ body }) => body),
    ['body 2'],
  );
  assert.deepEqual(await dead(bench), ['1', '3', '4', '5']);
  await bench.ok(['dlq', 'replay', 'orders', '--subject', 'odd', '--to', 'repair']);
  assert.deepEqual(
    (await bench.peek('repair')).map(({ body }) => body),
    ['body 2', 'body 1', 'body 3', 'body 5'],
  );
  assert.deepEqual(await dead(bench), ['4']);
});

test('a deferred dead letter is replayed, too', async (t) => {
  const bench = await withDeadLetters(t, 'A', 'B');
  await bench.ok(['receive', 'orders', '--from-dead-letter', '--defer']);
  await bench.ok(['dlq', 'replay', 'orders']);
  assert.deepEqual([(await bench.peek('orders')).length, await dead(bench)], [2, []]);
});

test('what is refused stays a dead letter and is told; the rest is replayed', async (t) => {
  const bench = await CliBench.open(t, 'orders', 'ses:sessions');
  const messages = [{ body: 'a', sessionId: 's' }, { body: 'b' }, { body: 'c', sessionId: 's' }];
  await bench.ok(['send', 'orders', '--lines'], messages.map((message) => JSON.stringify(message)).join('\n'));
  await bench.ok(['receive', 'orders', '--count', '3', '--dead-letter', 'A']);
  const finished = await bench.run(['dlq', 'replay', 'orders', '--to', 'ses', '--json']);
  assert.equal(finished.code, 1);
  assert.match(finished.stderr, /^retrain: 1 of 3 dead letters were refused and stay\n$/);
  const told = lines<Told>(finished.stdout);
  assert.deepEqual(told.at(-1)?.summary, { done: 2, failed: 1, missing: 0, more: false });
  assert.match(told.find(({ result }) => result === 'failed')?.error ?? '', /SessionId was not set/);
  assert.deepEqual(await dead(bench), ['2']);
  assert.deepEqual(
    (await bench.peek('ses')).map(({ body, sessionId }) => [body, sessionId]),
    [
      ['a', 's'],
      ['c', 's'],
    ],
  );
});

test('dead letters that another receiver has are told, not waited for', async (t) => {
  const bench = await withDeadLetters(t, 'A', 'B');
  const other = bench.client().createReceiver('orders', { subQueueType: 'deadLetter' });
  assert.equal((await other.receiveMessages(1)).length, 1);
  const finished = await bench.run(['dlq', 'replay', 'orders']);
  assert.equal(finished.code, 75);
  assert.match(finished.stdout, /1 replayed to orders; 1 could not be had: another receiver has them\n$/);
  assert.match(finished.stderr, /1 of 2 dead letters are locked by another receiver: call it again/);
});

test('a retraining request is replayed by its own rules, so that a worker does not take it for answered', async (t) => {
  const bench = await CliBench.open(t, 'model-retraining-queue:sessions,duplicates');
  const id = (await bench.ok(['request', '--model', 'births'])).trim();
  await bench.ok(['receive', 'model-retraining-queue', '--next-session', '--dead-letter', 'TrainingFailed']);
  await bench.ok(['dlq', 'replay', 'model-retraining-queue']);
  const [message] = await bench.client().createReceiver('model-retraining-queue').peekMessages(2);
  assert.ok(message);
  const read = readRequest(message);
  assert.ok(read.kind === 'valid');
  assert.deepEqual(
    [read.event.id, read.event.retrainreplayof, message.sessionId, read.event.data.model.name],
    [`${id}~r1`, id, 'births', 'births'],
  );
});

test('dlq discard removes for good what is named, and asks or is told so', async (t) => {
  const bench = await withDeadLetters(t, 'A', 'B', 'A');
  assertFailure(await bench.run(['dlq', 'discard', 'orders', '--reason', 'A']), 2, /Remove 2 dead letters.*give --yes/);
  assert.equal(
    await bench.ok(['dlq', 'discard', 'orders', '--reason', 'A', '--yes']),
    'orders/$DeadLetterQueue: 2 removed\n',
  );
  assert.deepEqual(await dead(bench), ['2']);
  const told = lines<Told>(await bench.ok(['dlq', 'discard', 'orders', '--yes', '--json']));
  assert.deepEqual(
    told.map(({ messageId, result, summary }) => summary ?? [messageId, result]),
    [['m2', 'discarded'], { done: 1, failed: 0, missing: 0, more: false }],
  );
  assert.deepEqual(await dead(bench), []);
});

test('a replay that is killed loses nothing, and repeated it makes nothing twice', async (t) => {
  const count = 300;
  const bench = await withDeadLetters(t, ...Array.from({ length: count }, () => 'A'));
  const replaying = bench.start(['dlq', 'replay', 'orders', '--json']);
  await replaying.printed(/(.*"replayed".*\n){20}/);
  replaying.child.kill('SIGKILL');
  await replaying.finished;
  const firstIds = async (...args: string[]): Promise<unknown[]> =>
    (await bench.peek('orders', '--count', String(2 * count), ...args)).map(
      ({ messageId, applicationProperties: properties }) => properties?.['RetrainReplayOf'] ?? messageId,
    );
  const [sent, still] = [await firstIds(), await firstIds('--dead-letter')];
  assert.equal(new Set([...sent, ...still]).size, count, 'every message is there or there');
  assert.ok(sent.length >= 20);
  // What the killed one had locked comes back when its locks end; here that is not waited for.
  const again = await bench.run(['dlq', 'replay', 'orders']);
  assert.ok(again.code === 0 || again.code === 75, again.stderr);
  const all = await firstIds();
  assert.equal(new Set(all).size, all.length, 'the queue drops the second of those that were sent and not completed');
  assert.equal(new Set([...all, ...(await firstIds('--dead-letter'))]).size, count);
});

test('what cannot be is refused before anything is touched', async (t) => {
  const bench = await withDeadLetters(t, 'A');
  const refused: readonly (readonly [args: string[], code: number, said: RegExp])[] = [
    [['replay', 'orders', '--to', 'repair', '--to-topic'], 2, /--to and --to-topic: leave out one/],
    [['replay', 'orders', '--to-topic'], 2, /"orders" is a queue/],
    [['replay', 'orders', '--to', 'none'], 1, /"none" does not exist/],
    [['replay', 'none'], 1, /"none" does not exist/],
    [['show', 'none'], 1, /"none\/\$DeadLetterQueue" does not exist/],
    [['replay', 'orders', '--limit', '0'], 2, /--limit.*1 or more/],
    [['replay', 'orders', '--property', 'n:integer=1'], 2, /there is no type "integer"/],
    [
      ['replay', 'orders', '--enqueued-after', 'yesterday'],
      2,
      /--enqueued-after.*2026-01-31T06:00Z.*retrain dlq replay --help/,
    ],
    [['show', 'orders', '--sequence-number', 'x'], 2, /--sequence-number.*such as 17/],
    [['replya', 'orders'], 2, /'replya'.*replay.*retrain dlq --help/],
  ];
  for (const [args, code, said] of refused) assertFailure(await bench.run(['dlq', ...args]), code, said);
  const left: MessageJson[] = await bench.peek('orders', '--dead-letter');
  assert.equal(left.length, 1);
});
