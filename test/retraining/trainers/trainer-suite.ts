import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RUN_LOG_BYTES } from '../../../src/retraining/trainers/run-output.ts';
import type { StopCause, Trainer, TrainerEnd, TrainerProgress } from '../../../src/retraining/trainers/trainer.ts';
import { eventually, runOf } from './run-fixture.ts';

/** What a training does, whatever kind of trainer runs it. */
export type Training =
  /** Prints and tells progress, then gives this result. */
  | { readonly does: 'succeed'; readonly prints?: readonly string[]; readonly result: unknown }
  /** Says something and ends with this exit code; 137 is an end by SIGKILL. */
  | { readonly does: 'fail'; readonly code: number; readonly says: string }
  /** Ends well, with this text for a result; undefined: without one. */
  | { readonly does: 'babble'; readonly result: string | undefined }
  /** Works until it is told to end. `deaf`: it does not listen. */
  | { readonly does: 'hang'; readonly deaf?: boolean }
  /** Works until it is released, then gives this result. */
  | { readonly does: 'wait'; readonly prints?: readonly string[]; readonly result: unknown }
  /** Prints so much, then gives this result. */
  | { readonly does: 'shout'; readonly bytes: number; readonly result: unknown }
  /** Gives its model, run id, epoch and trace context as notes. */
  | { readonly does: 'introduce itself' };

/** Where trainings run, seen by a test. */
export interface TrainingGround {
  /** A trainer as a worker has it; each call is another worker. */
  trainer(): Trainer;
  /** How many trainings were begun. */
  begun(): number | Promise<number>;
  /** How many of them are at work. */
  atWork(): number | Promise<number>;
  /** Lets those that wait go on. */
  release(): void;
}

export interface SuiteOptions {
  /** The kind of trainer, in the tests' names. */
  readonly name: string;
  /** Whether runs live elsewhere. */
  readonly reattaches: boolean;
  readonly open: (
    t: TestContext,
    training: Training,
    limits: { readonly maxRunMs?: number },
  ) => TrainingGround | Promise<TrainingGround>;
}

export const GOOD = {
  metrics: { challenger: { mape: 2 }, champion: { mape: 3.5 } },
  artifact: 'https://example.net/models/7',
  notes: 'fine',
};

const MEANINGS = [
  [1, 'retry'],
  [42, 'permanent'],
  [64, 'permanent'],
  [75, 'retry'],
  [130, 'interrupted'],
  [137, 'killed'],
  [143, 'interrupted'],
] as const;

const BAD_RESULTS: readonly (readonly [string, string | undefined, RegExp])[] = [
  ['is missing', undefined, /no result/],
  ['is not JSON', '{"metrics":', /not JSON|valid/],
  ['has no artifact', '{"metrics":{"challenger":{"mape":1}}}', /artifact/],
  ['has text for a metric', '{"metrics":{"challenger":{"mape":"1"}},"artifact":"https://a/b"}', /mape/],
];

const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1' };

/** How long a test that waits for a time limit lets it be. */
const SHORT_RUN_MS = 1500;

/** What every trainer has to do. */
export function trainerSuite(options: SuiteOptions): void {
  ends(options);
  output(options);
  stops(options);
  if (options.reattaches) attachments(options);
}

function ends({ name, open }: SuiteOptions): void {
  test(`${name}: the result of a training is read`, async (t) => {
    const ground = await open(t, { does: 'succeed', result: GOOD }, {});
    const end = await ground.trainer().start(runOf()).result;
    assert.ok(end.kind === 'succeeded', JSON.stringify(end));
    assert.deepEqual(end.result, GOOD);
    assert.equal(await ground.atWork(), 0);
  });

  test(`${name}: model, run, epoch and trace context are handed on`, async (t) => {
    const ground = await open(t, { does: 'introduce itself' }, {});
    const end = await ground.trainer().start(runOf({ epoch: 7 }, TRACE)).result;
    assert.ok(end.kind === 'succeeded', JSON.stringify(end));
    assert.deepEqual(JSON.parse(end.result.notes ?? ''), { model: 'births', runId: 'run-1', epoch: 7, ...TRACE });
  });

  for (const [code, meaning] of MEANINGS)
    test(`${name}: an end with exit code ${code} means ${meaning}`, async (t) => {
      const ground = await open(t, { does: 'fail', code, says: 'the column price is missing' }, {});
      const end = failed(await ground.trainer().start(runOf()).result);
      assert.equal(end.meaning, meaning, JSON.stringify(end));
      assert.match(end.reason, new RegExp(String(code)));
      assert.match(end.stderrTail, /the column price is missing/);
      assert.equal(end.goesOn, undefined);
    });

  for (const [what, result, reason] of BAD_RESULTS)
    test(`${name}: a training that ended well but whose result ${what} has failed and is tried again`, async (t) => {
      const ground = await open(t, { does: 'babble', result }, {});
      const end = failed(await ground.trainer().start(runOf()).result);
      assert.equal(end.meaning, 'retry', JSON.stringify(end));
      assert.match(end.reason, reason);
    });
}

