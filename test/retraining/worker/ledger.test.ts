import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { advance, emptyLedger, INTERRUPTIONS_PER_ATTEMPT } from '../../../src/retraining/worker/ledger.ts';
import type { LedgerEvent } from '../../../src/retraining/worker/ledger.ts';
import { decodeLedger, encodeLedger, LEDGER_MAX_BYTES } from '../../../src/retraining/worker/ledger-codec.ts';
import { ANSWERED_MAX, PENDING_EVENTS_MAX, WAITING_MAX } from '../../../src/retraining/worker/ledger-record.ts';
import type { Ledger, RunRequest } from '../../../src/retraining/worker/ledger-record.ts';
import { answerOf, cloneAfter, nextRun, waitingOf } from '../../../src/retraining/worker/ledger-view.ts';
import { requestKey } from '../../../src/retraining/identity.ts';
import {
  owner,
  a,
  b,
  noon,
  digest,
  started,
  restarted,
  limits,
  trained,
  decided,
  stopped,
  run,
} from './ledger-events.ts';

test('a promoted run goes through every stage and leaves its requests answered', () => {
  const events = [started(), trained, decided, { type: 'applied' }, { type: 'told' }] as const;
  const stages = events.map((_, i) => run(...events.slice(0, i + 1)).run?.stage);
  assert.deepEqual(stages, ['started', 'trained', 'decided', 'applied', 'told']);
  const end = run(...events, { type: 'settled', nextRunAtMs: noon + 60_000 });
  assert.equal(end.run, null);
  assert.equal(end.epoch, 1);
  assert.deepEqual([answerOf(end, a), answerOf(end, b)], ['succeeded', 'succeeded']);
  assert.equal(nextRun(end, { nowMs: noon, maxRunsPerDay: 10, cooldownMs: 60_000 }).atMs, noon + 60_000);
});

test('a rejected run answers its requests too', () => {
  const end = run(
    started(),
    trained,
    { ...decided, verdict: 'reject' },
    { type: 'applied' },
    { type: 'told' },
    { type: 'settled' },
  );
  assert.equal(answerOf(end, a), 'rejected');
});

test('an event that does not fit the stage is refused', () => {
  const before: Record<string, Ledger> = {
    none: run(),
    started: run(started()),
    trained: run(started(), trained),
    decided: run(started(), trained, decided),
    applied: run(started(), trained, decided, { type: 'applied' }),
    told: run(started(), trained, decided, { type: 'applied' }, { type: 'told' }),
    stopped: run(started(), stopped()),
  };
  const events: LedgerEvent[] = [
    started(2),
    trained,
    decided,
    { type: 'applied' as const },
    { type: 'told' as const },
    { type: 'settled' as const },
    stopped(),
    { type: 'interrupted' as const, progress: 0 },
    { type: 'leased' as const, owner },
    { type: 'restarted', owner, epoch: 2, atMs: noon, interrupted: true },
    { type: 'narrowed', requests: [a] },
  ];
  const fitting: Record<string, string> = {
    none: 'started',
    started: 'trained stopped interrupted leased restarted narrowed',
    trained: 'decided stopped leased restarted',
    decided: 'applied stopped leased restarted',
    applied: 'told leased',
    told: 'settled leased',
    stopped: 'settled leased',
  };
  for (const [stage, ledger] of Object.entries(before))
    for (const event of events) {
      if (fitting[stage]?.split(' ').includes(event.type))
        assert.ok(advance(ledger, event), `${event.type} after ${stage}`);
      else assert.throws(() => advance(ledger, event), { code: 'LEDGER_INVALID' }, `${event.type} after ${stage}`);
    }
});

test('the epoch only grows, and a take-over that trains again gets a new one', () => {
  const ledger = run(started(5));
  assert.throws(() => advance(run(started(5), stopped(), { type: 'settled' }), started(5)), { code: 'LEDGER_INVALID' });
  assert.throws(() => advance(ledger, { ...restarted, epoch: 5 }), { code: 'LEDGER_INVALID' });
  const other = { ...owner, pid: 2 };
  const again = advance(advance(ledger, trained), { ...restarted, owner: other, epoch: 6 });
  assert.deepEqual(
    [again.epoch, again.run?.stage, again.run?.runId, again.run?.epoch, again.run?.lease, again.run?.owner.pid],
    [6, 'started', 'run-5', 6, 2, 2],
  );
});

