import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FileRegistry } from '../../src/retraining/registries/file-registry.ts';
import type { ChampionChange, ModelState } from '../../src/retraining/registries/registry.ts';
import { files } from '../../src/runtime/files.ts';
import { assertFailure, runCli, temporaryFolder } from './cli-process.ts';

/** A state folder with a model that had three champions, and one that has only a challenger. */
async function stateOf(t: TestContext): Promise<{ state: string; registry: FileRegistry }> {
  const state = await temporaryFolder(t);
  const registry = new FileRegistry({ folder: join(state, 'registry') });
  for (const epoch of [1, 2, 3]) {
    const run = await runOf(state, epoch);
    await registry.promote('births', { ...run, expectedEpoch: epoch - 1 });
  }
  await registry.keep('visitors', { ...(await runOf(state, 1)), championEpoch: 0 });
  return { state, registry };
}

async function runOf(state: string, epoch: number) {
  const artifact = join(state, `out-${epoch}`, 'model.json');
  await files.writeAtomic(artifact, `model ${epoch}`);
  const digest = (await files.digest(artifact)) ?? '';
  return { runId: `run-${epoch}`, epoch, artifact, digest, metrics: { challenger: { mape: epoch / 10, mae: 2 } } };
}

test('models list shows champions and challengers, and as JSON everything', async (t) => {
  const { state, registry } = await stateOf(t);
  const { code, stdout } = await runCli(['models', 'list', '--state', state]);
  assert.equal(code, 0);
  const [head, births, visitors] = stdout.split('\n');
  assert.match(head ?? '', /^Epoch +Model +Champion +Since +Metrics +Challenger$/);
  assert.match(births ?? '', /^ +3 +births +run-3 +\S+Z +mape 0\.3, mae 2$/);
  assert.match(visitors ?? '', /^ +0 +visitors +- +run-1$/);
  const json = await runCli(['models', 'list', '--state', state, '--json']);
  const lines = json.stdout.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as ModelState),
    JSON.parse(JSON.stringify(await registry.list())),
  );
  const empty = await runCli(['models', 'list', '--state', join(state, 'nothing')]);
  assert.deepEqual([empty.code, empty.stdout], [0, 'the registry has no models yet\n']);
});

test('models show tells champion and history; what is not there is an error', async (t) => {
  const { state } = await stateOf(t);
  const { stdout } = await runCli(['models', 'show', 'births', '--state', state]);
  assert.match(
    stdout,
    /^Champion {2}run run-3, epoch 3, since .*Z\n {2}artifact {2}\/.*model\.json\n {2}digest {4}[0-9a-f]{64}\n/,
  );
  assert.match(stdout, /\n +3 +\S+ +run-3 +promoted [^\n]*\n +2 +\S+ +run-2 +promoted [^\n]*\n +1 /);
  const only = await runCli(['models', 'show', 'visitors', '--state', state]);
  assert.match(only.stdout, /^Champion {2}none\nChallenger {2}run run-1, epoch 1/);
  const json = JSON.parse((await runCli(['models', 'show', 'births', '--state', state, '--json'])).stdout) as {
    history: ChampionChange[];
  };
  assert.deepEqual(
    json.history.map(({ runId }) => runId),
    ['run-3', 'run-2', 'run-1'],
  );
  assertFailure(
    await runCli(['models', 'show', 'other', '--state', state]),
    2,
    /nothing of other: see retrain models list/,
  );
});

test('models rollback goes back, says who and why, and is not done unasked', async (t) => {
  const { state, registry } = await stateOf(t);
  const rollback = (...args: string[]) => runCli(['models', 'rollback', 'births', '--state', state, ...args]);
  assertFailure(
    await rollback(),
    2,
    /Roll births back from run run-3 .* to run run-2 .*\? There is no terminal .* --yes/,
  );
  assert.equal((await registry.read('births')).epoch, 3);
  const done = await rollback('--yes', '--reason', 'worse on Sundays');
  assert.deepEqual([done.code, done.stdout], [0, 'births: run run-2 is champion again, epoch 4; it was run run-3\n']);
  const [newest] = await registry.history('births');
  assert.deepEqual([newest?.reason, newest?.how], ['worse on Sundays', 'rolled-back']);
  assert.match(newest?.by ?? '', /.+@.+/);
  const json = await rollback('--yes', '--json', '--to', 'run-3');
  assert.equal((JSON.parse(json.stdout) as ChampionChange).epoch, 5);
  assertFailure(await rollback('--yes', '--to', 'run-9'), 2, /no run run-9 in its history: use one of run-2, run-1/);
  assertFailure(await rollback('--yes', '--reason', ''), 2, /--reason/);
});

test('models fetch copies the champion, or another run by name, and the copy is checked', async (t) => {
  const { state } = await stateOf(t);
  const fetch = (...args: string[]) => runCli(['models', 'fetch', 'births', ...args, '--state', state]);
  const folder = join(state, 'copy');
  const { stdout } = await fetch(folder);
  assert.equal(stdout, `${join(folder, 'model.json')}\n`);
  assert.equal(await files.readText(join(folder, 'model.json')), 'model 3');
  const json = JSON.parse((await fetch(join(state, 'other'), '--run', 'run-1', '--json')).stdout) as { path: string };
  assert.equal(await files.readText(json.path), 'model 1');
  assertFailure(await fetch(folder, '--run', 'run-9'), 2, /no run run-9 of births/);
});

test('the registry of a configuration is used when one is named or here', async (t) => {
  const { state } = await stateOf(t);
  const text = `models: { births: { trainer: { command: [x] }, gate: { metric: mape, direction: minimize, minImprovement: 0 } } }\n`;
  await files.writeAtomic(
    join(state, 'retrain.yaml'),
    `folders: { state: . }\nregistry: { file: { history: 5 } }\n${text}`,
  );
  const here = await runCli(['models', 'list'], { cwd: state });
  assert.match(here.stdout, /births +run-3/);
  const named = await runCli(['models', 'list', '--config', join(state, 'retrain.yaml')]);
  assert.equal(named.stdout, here.stdout);
  const both = await runCli(['models', 'list', '--config', 'x.yaml', '--state', state]);
  assertFailure(both, 2, /--config or --state, not both/);
});
