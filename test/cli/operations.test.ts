import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Explanation } from '../../src/retraining/explanation.ts';
import { notificationOf } from '../../src/retraining/notify/notify-text.ts';
import type { OutcomeEvent } from '../../src/retraining/outcome.ts';
import type { RunStatus } from '../../src/retraining/projection.ts';
import type { StatusReport } from '../../src/cli/status.ts';
import { MAIN, assertFailure } from './cli-process.ts';
import type { Cli } from './cli-process.ts';
import { CliBench, lines } from './cli-bench.ts';

// What operators see and do, from outcome events that are only looked at. Each command gets a state folder of its own, as on
// another machine, unless it says otherwise.

const TOPIC = 'model-retraining-outcomes';
const QUEUE = 'model-retraining-queue';

/** Waits while there is a file `hold` beside it; what the parameters say decides how it ends. */
const TRAINER = `
  import fs from 'node:fs';
  const { parameters, champion } = JSON.parse(fs.readFileSync(process.env.RETRAIN_REQUEST, 'utf8'));
  console.log('training ' + process.env.RETRAIN_MODEL);
  console.log(JSON.stringify({ progress: 0.5 }));
  while (fs.existsSync(import.meta.dirname + '/hold')) await new Promise((resolve) => setTimeout(resolve, 20));
  if (parameters.fail) process.exit(64);
  fs.writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'weights');
  const metrics = { challenger: { mape: parameters.mape ?? 2 }, ...(champion && { champion: { mape: 2.2 } }) };
  fs.writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics, artifact: 'model' }));`;

class Operations {
  readonly bench: CliBench;
  readonly worker: Cli;

  private constructor(bench: CliBench, worker: Cli) {
    this.bench = bench;
    this.worker = worker;
  }

  static async open(t: TestContext): Promise<Operations> {
    const bench = await CliBench.open(t);
    await bench.ok(['entities', 'create', TOPIC, '--topic', '--requires-duplicate-detection', 'true']);
    await bench.ok(['entities', 'create', `${TOPIC}/status`, '--default-message-time-to-live', '14d']);
    const program = join(bench.folder, 'train.mjs');
    await writeFile(program, TRAINER);
    const state = join(bench.folder, 'worker');
    const flags = ['--metric', 'mape', '--state', state, '--outcomes', TOPIC, '--grace', '1s'];
    const worker = bench.start(['worker', ...flags, '--', process.execPath, program]);
    return new Operations(bench, worker);
  }

  get state(): string {
    return join(this.bench.folder, 'worker');
  }

  async request(...args: string[]): Promise<string> {
    return (await this.bench.ok(['request', ...args])).trim();
  }

  hold(): Promise<void> {
    return writeFile(join(this.bench.folder, 'hold'), '');
  }

  /** As an operator on another machine: nothing of the worker's folder is known. */
  elsewhere(...args: string[]): string[] {
    return [...args, '--outcomes', TOPIC, '--state', join(this.bench.folder, 'elsewhere')];
  }

  async runs(...args: string[]): Promise<RunStatus[]> {
    return lines<RunStatus>(await this.bench.ok(this.elsewhere('runs', 'list', '--json', ...args)));
  }

  async explain(id: string): Promise<Explanation> {
    return JSON.parse(await this.bench.ok(this.elsewhere('explain', id, '--json'))) as Explanation;
  }
}

const DECAY = '--kind performance-decay --metric mape --baseline 2 --observed 3.5 --threshold 3'.split(' ');

test('status, runs and explain tell from the topic what happened on another machine, and take nothing', async (t) => {
  const operations = await Operations.open(t);
  const { bench, worker } = operations;
  const first = await operations.request('--model', 'births', ...DECAY);
  await worker.printed(/births: promoted/);
  const second = await operations.request('--model', 'births', '--parameter', 'mape=2.5');
  await worker.printed(/births: rejected/);
  const third = await operations.request('--model', 'rent', '--parameter', 'fail=true');
  await worker.printed(/rent: dead-lettered/);

  const status = JSON.parse(await bench.ok(operations.elsewhere('status', '--json'))) as StatusReport;
  assert.deepEqual(
    status.models.map(({ model, promoted, rejected, failed, deadLettered }) => [
      model,
      promoted,
      rejected,
      failed,
      deadLettered,
    ]),
    [
      ['births', 1, 1, 0, 0],
      ['rent', 0, 0, 1, 1],
    ],
  );
  assert.deepEqual(
    (await operations.runs()).map(({ state }) => state),
    ['promoted', 'rejected', 'failed'],
  );
  assert.deepEqual((await operations.runs('--is', 'failed', '--model', 'births')).length, 0);

  const promoted = await operations.explain(first);
  assert.deepEqual(
    promoted.steps.map(({ what }) => what),
    ['asked', 'started', 'trained', 'promoted'],
  );
  assert.match(promoted.steps[0]?.text ?? '', /performance-decay: mape observed 3.5, baseline 2, threshold 3/);
  const rejected = await operations.explain(second.slice(0, 8));
  assert.match(
    rejected.steps.at(-1)?.text ?? '',
    /mape 2.5 against the champion's 2.2: .*; the champion stays: run 1-/,
  );
  const shown = await bench.ok(operations.elsewhere('explain', third));
  assert.match(shown, /dead-lettered at .*\n[^]*failed +run .*exit code 64/);
  const line = /^ {2}(retrain dlq replay \S+ \S+)$/m.exec(shown)?.[1];
  assert.equal(line, `retrain dlq replay ${QUEUE} --request=${third}`);
  // The topic's subscription still has everything: a second operator sees the same.
  const again = await bench.ok(['runs', 'list', '--json', '--outcomes', TOPIC, '--state', join(bench.folder, 'third')]);
  assert.equal(lines(again).length, 3);
  assertFailure(
    await bench.run(operations.elsewhere('explain', 'nothing-of-that-id')),
    1,
    /nothing is known of .*its first event is of/,
  );

  // The printed line works: the request comes back and is given up again under a new id.
  await bench.ok((line ?? '').split(' ').slice(1));
  await worker.printed(/rent: dead-lettered[^]*rent: dead-lettered/);
  const dead = await bench.ok(['dlq', 'show', QUEUE, '--model', 'rent']);
  assert.match(dead, new RegExp(`request ${third}~r\\d+ for rent: manual, a replay of ${third}`));
});

