import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TrainerEnd, TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { answerOf, cloneAfter } from '../../../src/retraining/worker/ledger-view.ts';
import { files } from '../../../src/runtime/files.ts';
import { ME, arrive } from './session-double.ts';
import { SOURCE, acceptUntilEmpty, cancelOf, ledgerOf, modelWith, request } from './session-model.ts';
import { failure, registryIn, success } from './worker-fixture.ts';

// What a slot does with a session and its runs.

/** Above what Linux gives out: processes that are gone. */
const NO_PID = 2 ** 22 + 1;

test('an artifact folder that holds a symbolic link is dead-lettered after one training', async (t) => {
  const model = modelWith(
    t,
    (run, folder) => {
      const end = success(folder, run, 1);
      assert.ok(end.kind === 'succeeded');
      const artifact = dirname(end.result.artifact);
      mkdirSync(artifact, { recursive: true });
      symlinkSync('model.json', join(artifact, 'latest'));
      return { ...end, result: { ...end.result, artifact } };
    },
    { messages: [request('a')] },
  );
  await model.accept();
  assert.equal(model.runs.length, 1);
  const [dead] = model.deadLetters;
  assert.equal(dead?.deadLetterReason, 'TrainingFailed');
  assert.match(dead?.deadLetterErrorDescription ?? '', /latest.*permanent/);
});

for (const [name, own] of [
  ['each time another process', false],
  ['the same process, which gave the session up', true],
] as const)
  test(`a training that never lets its worker get any further is given up; taken over by ${name}`, async (t) => {
    const model = modelWith(t, () => Promise.reject(new Error('out of memory')), {
      messages: [request('a')],
      policy: { maxAttempts: 2 },
    });
    for (let i = 0; i < 30 && model.content.messages.length > 0; i++)
      await model.accept(own ? ME : { ...ME, pid: NO_PID + i }).catch(() => undefined);
    // Five interruptions without progress are one attempt.
    assert.equal(model.runs.length, 10);
    assert.equal(model.deadLetters[0]?.deadLetterReason, 'TrainingFailed');
    assert.match(model.deadLetters[0]?.deadLetterErrorDescription ?? '', /interrupted 5 times in a row/);
    assert.equal(ledgerOf(model).run, null);
  });

test('a run whose trainer was never executed costs nothing, however often it is taken up again', async (t) => {
  let down = true;
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: [request('a')],
    policy: { maxAttempts: 1 },
    tell: () => {
      if (down) throw new Error('no outcome queue');
    },
  });
  for (let i = 0; i < 7; i++) await assert.rejects(model.accept());
  down = false;
  await model.accept();
  assert.deepEqual([model.runs, model.deadLetters], [[['a']], []]);
});

for (const [meaning, code] of [
  ['retry', 1],
  ['killed', 137],
] as const)
  test(`a merged plan that used up its attempts with exit code ${code} runs one by one; only what fails alone is dead-lettered`, async (t) => {
    const model = modelWith(
      t,
      (run, folder) =>
        run.plan.requests.some(({ id }) => id === 'bad')
          ? failure({ meaning, exit: { kind: 'exited', code }, stderrTail: 'no column' })
          : success(folder, run, 10 / run.plan.epoch),
      { messages: [request('a'), request('bad'), request('c')], policy: { maxAttempts: 2, maxKills: 2 } },
    );
    await acceptUntilEmpty(model);
    assert.deepEqual(model.runs, [['a', 'bad', 'c'], ['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
    assert.equal(model.deadLetters.length, 1);
    assert.match(model.deadLetters[0]?.deadLetterErrorDescription ?? '', new RegExp(`exit code ${code}.*\nno column`));
    assert.deepEqual(
      ['a', 'bad', 'c'].map((id) => answerOf(ledgerOf(model), { source: SOURCE, id })),
      ['succeeded', undefined, 'succeeded'],
    );
  });

test('a merged plan that is interrupted for ever runs one by one, too', async (t) => {
  const model = modelWith(
    t,
    (run, folder) =>
      run.plan.requests.some(({ id }) => id === 'bad')
        ? failure({ meaning: 'interrupted', reason: 'it took too long', exit: { kind: 'exited', code: 143 } })
        : success(folder, run, 1),
    { messages: [request('a'), request('bad')], policy: { maxAttempts: 1 } },
  );
  await acceptUntilEmpty(model);
  assert.deepEqual(model.runs.slice(5, 7), [['a'], ['bad']]);
  assert.match(model.deadLetters[0]?.deadLetterErrorDescription ?? '', /it took too long.*143/);
});

test('a run that is resumed with a part of its requests answers that part, and the others when they come', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 10 / run.plan.epoch), { messages: [request('a')] });
  const requests = ['a', 'b'].map((id) => ({ source: SOURCE, id, hop: 0 }));
  const started = { type: 'started', runId: 'r1', epoch: 1, owner: ME, atMs: 0, requests } as const;
  model.content.state = encodeLedger(advance(emptyLedger('births'), started));
  await model.accept();
  assert.deepEqual(
    ['a', 'b'].map((id) => answerOf(ledgerOf(model), { source: SOURCE, id })),
    ['succeeded', undefined],
  );
  arrive(model.content, request('b'));
  await model.accept();
  assert.deepEqual(model.runs, [['a'], ['b']]);
});

