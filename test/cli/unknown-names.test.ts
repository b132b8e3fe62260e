import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFailure } from './cli-process.ts';
import { CliBench } from './cli-bench.ts';

// Whoever names something that is not there has mistaken it, and is told so; a script sees it by the exit code.

const QUEUE = 'model-retraining-queue';

test('a request that is not among the dead letters is told as such by every command that can name one', async (t) => {
  const bench = await CliBench.open(t, `${QUEUE}:sessions,duplicates`);
  const id = (await bench.ok(['request', '--model', 'births'])).trim();
  await bench.ok(['receive', QUEUE, '--next-session', '--dead-letter', 'TrainingFailed']);
  for (const command of [['replay'], ['replay', '--dry-run'], ['show', '--json'], ['discard', '--yes']])
    assertFailure(
      await bench.run(['dlq', ...command, QUEUE, '--request', 'none']),
      1,
      /model-retraining-queue\/\$DeadLetterQueue has no request "none": see retrain dlq show/,
    );
  assertFailure(
    await bench.run(['dlq', 'discard', QUEUE, '--request', id, '--model', 'rent', '--yes']),
    1,
    /has no request ".*" that the other flags let through/,
  );
  // A filter names nothing: that nothing fits it is no mistake.
  assert.match(await bench.ok(['dlq', 'replay', QUEUE, '--reason', 'none']), /0 replayed/);
  assert.match(await bench.ok(['dlq', 'show', QUEUE, '--request', id]), new RegExp(`request ${id} for births`));
});

test('explain --json of an id that nobody knows prints JSON, and fails', async (t) => {
  const bench = await CliBench.open(t, `${QUEUE}:sessions,duplicates`);
  const state = join(bench.folder, 'none');
  const { code, stdout, stderr } = await bench.run(['explain', 'nobody-knows', '--json', '--state', state]);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), { kind: 'unknown', id: 'nobody-knows', runs: [], steps: [], gaps: [] });
  assert.match(stderr, /^retrain: nothing is known of "nobody-knows" in [^\n]+\n$/);
});

test('a model that the configuration does not have cannot be cancelled; one that it has can', async (t) => {
  const bench = await CliBench.open(t, `${QUEUE}:sessions,duplicates`);
  const config = join(bench.folder, 'retrain.yaml');
  await writeFile(
    config,
    `connection: { connectionString: "${bench.connectionString}" }
models: { births: { trainer: { command: [x] }, gate: { metric: m, direction: minimize } } }
outcomes: { queue: ${QUEUE} }
`,
  );
  assertFailure(
    await bench.run(['cancel', 'birth', 'some-request', '--config', config]),
    2,
    /retrain\.yaml: unknown model 'birth'; did you mean 'births'\?/,
  );
  assert.deepEqual(await bench.peek(QUEUE), [], 'nobody is asked anything');
  assert.equal(
    await bench.ok(['cancel', 'births', 'some-request', '--config', config]),
    'asked to cancel some-request of births\n',
  );
});