test('a run under way is shown with its progress, its log is followed, and it is cancelled by its id', async (t) => {
  const operations = await Operations.open(t);
  const { bench } = operations;
  await operations.hold();
  await operations.request('--model', 'births');
  const follower = bench.start(operations.elsewhere('events', '--follow', '--json', '--since', '1h'));
  await follower.printed(/"type":"retrain.progressed.v1"/);
  const running = await bench.ok(operations.elsewhere('status'));
  assert.match(running, /Running\n.*\nbirths +1-[0-9a-f]+ +50 %/);
  const [run] = await operations.runs('--is', 'running');
  const log = bench.start(['runs', 'logs', run?.runId.slice(0, 6) ?? '', '--follow', '--state', operations.state]);
  await log.printed(/training births/);
  assertFailure(
    await bench.run(operations.elsewhere('runs', 'logs', run?.runId ?? '')),
    1,
    /there is no log of .* ran on .*: its log is there, in the worker's state folder under runs\/births-/,
  );
  const cancelled = await bench.ok(
    operations.elsewhere('cancel', 'births', run?.runId ?? '', '--wait', '50s', '--json'),
  );
  assert.equal((JSON.parse(cancelled) as { became: { state: string }[] }).became[0]?.state, 'cancelled');
  assert.equal((await log.finished).code, 0);
  const [after] = await operations.runs();
  assert.equal(after?.state, 'cancelled');
  assertFailure(
    await bench.run(operations.elsewhere('cancel', 'births', run?.runId ?? '')),
    2,
    /is cancelled: there is nothing/,
  );
  await follower.printed(/"type":"retrain.cancelled.v1"/);
  follower.child.kill('SIGINT');
  const { code, stdout } = await follower.finished;
  assert.equal(code, 0);
  for (const event of lines<Record<string, unknown>>(stdout)) assert.equal(event['specversion'], '1.0');
});

test('events are filtered by model and kind', async (t) => {
  const operations = await Operations.open(t);
  const { bench, worker } = operations;
  await operations.request('--model', 'births');
  await worker.printed(/births: promoted/);
  const once = lines<{ type: string }>(await bench.ok(operations.elsewhere('events', '--json', '--type', 'promoted')));
  assert.deepEqual(
    once.map(({ type }) => type),
    ['retrain.promoted.v1'],
  );
  assert.equal(await bench.ok(operations.elsewhere('events', '--json', '--model', 'rent')), '');
  assertFailure(await bench.run(operations.elsewhere('events', '--type', 'done')), 2, /--type/);
  assertFailure(await bench.run(['events', '--outcomes', 'no-such-topic']), 1, /neither a subscription "status"/);
});

test('a request that no run has taken up is explained from the queue', async (t) => {
  const bench = await CliBench.open(t);
  const id = (await bench.ok(['request', '--model', 'births', ...DECAY])).trim();
  const shown = await bench.ok(['explain', id.slice(0, 10), '--state', join(bench.folder, 'none')]);
  assert.match(shown, /asked at .*: performance-decay: mape observed 3.5/);
  assert.match(shown, new RegExp(`waits in ${QUEUE} since .*; no run has taken it up`));
  const status = JSON.parse(
    await bench.ok(['status', '--json', '--state', join(bench.folder, 'none')]),
  ) as StatusReport;
  assert.ok(Date.parse(status.queue?.models[0]?.oldestSince ?? '') > 0);
});

test('the line of a notification can be pasted into a shell, whatever the request is called', async (t) => {
  const operations = await Operations.open(t);
  const { bench, worker } = operations;
  const id = await operations.request('--model', 'rent', '--parameter', 'fail=true', '--dedupe-key', `it's;$(x)`);
  await worker.printed(/rent: dead-lettered/);
  const [event] = lines<OutcomeEvent>(
    await bench.ok(operations.elsewhere('events', '--json', '--type', 'deadlettered')),
  );
  assert.ok(event);
  const { text } = notificationOf([event], { rule: 'r', model: 'rent' });
  const line = /^Again: (.*)$/m.exec(text)?.[1] ?? '';
  const shell = `retrain() { "$NODE" "$MAIN" "$@"; }\n${line}`;
  const env = { ...process.env, NODE: process.execPath, MAIN, RETRAIN_CONNECTION_STRING: bench.connectionString };
  const { stdout } = await promisify(execFile)('bash', ['-c', shell], { env });
  assert.match(stdout, /1 replayed to model-retraining-queue/);
  await worker.printed(/rent: dead-lettered[^]*rent: dead-lettered/);
  const replayed = await bench.ok(['dlq', 'show', QUEUE, '--model', 'rent']);
  assert.ok(replayed.includes(`request ${id}~r`), replayed);
});
