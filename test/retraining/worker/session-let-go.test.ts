import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf } from '../../../src/retraining/worker/ledger-view.ts';
import type { StopCause, Trainer, TrainerEnd } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { ME, arrive } from './session-double.ts';
import { SOURCE, cancelOf, ledgerOf, modelWith, request } from './session-model.ts';
import { failure, success } from './worker-fixture.ts';

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