function output({ name, open }: SuiteOptions): void {
  test(`${name}: progress is told, and what is printed is in the log`, async (t) => {
    const prints = ['{"progress":0.25}', 'hello'];
    const ground = await open(t, { does: 'succeed', prints, result: GOOD }, {});
    const told: TrainerProgress[] = [];
    const end = await ground.trainer().start(runOf({}, { onProgress: (progress) => told.push(progress) })).result;
    assert.ok(end.kind === 'succeeded', JSON.stringify(end));
    assert.ok(
      told.some(({ progress }) => progress === 0.25),
      JSON.stringify(told),
    );
    assert.match(readFileSync(end.logFile, 'utf8'), /hello/);
  });

  test(`${name}: a training that prints much more than the log holds does no harm`, async (t) => {
    const ground = await open(t, { does: 'shout', bytes: 8 * RUN_LOG_BYTES, result: GOOD }, {});
    const end = await ground.trainer().start(runOf()).result;
    assert.ok(end.kind === 'succeeded', JSON.stringify(end));
    assert.ok(statSync(end.logFile).size <= RUN_LOG_BYTES);
  });
}

function stops({ name, open, reattaches }: SuiteOptions): void {
  const causes: readonly StopCause[] = reattaches ? ['cancelled'] : ['shutdown', 'lost', 'cancelled'];
  for (const cause of causes)
    test(`${name}: a run that is stopped (${cause}) is interrupted, and nothing of it is left`, async (t) => {
      const ground = await open(t, { does: 'hang' }, {});
      const handle = ground.trainer().start(runOf());
      await eventually(async () => (await ground.atWork()) === 1, { what: 'the training' });
      handle.stop(5000, cause);
      const end = failed(await handle.result);
      assert.equal(end.meaning, 'interrupted', JSON.stringify(end));
      assert.equal(end.goesOn, undefined);
      assert.equal(await ground.atWork(), 0);
    });

  test(`${name}: a run that does not listen is ended after the grace period`, async (t) => {
    const ground = await open(t, { does: 'hang', deaf: true }, {});
    const handle = ground.trainer().start(runOf());
    await eventually(async () => (await ground.atWork()) === 1, { what: 'the training' });
    handle.stop(1000, 'cancelled');
    assert.equal(failed(await handle.result).meaning, 'interrupted');
    assert.equal(await ground.atWork(), 0);
  });

  test(`${name}: a run that hangs is ended when its time is over, and that counts as an attempt`, async (t) => {
    const ground = await open(t, { does: 'hang' }, { maxRunMs: SHORT_RUN_MS });
    const end = failed(await ground.trainer().start(runOf()).result);
    assert.equal(end.meaning, 'retry', JSON.stringify(end));
    assert.match(end.reason, /longer than/);
    assert.equal(await ground.atWork(), 0);
  });

  test(`${name}: a run that is stopped before it is started never runs`, async (t) => {
    const ground = await open(t, { does: 'hang' }, {});
    const handle = ground.trainer().start(runOf());
    handle.stop(1000, 'cancelled');
    assert.equal(failed(await handle.result).meaning, 'interrupted');
    assert.equal(await ground.atWork(), 0);
  });
}

function attachments({ name, open }: SuiteOptions): void {
  for (const cause of ['shutdown', 'lost'] as const)
    test(`${name}: a run is let go (${cause}), goes on, and the next worker has its result: it trained once`, async (t) => {
      const ground = await open(t, { does: 'wait', result: GOOD }, {});
      const first = ground.trainer().start(runOf());
      await eventually(async () => (await ground.atWork()) === 1, { what: 'the training' });
      first.stop(1000, cause);
      const end = failed(await first.result);
      assert.equal(end.meaning, 'interrupted');
      assert.equal(end.goesOn, true);
      assert.equal(await ground.atWork(), 1);
      // Taken over: the same run, another epoch.
      const second = ground.trainer().start(runOf({ epoch: 2 }));
      ground.release();
      const attached = await second.result;
      assert.ok(attached.kind === 'succeeded', JSON.stringify(attached));
      assert.deepEqual(attached.result, GOOD);
      assert.equal(await ground.begun(), 1);
    });

  test(`${name}: a run that ended while nobody looked is found by the next worker`, async (t) => {
    const ground = await open(t, { does: 'wait', result: GOOD }, {});
    const first = ground.trainer().start(runOf());
    await eventually(async () => (await ground.atWork()) === 1, { what: 'the training' });
    first.stop(1000, 'shutdown');
    await first.result;
    ground.release();
    await eventually(async () => (await ground.atWork()) === 0, { what: 'the end of the training' });
    const attached = await ground.trainer().start(runOf({ epoch: 2 })).result;
    assert.equal(attached.kind, 'succeeded', JSON.stringify(attached));
    assert.equal(await ground.begun(), 1);
  });

  test(`${name}: two workers that start the same run at once have one training`, async (t) => {
    const ground = await open(t, { does: 'wait', result: GOOD }, {});
    const handles = [ground.trainer().start(runOf()), ground.trainer().start(runOf({ epoch: 2 }))];
    await eventually(async () => (await ground.atWork()) === 1, { what: 'the training' });
    ground.release();
    const kinds = (await Promise.all(handles.map(({ result }) => result))).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['succeeded', 'succeeded']);
    assert.equal(await ground.begun(), 1);
  });

  test(`${name}: another run of the model is another training`, async (t) => {
    const ground = await open(t, { does: 'succeed', result: GOOD }, {});
    for (const runId of ['run-1', 'run-2']) await ground.trainer().start(runOf({ runId })).result;
    assert.equal(await ground.begun(), 2);
  });
}

export function failed(end: TrainerEnd): Extract<TrainerEnd, { kind: 'failed' }> {
  assert.ok(end.kind === 'failed', JSON.stringify(end));
  return end;
}