test('a lease keeps the stage and raises the counter', () => {
  const before = run(started(), trained);
  const after = advance(before, { type: 'leased', owner: { ...owner, pid: 9 } });
  assert.deepEqual({ ...after.run, owner, lease: 1 }, before.run);
  assert.equal(after.run?.lease, 2);
});

test('a failed run counts an attempt and numbers one clone for each request, in one write', () => {
  const ledger = run(started(), stopped());
  assert.deepEqual(cloneAfter(ledger, a), { hop: 1, atMs: noon + 1000 });
  assert.equal(waitingOf(ledger, b).failed, 1);
  const settled = advance(ledger, { type: 'settled' });
  assert.equal(answerOf(settled, a), undefined);
  assert.deepEqual(cloneAfter(settled, a), { hop: 1, atMs: noon + 1000 });
  assert.equal(cloneAfter(settled, { ...a, hop: 1 }), undefined);
  const twice = [started(2, [{ ...a, hop: 1 }]), stopped({ attempt: 'killed', retryAtMs: noon + 5 })].reduce(
    advance,
    settled,
  );
  assert.deepEqual(cloneAfter(twice, { ...a, hop: 1 }), { hop: 2, atMs: noon + 5 });
  assert.deepEqual([waitingOf(twice, a).failed, waitingOf(twice, a).killed], [2, 1]);
});

test('a plan that fails for good is split: its requests come back alone, and only what fails alone is dead-lettered', () => {
  const split = run(started(), stopped({ resolution: 'split', limits }), { type: 'settled' });
  assert.ok(waitingOf(split, a).alone && waitingOf(split, b).alone);
  const dead = [
    started(2, [{ ...a, hop: 1 }]),
    stopped({ resolution: 'dead-letter' }),
    { type: 'settled' as const },
  ].reduce(advance, split);
  assert.equal(answerOf(dead, a), undefined);
  assert.equal(waitingOf(dead, a).failed, 0);
  assert.ok(waitingOf(dead, b).alone);
});

test('a cancelled run answers its requests as cancelled, and a cancel during a run outlives it', () => {
  const cancelled = run(started(), stopped({ attempt: 'none', resolution: 'cancel' }), { type: 'settled' });
  assert.equal(answerOf(cancelled, a), 'cancelled');
  assert.equal(waitingOf(cancelled, a).failed, 0);
  const during = run(
    started(),
    { type: 'answered', request: a, answer: 'cancelled' },
    trained,
    decided,
    { type: 'applied' },
    { type: 'told' },
    { type: 'settled' },
  );
  assert.deepEqual([answerOf(during, a), answerOf(during, b)], ['cancelled', 'succeeded']);
});

test('five interruptions in a row without progress count as one attempt, progress begins anew', () => {
  let ledger = emptyLedger('m');
  const interrupt = (progress: number): void => {
    ledger = advance(advance(ledger, started(ledger.epoch + 1, [a])), { type: 'interrupted', progress });
  };
  for (let i = 0; i < INTERRUPTIONS_PER_ATTEMPT - 1; i++) interrupt(0);
  assert.equal(waitingOf(ledger, a).failed, 0);
  interrupt(0.5);
  interrupt(0.5);
  assert.deepEqual([waitingOf(ledger, a).failed, waitingOf(ledger, a).interrupted], [0, 2]);
  for (let i = 0; i < INTERRUPTIONS_PER_ATTEMPT - 2; i++) interrupt(0.4);
  assert.deepEqual([waitingOf(ledger, a).failed, waitingOf(ledger, a).interrupted], [1, 0]);
  assert.equal(ledger.run, null);
});

test('a postponed request has one clone however often the crash comes between write and completion', () => {
  const once = run({ type: 'postponed', requests: [a], untilMs: noon });
  const again = advance(once, { type: 'postponed', requests: [a], untilMs: noon + 99 });
  assert.deepEqual(cloneAfter(again, a), { hop: 1, atMs: noon });
  const next = advance(again, { type: 'postponed', requests: [{ ...a, hop: 1 }], untilMs: noon + 99 });
  assert.deepEqual(cloneAfter(next, { ...a, hop: 1 }), { hop: 2, atMs: noon + 99 });
});

test('a forgotten clone number never goes back: the hop of the message at hand is the floor', () => {
  const ledger = run({ type: 'postponed', requests: [{ ...a, hop: 7 }], untilMs: noon });
  assert.equal(cloneAfter(ledger, { ...a, hop: 7 })?.hop, 8);
  assert.equal(waitingOf(run(started(1, [{ ...a, hop: 7 }]), stopped()), a).hop, 8);
});

