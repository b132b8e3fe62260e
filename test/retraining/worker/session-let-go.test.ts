import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { answerOf } from '../../../src/retraining/worker/ledger-view.ts';
import type { StopCause, Trainer, TrainerEnd } from '../../../src/retraining/trainers/trainer.ts';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { files } from '../../../src/runtime/files.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { ME, arrive } from './session-double.ts';
import { SOURCE, cancelOf, ledgerOf, modelWith, request } from './session-model.ts';
import type { Model } from './session-model.ts';
import { failure, registryIn, success } from './worker-fixture.ts';

test('a run that lives elsewhere is let go at a shutdown, and the next worker attaches to it: it costs nothing', async (t) => {
  const attached: string[] = [];
  const model = modelWith(t, () => failure({ meaning: 'retry' }), {
    messages: [request('a')],
    policy: {
      trainer: {
        reattaches: true,
        start(run) {
          attached.push(run.plan.runId);
          if (attached.length === 7) return { result: Promise.resolve(success(model.folder, run, 1)), stop: () => {} };
          let letGo: (end: TrainerEnd) => void;
          const result = new Promise<TrainerEnd>((resolve) => (letGo = resolve));
          const reason = 'let go, it goes on elsewhere';
          const end = {
            kind: 'failed',
            meaning: 'interrupted',
            reason,
            stderrTail: '',
            logFile: '',
            goesOn: true,
          } as const;
          return { result, stop: (_graceMs, cause) => letGo({ ...end, reason: `${cause}: ${reason}` }) };
        },
      },
    },
  });
  const work = model.accept();
  await eventually(() => attached.length > 0);
  model.shutDown();
  await work;
  const left = ledgerOf(model);
  assert.equal(left.run?.stage, 'started');
  assert.equal(model.content.messages.length, 1);
  for (let pid = 2; pid <= 7; pid++) await model.accept({ ...ME, pid });
  assert.equal(new Set(attached).size, 1, 'always the same run id');
  assert.deepEqual(model.content.messages, []);
  const types = model.told.map(({ subject }) => subject);
  assert.ok(!types.includes('retrain.interrupted.v1') && !types.includes('retrain.failed.v1'), types.join());
  assert.ok(types.includes('retrain.succeeded.v1'), types.join());
});

/** Whose runs do nothing until they are told to stop; then they are let go, or ended when they are cancelled. */
function elsewhere(started: string[], stops: StopCause[]): Trainer {
  return {
    reattaches: true,
    start(run) {
      started.push(run.plan.runId);
      let end: (end: TrainerEnd) => void;
      const result = new Promise<TrainerEnd>((resolve) => (end = resolve));
      return {
        result,
        stop(_graceMs, cause) {
          stops.push(cause);
          const goesOn = cause === 'cancelled' ? {} : ({ goesOn: true } as const);
          end({
            kind: 'failed',
            meaning: 'interrupted',
            reason: cause,
            stderrTail: '',
            logFile: '',
            ...goesOn,
          });
        },
      };
    },
  };
}

test('a run that lives elsewhere is cancelled by the next worker, also when the cancel came while nobody looked', async (t) => {
  const [started, stops]: [string[], StopCause[]] = [[], []];
  const options = { messages: [request('a')], policy: { trainer: elsewhere(started, stops) } };
  const model = modelWith(t, () => failure({ meaning: 'retry' }), options);
  const work = model.accept();
  await eventually(() => started.length > 0);
  model.shutDown();
  await work;
  arrive(model.content, cancelOf('c', 'a'));
  await model.accept({ ...ME, pid: 2 });
  assert.equal(stops.includes('cancelled'), true, stops.join());
  assert.equal(answerOf(ledgerOf(model), { source: SOURCE, id: 'a' }), 'cancelled');
});

/** One attempt that is let go, and what is done before the next worker comes. */
async function letGo(model: Model, started: readonly string[]): Promise<void> {
  const work = model.accept();
  await eventually(() => started.length > 0);
  model.shutDown();
  await work;
}

test('a run that lives elsewhere is ended when its requests have expired while nobody looked', async (t) => {
  const [started, stops]: [string[], StopCause[]] = [[], []];
  const options = { messages: [request('a')], policy: { trainer: elsewhere(started, stops) } };
  const model = modelWith(t, () => failure({ meaning: 'retry' }), options);
  await letGo(model, started);
  model.content.messages.length = 0;
  await model.accept({ ...ME, pid: 2 });
  assert.deepEqual(stops, ['shutdown', 'cancelled']);
  assert.equal(new Set(started).size, 1, 'by its own name');
  assert.equal(ledgerOf(model).run, null);
});

test('what a run elsewhere measured of a champion that was rolled back meanwhile does not count', async (t) => {
  const [started, stops]: [string[], StopCause[]] = [[], []];
  const first = elsewhere(started, stops);
  let isBack = false;
  const trainer: Trainer = {
    reattaches: true,
    start(run) {
      if (!isBack) return first.start(run);
      const end = success(model.folder, run, 1);
      assert.equal(end.kind, 'succeeded');
      const metrics = { ...end.result.metrics, champion: { mape: 9 } };
      return { result: Promise.resolve({ ...end, result: { ...end.result, metrics } }), stop: () => undefined };
    },
  };
  const model = modelWith(t, () => failure({ meaning: 'retry' }), { messages: [request('a')], policy: { trainer } });
  const registry = registryIn(model.folder);
  for (const epoch of [1, 2]) await promoteIn(registry, model.folder, epoch);
  await letGo(model, started);
  await registry.rollback('births', { expectedEpoch: 2 });
  isBack = true;
  await model.accept({ ...ME, pid: 2 });
  assert.equal((await registry.read('births')).champion?.runId, 'first-1');
  assert.match(model.told.map((message) => JSON.stringify(message.body)).join(), /champion of epoch 2, now it is 3/);
});

async function promoteIn(registry: Registry, folder: string, epoch: number): Promise<void> {
  const artifact = join(folder, `first-${epoch}`);
  await files.writeAtomic(artifact, `model ${epoch}`);
  const digest = (await files.digest(artifact)) ?? '';
  const promotion = { runId: `first-${epoch}`, epoch, artifact, digest, metrics: { challenger: { mape: 5 } } };
  await registry.promote('births', { ...promotion, expectedEpoch: epoch - 1 });
}
