import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MlflowClient } from '../../../src/retraining/registries/mlflow-client.ts';
import type { MlflowQuestion } from '../../../src/retraining/registries/mlflow-client.ts';
import { MlflowRegistry } from '../../../src/retraining/registries/mlflow-registry.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom as random } from '../../../src/runtime/random.ts';
import { FakeClock } from '../../fake-clock.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { folderOf, promotionOf, resultOf } from './artifact-fixture.ts';
import { startMlflow } from './mlflow-server.ts';
import type { MlflowServer } from './mlflow-server.ts';
import { registrySuite } from './registry-suite.ts';
import { HISTORY, REJECTED } from './registry-under-test.ts';

// Not part of `npm test`: `npm run test:mlflow` needs the program mlflow, on the path or named by the variable MLFLOW.

const folder = mkdtempSync(join(tmpdir(), 'retrain-mlflow-'));
let server: MlflowServer;
before(async () => {
  server = await startMlflow(folder);
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const clock = new FakeClock();
let experiments = 0;

/** A process that dies before the `step`th change of the server. */
class DyingClient extends MlflowClient {
  #left: number;

  constructor(step: number) {
    super({ trackingUri: server.url }, clock);
    this.#left = step;
  }

  #alive(): void {
    if (--this.#left <= 0) throw new Error('the process died');
  }

  override async ask(question: MlflowQuestion): Promise<unknown> {
    if (question.method !== 'GET' && !question.path.endsWith('search')) this.#alive();
    return super.ask(question);
  }

  override async putFile(...args: Parameters<MlflowClient['putFile']>): Promise<void> {
    this.#alive();
    return super.putFile(...args);
  }

  override async removeFile(...args: Parameters<MlflowClient['removeFile']>): Promise<void> {
    this.#alive();
    return super.removeFile(...args);
  }
}

async function ask(path: string, body?: object, method = body ? 'POST' : 'GET'): Promise<Record<string, never>> {
  const init = { method, ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) };
  const response = await fetch(`${server.url}/api/2.0/mlflow/${path}`, init);
  const text = await response.text();
  assert.ok(response.ok, text);
  return JSON.parse(text) as Record<string, never>;
}

/** The registered models of earlier tests are removed. */
async function emptied(): Promise<{ readonly trackingUri: string; readonly experiment: string }> {
  const { registered_models: models = [] } = (await ask('registered-models/search?max_results=1000')) as {
    registered_models?: { name: string }[];
  };
  for (const { name } of models) await ask('registered-models/delete', { name }, 'DELETE');
  return { trackingUri: server.url, experiment: `tests-${++experiments}` };
}

registrySuite({
  name: 'MLflow registry',
  conditional: false,
  async prepare() {
    const options = { ...(await emptied()), history: HISTORY, rejected: REJECTED, files, clock, random };
    return {
      open: () => new MlflowRegistry(options),
      dying: (step) => new MlflowRegistry({ ...options, client: new DyingClient(step) }),
    };
  },
});

interface Registered {
  readonly registered_model: {
    readonly aliases?: readonly { alias: string; version: string }[];
    readonly latest_versions: readonly { version: string; run_id: string; source: string }[];
  };
}

test('in MLflow a model is a registered one: aliases name versions, whose runs have metrics and artifacts', async (t) => {
  const registry = new MlflowRegistry(await emptied());
  const result = await resultOf(t, { epoch: 1, output: await folderOf(t, 'run-1') });
  const kept = await registry.keep('births', result);
  const before = (await ask('registered-models/get?name=births')) as unknown as Registered;
  assert.deepEqual(before.registered_model.aliases, [{ alias: 'challenger', version: '1' }]);
  const champion = await registry.promote('births', { ...result, artifact: kept.artifact, expectedEpoch: 0 });
  const { registered_model: model } = (await ask('registered-models/get?name=births')) as unknown as Registered;
  assert.deepEqual(model.aliases, [{ alias: 'champion', version: '1' }]);
  const [version] = model.latest_versions;
  assert.equal(version?.source, champion.artifact);
  const { run } = (await ask(`runs/get?run_id=${version?.run_id}`)) as unknown as {
    run: { data: { metrics: { key: string; value: number }[]; tags: { key: string; value: string }[] } };
  };
  assert.deepEqual(
    run.data.metrics.map(({ key, value }) => [key, value]),
    [['mape', 1]],
  );
  assert.ok(run.data.tags.some(({ key, value }) => key === 'retrain.run_id' && value === 'run-1'));
});

test('somebody who moves the alias champion in MLflow has rolled back: what compared before is refused', async (t) => {
  const registry = new MlflowRegistry(await emptied());
  await registry.promote('births', await promotionOf(t, { epoch: 1 }));
  await registry.promote('births', await promotionOf(t, { epoch: 4, expectedEpoch: 1 }));
  await ask('registered-models/alias', { name: 'births', alias: 'champion', version: '1' });
  const { epoch, champion } = await registry.read('births');
  assert.deepEqual([epoch, champion?.runId, champion?.metrics], [5, 'run-1', { challenger: { mape: 1 } }]);
  const stale = await promotionOf(t, { epoch: 6, expectedEpoch: 4 });
  await assert.rejects(registry.promote('births', stale), { code: 'REGISTRY_CONFLICT' });
  // A challenger that is kept meanwhile does not move it back.
  await registry.keep('births', await resultOf(t, { epoch: 7, championEpoch: 5 }));
  assert.equal((await registry.read('births')).champion?.runId, 'run-1');
  const [newest] = await registry.history('births');
  assert.deepEqual(
    [newest?.how, newest?.by, newest?.reason],
    ['rolled-back', 'MLflow', 'the alias champion was set to version 1'],
  );
  await registry.promote('births', await promotionOf(t, { epoch: 8, expectedEpoch: 5 }));
  assert.equal((await registry.history('births')).length, 4);
});

test('a champion that was registered before retrain came is the one to beat', async (t) => {
  const registry = new MlflowRegistry(await emptied());
  const { run } = (await ask('runs/create', { experiment_id: '0', start_time: 1 })) as unknown as {
    run: { info: { run_id: string; artifact_uri: string } };
  };
  await ask('registered-models/create', { name: 'older' });
  const source = `${run.info.artifact_uri}/model`;
  await ask('model-versions/create', { name: 'older', source, run_id: run.info.run_id });
  await ask('registered-models/alias', { name: 'older', alias: 'champion', version: '1' });
  const { epoch, champion } = await registry.read('older');
  assert.deepEqual([epoch, champion?.runId, champion?.artifact], [1, 'mlflow-version-1', source]);
  assert.equal(await registry.verify('older', champion!), true);
  await assert.rejects(registry.fetch('older', champion!, await temporaryFolder(t)), { code: 'DATA_CORRUPT' });
  await registry.promote('older', await promotionOf(t, { epoch: 2, expectedEpoch: 1 }));
  assert.equal((await registry.read('older')).champion?.runId, 'run-2');
  const back = await registry.rollback('older', { expectedEpoch: 2 });
  assert.equal(back.runId, 'mlflow-version-1');
});

test("a name that MLflow does not take is the trainer's to change", async (t) => {
  const registry = new MlflowRegistry(await emptied());
  const artifact = join(await temporaryFolder(t), 'model #1.json');
  await files.writeAtomic(artifact, 'x');
  const digest = (await files.digest(artifact)) ?? '';
  const result = await resultOf(t, { epoch: 1, output: { artifact, digest } });
  await assert.rejects(registry.keep('m', result), {
    code: 'ARGUMENT_INVALID',
    message: /model #1\.json.*Invalid path/,
  });
});

test('an artifact of many megabytes goes up and comes down as a stream', async (t) => {
  const registry = new MlflowRegistry(await emptied());
  const artifact = join(await temporaryFolder(t), 'weights.bin');
  const block = random.bytes(1024 * 1024);
  await files.write(
    artifact,
    (async function* () {
      for (let i = 0; i < 20; i++) yield Buffer.concat([Buffer.from([i]), block]);
    })(),
  );
  const digest = (await files.digest(artifact)) ?? '';
  const kept = await registry.keep('m', await resultOf(t, { epoch: 1, output: { artifact, digest } }));
  assert.equal(await files.digest(await registry.fetch('m', kept, await temporaryFolder(t))), digest);
});