test('what is remembered is bounded, and the newest stays', () => {
  let ledger = emptyLedger('m');
  const numbered = (i: number): RunRequest => ({ source: '/s', id: String(i), hop: 0 });
  for (let i = 0; i < 1000; i++) {
    ledger = advance(ledger, { type: 'answered', request: numbered(i), answer: 'succeeded' });
    ledger = advance(ledger, { type: 'postponed', requests: [numbered(i + 5000)], untilMs: noon });
  }
  assert.equal(ledger.answered.length, ANSWERED_MAX);
  assert.equal(ledger.waiting.length, WAITING_MAX);
  assert.equal(answerOf(ledger, numbered(999)), 'succeeded');
  assert.equal(answerOf(ledger, numbered(0)), undefined);
});

test('a result that would not fit is refused with the remedy', () => {
  const large = { ...trained, artifact: 'x'.repeat(5000) } as LedgerEvent;
  assert.throws(() => run(started(), large), { code: 'TRAINER_FAILED', message: /^artifact .* RETRAIN_OUTPUT$/ });
  assert.throws(() => run(started(1, [])), { code: 'ARGUMENT_INVALID' });
  assert.throws(
    () =>
      run(
        started(),
        stopped({ pendingEvents: Array.from({ length: PENDING_EVENTS_MAX + 1 }, () => ({ outcome: 'failed' })) }),
      ),
    {
      code: 'ARGUMENT_INVALID',
    },
  );
});

// Whatever strangers and trainers write, at whatever length: the ledger stays readable and under its limit.

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('"', '\\', '\u0000', '\ud800', '€', '😀', 'a').map((character) => character.repeat(6000)),
);
const identity = fc.nat(400).map((i): RunRequest => ({
  source: `/source/${i}`.padEnd(60, '"'),
  id: `${i}`.padEnd(32, '\\'),
  hop: i % 3 ? 0 : 999_998,
}));
const requests = fc.uniqueArray(identity, { minLength: 1, maxLength: 60, selector: requestKey, size: 'max' });
const pendingEvents = fc.array(
  identity.map((request) => ({ outcome: 'deadlettered' as const, request: requestKey(request) })),
  { maxLength: PENDING_EVENTS_MAX, size: 'max' },
);
const anyEvent: fc.Arbitrary<LedgerEvent> = fc.oneof(
  fc.record({ type: fc.constant('answered' as const), request: identity, answer: fc.constant('cancelled' as const) }),
  fc.record({ type: fc.constant('postponed' as const), requests, untilMs: fc.constant(8.64e15) }),
  fc.record({ type: fc.constant('interrupted' as const), progress: fc.double({ min: -1, max: 2 }) }),
  fc.constant({ type: 'applied' as const }),
  fc.constant({ type: 'told' as const }),
  fc.constant({ type: 'settled' as const, nextRunAtMs: 8.64e15 }),
  fc
    .record({
      type: fc.constant('started' as const),
      runId: fc.constant('r'.repeat(64)),
      requests,
      epoch: fc.constant(0),
    })
    .map((event) => ({
      ...event,
      atMs: noon,
      owner: { host: 'h'.repeat(255), pid: 4_194_304, startTime: '9'.repeat(64) },
    })),
  fc
    .record({ type: fc.constant('trained' as const), artifact: hostile, notes: hostile })
    .map((event) => ({ ...event, atMs: noon, digest, metrics: { challenger: { ['m'.repeat(3000)]: 1 } } })),
  fc
    .record({
      type: fc.constant('decided' as const),
      reason: hostile,
      pendingEvents,
      artifact: fc.string({ maxLength: 2000, minLength: 2000 }),
    })
    .map(({ artifact, ...event }) => ({
      ...event,
      atMs: noon,
      verdict: 'reject' as const,
      registryEpoch: 2 ** 52,
      previousChampion: { runId: 'r'.repeat(64), epoch: 2 ** 52, artifact, digest },
    })),
  fc
    .record({ type: fc.constant('stopped' as const), reason: hostile, outputTail: hostile, pendingEvents })
    .map((event) => ({
      ...event,
      atMs: noon,
      attempt: 'killed' as const,
      resolution: 'split' as const,
      limits,
      retryAtMs: 8.64e15,
    })),
);

