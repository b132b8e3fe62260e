import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceBusMessage } from '@azure/service-bus';
import { readOutcome } from '../../../src/retraining/outcome.ts';
import type { OutcomeEvent } from '../../../src/retraining/outcome.ts';
import { received } from '../received-message.ts';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { LinkDouble, ME, arrive } from './session-double.ts';
import { SOURCE, TIME, acceptUntilEmpty, modelWith, request } from './session-model.ts';
import { failure, success } from './worker-fixture.ts';

// What outcome events tell beyond the fact itself, and that they keep their ids.

const AT = new Date(TIME).toISOString();
const DECAY = {
  trigger: { kind: 'performance-decay', metric: 'mape', baseline: 2, observed: 3.5, threshold: 3 },
} as const;

function told(messages: readonly ServiceBusMessage[], outcome: string): OutcomeEvent[] {
  return messages.flatMap((message) => {
    const read = readOutcome(received(message));
    assert.equal(read.kind, 'valid', JSON.stringify(read));
    return read.kind === 'valid' && read.event.type === `retrain.${outcome}.v1` ? [read.event] : [];
  });
}

test('the events of a run carry the evidence of its requests, the plan in numbers and the numbers of the gate', async (t) => {
  const data = [{ uri: 'https://example.net/births.csv', etag: '"1"' }];
  const model = modelWith(t, (run, folder) => success(folder, run, 1.5), {
    messages: [request('a', DECAY), request('b', { data, parameters: { window: 3 }, requestedBy: 'ann' })],
  });
  await acceptUntilEmpty(model);
  const [started] = told(model.told, 'started');
  assert.deepEqual(started?.data.plan, { requests: 2, dataItems: 1, parameters: ['window'] });
  assert.deepEqual(started?.data.evidence, [
    { request: { source: SOURCE, id: 'a' }, time: AT, trigger: DECAY.trigger },
    {
      request: { source: SOURCE, id: 'b' },
      time: AT,
      trigger: { kind: 'manual' },
      data,
      requestedBy: 'ann',
    },
  ]);
  assert.deepEqual([started?.data.host, started?.data.maxAttempts], [ME.host, 5]);
  assert.deepEqual(
    told(model.told, 'coalesced').map((event) => event.data.evidence?.map(({ request: { id } }) => id)),
    [['a'], ['b']],
  );
  const [promoted] = told(model.told, 'promoted');
  assert.deepEqual(promoted?.data.gate, { metric: 'mape', direction: 'minimize', minImprovement: 0, challenger: 1.5 });
  assert.equal(promoted?.data.evidence?.[0]?.trigger.observed, 3.5);
});

test('a request that is given up tells where it lies, why, and after how many attempts', async (t) => {
  const model = modelWith(t, () => failure({ meaning: 'permanent', reason: 'no data' }), {
    messages: [request('a', DECAY)],
  });
  await acceptUntilEmpty(model);
  const [dead] = told(model.told, 'deadlettered');
  assert.deepEqual(dead?.data.deadLetter, { queue: 'work', reason: 'TrainingFailed', messageId: 'a' });
  assert.deepEqual([dead?.data.attempt, dead?.data.maxAttempts], [1, 5]);
  assert.equal(dead?.data.evidence?.[0]?.trigger.threshold, 3);
});

test('a message that cannot be read is told, too, under its place in the queue', async (t) => {
  const model = modelWith(t, () => failure(), { messages: [{ body: 'x', messageId: 'm1', sessionId: 'births' }] });
  await acceptUntilEmpty(model);
  const [dead] = told(model.told, 'deadlettered');
  assert.deepEqual(dead?.data.deadLetter, { queue: 'work', reason: 'InvalidRequest', messageId: 'm1' });
  assert.equal(dead?.data.request, undefined);
  assert.equal(dead?.id, 'deadlettered.InvalidRequest.work.1');
});

test('a request that waits for the end of a cool-down or of the day is told with the time, once for each clone', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: [request('a')],
    policy: { cooldownMs: 3_600_000 },
  });
  await model.accept();
  arrive(model.content, request('b', DECAY));
  const write = t.mock.method(LinkDouble.prototype, 'setSessionState', () => {
    throw new Error('the worker ends here');
  });
  await assert.rejects(model.accept());
  write.mock.restore();
  await acceptUntilEmpty(model);
  const events = told(model.told, 'postponed');
  assert.deepEqual([events.length, new Set(events.map(({ id }) => id)).size], [2, 1]);
  assert.deepEqual([events[0]?.data.cause, events[0]?.data.request?.id], ['cool-down', 'b']);
  assert.ok(Date.parse(events[0]?.data.retryAt ?? '') > Date.now());
  assert.equal(events[0]?.data.evidence?.[0]?.trigger.observed, 3.5);
});

test('a run whose worker was killed is told as interrupted when it begins again', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 1), { messages: [request('a')] });
  const requests = [{ source: SOURCE, id: 'a', hop: 0 }];
  // A process of this host that is gone.
  const owner = { ...ME, pid: 2 ** 22 + 1, startTime: 'before' };
  const started = { type: 'started', runId: 'r1', epoch: 1, owner, atMs: 0, requests } as const;
  model.content.state = encodeLedger(advance(emptyLedger('births'), started));
  await acceptUntilEmpty(model);
  const [interrupted] = told(model.told, 'interrupted');
  assert.deepEqual([interrupted?.id, interrupted?.data.interruptions], ['r1.interrupted.1', 1]);
  assert.equal(told(model.told, 'started')[0]?.id, 'r1.started.2');
});

test('the events of a hundred requests with long evidence stay within an envelope', async (t) => {
  const long = 'm'.repeat(200);
  const trigger = { ...DECAY.trigger, metric: long, detector: long };
  const ids = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(60, 'x'));
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: ids.map((id) => request(id, { trigger, requestedBy: long })),
  });
  await acceptUntilEmpty(model);
  assert.deepEqual(model.deadLetters, []);
  for (const outcome of ['started', 'promoted']) {
    const [event] = told(model.told, outcome);
    const { evidence = [], requests = [] } = event?.data ?? {};
    assert.ok(evidence.length > 0 && evidence.length < requests.length, outcome);
  }
});
