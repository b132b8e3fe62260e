import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { answerOf } from '../../../src/retraining/worker/ledger-view.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ME } from './session-double.ts';
import { SOURCE, acceptUntilEmpty, ledgerOf, modelWith, request } from './session-model.ts';
import { failure, success } from './worker-fixture.ts';

// Which requests a run answers: the limits of a plan, and deadlines.

const HOUR_MS = 3_600_000;

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

test('a model whose plans are limited to two requests trains five in three runs', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 10 / run.plan.epoch), {
    messages: ['a', 'b', 'c', 'd', 'e'].map((id) => request(id)),
    policy: { maxRequests: 2 },
  });
  await acceptUntilEmpty(model);
  assert.deepEqual(
    model.runs.map((ids) => ids.length),
    [2, 2, 1],
  );
  assert.deepEqual(model.runs.flat().sort(), ['a', 'b', 'c', 'd', 'e']);
});

test("a model's own backoff is taken instead of the worker's", async (t) => {
  const model = modelWith(t, () => failure(), {
    messages: [request('a')],
    policy: { backoff: { baseMs: HOUR_MS, maxMs: HOUR_MS } },
    fraction: 1 - Number.EPSILON,
  });
  const before = Date.now();
  await model.accept();
  const [clone] = model.sent;
  assert.ok(Number(clone?.scheduledEnqueueTimeUtc) >= before + HOUR_MS - 1);
});

test('a deadline that passes while the trainer runs does not take away the answer', async (t) => {
  let nowMs = Date.now();
  const clock = { ...systemClock, wallMs: () => nowMs };
  const model = modelWith(
    t,
    (run, folder) => {
      nowMs += 2 * HOUR_MS;
      return success(folder, run, 1);
    },
    { messages: [request('a', { deadline: inMs(HOUR_MS) }), request('b')], clock },
  );
  await acceptUntilEmpty(model);
  assert.deepEqual([model.runs, model.deadLetters], [[['a', 'b']], []]);
  assert.equal(answerOf(ledgerOf(model), { source: SOURCE, id: 'a' }), 'succeeded');
});

test('a run that is resumed after the deadline of one of its requests leaves that one out', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: [request('late', { deadline: inMs(-HOUR_MS) }), request('b')],
  });
  const requests = ['late', 'b'].map((id) => ({ source: SOURCE, id, hop: 0 }));
  const started = { type: 'started', runId: 'r1', epoch: 1, owner: ME, atMs: 0, requests } as const;
  model.content.state = encodeLedger(advance(emptyLedger('births'), started));
  await acceptUntilEmpty(model);
  assert.deepEqual(model.runs, [['b']]);
  assert.equal(model.deadLetters[0]?.deadLetterReason, 'DeadlineExceeded');
});

test('a request that would have to wait beyond its deadline is given up at once', async (t) => {
  const policy = { cooldownMs: 2 * HOUR_MS };
  const model = modelWith(t, () => failure(), {
    messages: [request('a', { deadline: inMs(HOUR_MS) }), request('b', { deadline: inMs(3 * HOUR_MS) })],
    policy,
  });
  await acceptUntilEmpty(model);
  assert.deepEqual(
    model.deadLetters.map(({ deadLetterReason }) => deadLetterReason),
    ['DeadlineExceeded'],
  );
  assert.match(model.deadLetters[0]?.deadLetterErrorDescription ?? '', /would have to wait until .* its deadline is/);
  assert.equal(model.sent.length, 1);
  assert.equal(model.told.filter(({ subject }) => subject === 'retrain.deadlettered.v1').length, 1);
});