test('a ledger is at most 64 KiB and survives the trip through bytes, whatever happened to it', () => {
  let largest = 0;
  fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 10, maxLength: 60, size: 'max' }), (events) => {
      let ledger = emptyLedger('m'.repeat(128));
      for (const event of events) {
        try {
          ledger = advance(ledger, event.type === 'started' ? { ...event, epoch: ledger.epoch + 1 } : event);
        } catch (error) {
          assert.ok((error as { code?: string }).code, String(error));
        }
        const bytes = encodeLedger(ledger);
        largest = Math.max(largest, bytes.length);
        assert.deepEqual(decodeLedger(bytes, ledger.model), ledger);
      }
    }),
    { numRuns: 40 },
  );
  assert.ok(largest > 20_000 && largest <= LEDGER_MAX_BYTES, `the largest took ${largest} bytes`);
});

test('with every part at its limit a ledger still fits, with the reserve that its table states', () => {
  const large = (length: number): string => 'x'.repeat(length);
  const many = (count: number, prefix: string): RunRequest[] =>
    Array.from({ length: count }, (_, i) => ({ source: `/s/${prefix}`.padEnd(60, 's'), id: `${i}`, hop: 999_998 }));
  let ledger = emptyLedger(large(128));
  for (let i = 0; i < 3; i++)
    for (const request of many(ANSWERED_MAX, `answered${i}`))
      ledger = advance(ledger, { type: 'answered', request, answer: 'succeeded' });
  ledger = advance(ledger, { type: 'postponed', requests: many(WAITING_MAX, 'waiting'), untilMs: 8.64e15 });
  ledger = {
    ...ledger,
    waiting: ledger.waiting.map((w) => ({ ...w, failed: 999_999, killed: 999_999, progress: 0.1234, interrupted: 4 })),
  };
  const inPlan = many(100, 'plan');
  const requests = inPlan.slice(0, Math.floor((12 * 1024 - 2) / (Buffer.byteLength(JSON.stringify(inPlan[99])) + 1)));
  const worst: LedgerEvent[] = [
    {
      type: 'started',
      runId: large(64),
      epoch: 2 ** 52,
      atMs: noon,
      requests,
      owner: { host: large(255), pid: 2 ** 31, startTime: large(64) },
    },
    {
      type: 'trained',
      atMs: noon,
      artifact: large(4094),
      notes: large(2000),
      digest,
      metrics: { challenger: { [large(3000)]: 0.123456789 } },
    },
    {
      type: 'decided',
      atMs: noon,
      verdict: 'promote',
      reason: large(2000),
      registryEpoch: 2 ** 52,
      previousChampion: { runId: large(64), epoch: 2 ** 52, artifact: large(4094), digest },
      pendingEvents: Array.from({ length: PENDING_EVENTS_MAX }, () => ({
        outcome: 'deadlettered' as const,
        request: requestKey(a),
      })),
    },
  ];
  for (const event of worst) ledger = advance(ledger, event);
  const { length } = encodeLedger(ledger);
  assert.ok(length > 55_000 && length < 61_500, `${length} bytes`);
  assert.deepEqual(decodeLedger(encodeLedger(ledger), ledger.model), ledger);
});

test('no state is an empty ledger; the client may have parsed the JSON already', () => {
  for (const state of [undefined, null, '', Buffer.alloc(0)])
    assert.deepEqual(decodeLedger(state, 'm'), emptyLedger('m'));
  const ledger = run(started(), trained);
  const bytes = encodeLedger(ledger);
  for (const state of [bytes, bytes.toString(), JSON.parse(bytes.toString()), new Uint8Array(bytes)])
    assert.deepEqual(decodeLedger(state, 'm'), ledger);
});

test('a state that is no ledger of this release and this model is refused, never overwritten', () => {
  const ledger = run(started());
  const refused: [unknown, RegExp][] = [
    [{ ...ledger, version: 2 }, /has version 2, this release reads version 1/],
    ['{}', /has version none/],
    ['text', /is not JSON/],
    [7, /has version none/],
    [{ ...ledger, epoch: -1 }, /is damaged: epoch/],
    [{ ...ledger, extra: 1 }, /is damaged/],
    [{ ...ledger, run: { ...ledger.run, stage: 'unknown' } }, /is damaged: run\.stage/],
    [{ ...ledger, model: 'n' }, /belongs to the model n/],
  ];
  for (const [state, message] of refused)
    assert.throws(() => decodeLedger(state, 'm'), { code: 'LEDGER_INVALID', message });
});