test('a run that is taken up again comes after every champion, also after one that its ledger does not know of', async (t) => {
  const epochs: number[] = [];
  const train = (run: TrainerRun, folder: string): TrainerEnd => {
    epochs.push(run.plan.epoch);
    return success(folder, run, 1);
  };
  const model = modelWith(t, train, { messages: [request('a')] });
  const artifact = join(model.folder, 'elsewhere');
  writeFileSync(artifact, 'weights');
  const digest = (await files.digest(artifact)) ?? '';
  const metrics = { challenger: { mape: 9 } };
  const promotion = { expectedEpoch: 0, epoch: 5, runId: 'elsewhere', artifact, digest, metrics };
  await registryIn(model.folder).promote('births', promotion);
  const requests = [{ source: SOURCE, id: 'a', hop: 0 }];
  const started = { type: 'started', runId: 'r1', epoch: 1, owner: ME, atMs: 0, requests } as const;
  model.content.state = encodeLedger(advance(emptyLedger('births'), started));
  await model.accept();
  assert.deepEqual(epochs, [6]);
  assert.equal(answerOf(ledgerOf(model), { source: SOURCE, id: 'a' }), 'succeeded');
});

test('more requests than the ledger remembers are put off together, and each is answered', async (t) => {
  const ids = Array.from({ length: 129 }, (_, i) => `r${i}`);
  const model = modelWith(t, (run, folder) => success(folder, run, 10 / run.plan.epoch), {
    messages: ids.map((id) => request(id)),
    policy: { cooldownMs: 60_000 },
  });
  const ledger = { ...emptyLedger('births'), nextRunAtMs: Date.now() + 50_000 };
  model.content.state = encodeLedger(ledger);
  await model.accept();
  assert.equal(model.sent.length, 129);
  assert.ok(model.sent.every(({ scheduledEnqueueTimeUtc }) => scheduledEnqueueTimeUtc !== undefined));
  assert.ok(model.sent.every(({ applicationProperties }) => applicationProperties?.['cloudEvents_retrainhop'] === 1));
  assert.equal(new Set(model.sent.map(({ messageId }) => messageId)).size, 129);
});

test('a cancel with an id of 128 characters cancels, and does not hold up the model', async (t) => {
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: [request('a'), cancelOf('x'.repeat(128), 'a'), request('b')],
  });
  await model.accept();
  assert.deepEqual([model.runs, model.content.messages], [[['b']], []]);
  assert.equal(answerOf(ledgerOf(model), { source: SOURCE, id: 'a' }), 'cancelled');
  assert.ok(model.told.some(({ subject }) => subject === 'retrain.cancelled.v1'));
});

test('a message that cannot be disposed of does not hold up the others of its session', async (t) => {
  let fails = true;
  const model = modelWith(t, (run, folder) => success(folder, run, 1), {
    messages: [cancelOf('c', 'a'), request('a'), request('b')],
    tell: ({ subject }) => {
      if (fails && subject === 'retrain.cancelled.v1') throw new Error('nobody can be told');
    },
  });
  await assert.rejects(model.accept(), /nobody can be told/);
  assert.deepEqual(model.runs, [['b']]);
  assert.equal(answerOf(ledgerOf(model), { source: SOURCE, id: 'b' }), 'succeeded');
  fails = false;
  await acceptUntilEmpty(model);
  assert.deepEqual([model.runs.length, answerOf(ledgerOf(model), { source: SOURCE, id: 'a' })], [1, 'cancelled']);
});

test('a run that failed or was interrupted begins the cool-down, too', async (t) => {
  for (const meaning of ['retry', 'interrupted'] as const) {
    const model = modelWith(t, () => failure({ meaning }), {
      messages: [request('a')],
      policy: { cooldownMs: 60_000 },
    });
    const before = Date.now();
    await model.accept();
    assert.deepEqual(model.runs, [['a']]);
    const clone = cloneAfter(ledgerOf(model), { source: SOURCE, id: 'a', hop: 0 });
    assert.ok((clone?.atMs ?? 0) >= before + 60_000, meaning);
    assert.equal(clone?.hop, 1);
    assert.ok(ledgerOf(model).nextRunAtMs <= (clone?.atMs ?? 0), 'the clone has to wait once only');
    assert.ok(ledgerOf(model).nextRunAtMs >= before + 60_000);
  }
});

test('a run that a shutdown interrupts costs nothing: no cool-down, and the message goes back as it is', async (t) => {
  const model = modelWith(
    t,
    () => {
      model.shutDown();
      return failure({ meaning: 'interrupted' });
    },
    { messages: [request('a')], policy: { cooldownMs: 60_000 } },
  );
  await model.accept();
  assert.deepEqual(model.runs, [['a']]);
  assert.equal(ledgerOf(model).nextRunAtMs, 0);
  assert.equal(model.content.messages.length, 1);
  assert.deepEqual(model.sent, []);
});

test('the plan names the champion with what was measured of it when it was promoted', async (t) => {
  const champions: unknown[] = [];
  const model = modelWith(
    t,
    (run, folder) => {
      champions.push(run.plan.champion && { ...run.plan.champion, artifact: '' });
      return success(folder, run, 5 / run.plan.epoch);
    },
    { messages: [request('a')] },
  );
  await model.accept();
  arrive(model.content, request('b'));
  await model.accept();
  assert.deepEqual(champions, [null, { artifact: '', epoch: 1, metrics: { mape: 5 } }]);
});
