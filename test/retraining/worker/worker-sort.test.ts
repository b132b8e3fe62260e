import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CANCEL_TYPE, REQUESTED_TYPE } from '../../../src/retraining/envelope.ts';
import type { CancelEvent, RequestEvent } from '../../../src/retraining/envelope.ts';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import type { Ledger } from '../../../src/retraining/worker/ledger-record.ts';
import { isExhausted, sortOut } from '../../../src/retraining/worker/worker-sort.ts';
import type { Arrival, Sorted } from '../../../src/retraining/worker/worker-sort.ts';

// Messages are strings here: sorting never looks at them.

const SOURCE = '/test';

function event(id: string, rest: Partial<RequestEvent> = {}): RequestEvent {
  return {
    id,
    source: SOURCE,
    type: REQUESTED_TYPE,
    subject: 'births',
    time: '2026-01-01T00:00:00Z',
    data: { model: { name: 'births' }, trigger: { kind: 'manual' }, data: [], parameters: {} },
    retrainseq: '1',
    retrainhop: 0,
    ...rest,
  };
}

function arrival(id: string, rest: Partial<RequestEvent> = {}, message = id): Arrival<string> {
  return { message, read: { kind: 'request', event: event(id, rest) } };
}

function cancel(requestId: string, requestSource?: string): Arrival<string> {
  const data: CancelEvent['data'] = { requestId, ...(requestSource !== undefined && { requestSource }) };
  const { id, source, subject, time } = event('c');
  return {
    message: `cancel ${requestId}`,
    read: { kind: 'cancel', event: { id, source, subject, time, type: CANCEL_TYPE, data } },
  };
}

function sort(
  arrivals: readonly Arrival<string>[],
  { ledger = emptyLedger('births'), modelKnown = true, seen = [] as RequestEvent[] } = {},
): Sorted<string> {
  return sortOut(arrivals, { ledger, nowMs: Date.parse('2026-06-01T00:00:00Z'), modelKnown, seen });
}

function answered(id: string): Ledger {
  return advance(emptyLedger('births'), { type: 'answered', request: { source: SOURCE, id }, answer: 'succeeded' });
}

function postponed(id: string, ledger = emptyLedger('births')): Ledger {
  return advance(ledger, { type: 'postponed', requests: [{ source: SOURCE, id, hop: 0 }], untilMs: 5 });
}

test('a request that nothing is known of is a candidate', () => {
  const { candidates, disposals } = sort([arrival('a')]);
  assert.deepEqual(
    candidates.map(({ id, hop, copies }) => ({ id, hop, copies })),
    [{ id: 'a', hop: 0, copies: [{ message: 'a' }] }],
  );
  assert.deepEqual(disposals, []);
});

test('what cannot be read is dead-lettered with the reader’s reason', () => {
  const { disposals } = sort([{ message: 'm', read: { kind: 'invalid', reason: 'no id' } }]);
  assert.deepEqual(disposals, [{ kind: 'dead-letter', message: 'm', reason: 'InvalidRequest', description: 'no id' }]);
});

test('an answered request is completed, even when its deadline has passed or its model is unknown', () => {
  const late = arrival('a', { expirytime: '2020-01-01T00:00:00Z' });
  const { disposals } = sort([late], { ledger: answered('a'), modelKnown: false });
  assert.deepEqual(disposals, [{ kind: 'answered', message: 'a', request: { source: SOURCE, id: 'a' } }]);
});

test('of a request with a clone after it, the same clone is sent again; the clone itself is a candidate', () => {
  const ledger = postponed('a');
  const { disposals, candidates } = sort([arrival('a', {}, 'original'), arrival('a', { retrainhop: 1 }, 'clone')], {
    ledger,
  });
  assert.deepEqual(
    disposals.map((disposal) => disposal.kind === 'cloned' && [disposal.message, disposal.hop, disposal.atMs]),
    [['original', 1, 5]],
  );
  assert.deepEqual(
    candidates.map(({ copies }) => copies),
    [[{ message: 'clone' }]],
  );
});

test('copies of one request are one candidate; its hop is the highest, so that the next clone has a new number', () => {
  const { candidates } = sort([arrival('a', { retrainhop: 2 }, 'second'), arrival('a', {}, 'first')]);
  assert.equal(candidates.length, 1);
  assert.equal(candidates[0]?.hop, 2);
  assert.deepEqual(candidates[0]?.copies, [{ message: 'second' }, { message: 'first' }]);
});

test('the earlier of deadline and expiry counts', () => {
  const [past, future] = ['2026-05-31T00:00:00Z', '2026-06-02T00:00:00Z'];
  const withDeadline = (deadline: string, expirytime: string): RequestEvent => {
    const plain = event('a', { expirytime });
    return { ...plain, data: { ...plain.data, deadline } };
  };
  for (const [deadline, expiry, dead] of [
    [past, future, true],
    [future, past, true],
    [future, future, false],
  ] as const) {
    const read = { kind: 'request', event: withDeadline(deadline, expiry) } as const;
    assert.equal(sort([{ message: 'a', read }]).disposals.length, dead ? 1 : 0);
  }
});

test('without a trainer for the model a request is dead-lettered and names the remedy', () => {
  const [disposal] = sort([arrival('a')], { modelKnown: false }).disposals;
  assert.ok(disposal?.kind === 'dead-letter');
  assert.equal(disposal.reason, 'UnknownModel');
  assert.match(disposal.description, /births.*configuration/);
});

test('a cancel takes its request out of the candidates, whichever of the two came first', () => {
  for (const arrivals of [
    [arrival('a'), cancel('a'), arrival('b')],
    [cancel('a'), arrival('a'), arrival('b')],
  ]) {
    const { candidates, disposals } = sort(arrivals);
    assert.deepEqual(
      candidates.map(({ id }) => id),
      ['b'],
    );
    const [disposal] = disposals;
    assert.ok(disposal?.kind === 'cancel');
    assert.deepEqual(disposal.targets, [{ source: SOURCE, id: 'a' }]);
    assert.deepEqual([...disposal.messages].sort(), ['a', 'cancel a']);
  }
});

test('a cancel with a source is noted even when its request is not at hand; without one it needs to have been seen', () => {
  const targets = (sorted: Sorted<string>) =>
    sorted.disposals.flatMap((one) => (one.kind === 'cancel' ? one.targets : []));
  assert.deepEqual(targets(sort([cancel('a', '/other')])), [{ source: '/other', id: 'a' }]);
  assert.deepEqual(targets(sort([cancel('a')])), []);
  assert.deepEqual(targets(sort([cancel('a')], { seen: [event('a')] })), [{ source: SOURCE, id: 'a' }]);
});

test('a cancel for another source leaves the request alone', () => {
  assert.equal(sort([arrival('a'), cancel('a', '/other')]).candidates.length, 1);
});

test('a cancel of an answered request has no target', () => {
  const [disposal] = sort([cancel('a', SOURCE)], { ledger: answered('a') }).disposals;
  assert.ok(disposal?.kind === 'cancel');
  assert.deepEqual(disposal.targets, []);
});

test('every message is either settled by a disposal or carried by exactly one candidate', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd');
  const arrivals = fc.array(
    fc.oneof(
      fc.record({ id: ids, retrainhop: fc.nat(2) }).map(({ id, retrainhop }) => arrival(id, { retrainhop })),
      ids.map((id) => cancel(id)),
      fc.constant<Arrival<string>>({ message: 'x', read: { kind: 'invalid', reason: 'r' } }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(arrivals, (some) => {
      const numbered = some.map((one, index) => ({ ...one, message: `${index}` }));
      const { disposals, candidates } = sort(numbered, { ledger: postponed('b', answered('a')) });
      const settled = disposals.flatMap((one) => (one.kind === 'cancel' ? one.messages : [one.message]));
      const carried = candidates.flatMap(({ copies }) => copies.map(({ message }) => message));
      assert.deepEqual([...settled, ...carried].sort(), numbered.map(({ message }) => message).sort());
    }),
  );
});

test('a request is exhausted when its failed or its killed runs reach their limit', () => {
  let ledger = emptyLedger('births');
  const requests = [{ source: SOURCE, id: 'a', hop: 0 }];
  const owner = { host: 'h', pid: 1, startTime: 's' };
  ledger = advance(ledger, { type: 'started', runId: 'r', epoch: 1, owner, atMs: 0, requests });
  ledger = advance(ledger, {
    type: 'stopped',
    atMs: 0,
    attempt: 'killed',
    resolution: 'retry',
    reason: 'r',
    retryAtMs: 1,
    pendingEvents: [],
  });
  const [request] = requests as [(typeof requests)[number]];
  assert.equal(isExhausted(ledger, request, { maxAttempts: 1, maxKills: 9 }), true);
  assert.equal(isExhausted(ledger, request, { maxAttempts: 9, maxKills: 1 }), true);
  assert.equal(isExhausted(ledger, request, { maxAttempts: 2, maxKills: 2 }), false);
});
