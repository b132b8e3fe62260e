import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { files } from '../../../src/runtime/files.ts';
import type { Files } from '../../../src/runtime/files.ts';
import { systemRandom as random } from '../../../src/runtime/random.ts';
import { FakeClock } from '../../fake-clock.ts';
import { registrySuite } from './registry-suite.ts';
import { HISTORY, REJECTED } from './registry-under-test.ts';
import { temporaryFolder } from '../temporary-folder.ts';

registrySuite({
  name: 'file registry',
  async prepare(t) {
    const folder = await temporaryFolder(t);
    const options = { folder, history: HISTORY, rejected: REJECTED, clock: new FakeClock(), random };
    return {
      open: () => new FileRegistry({ ...options, files }),
      dying: (step) => new FileRegistry({ ...options, files: dyingFiles(step) }),
    };
  },
});

async function output(folder: string, epoch: number) {
  const artifact = join(folder, `output-${epoch}`);
  await mkdir(artifact, { recursive: true });
  await writeFile(join(artifact, 'weights'), `weights ${epoch}`);
  return { artifact, digest: (await files.digest(artifact)) ?? '' };
}

async function promotion(folder: string, epoch: number) {
  const metrics = { challenger: { mape: epoch } };
  return { expectedEpoch: epoch - 1, epoch, runId: `run-${epoch}`, metrics, ...(await output(folder, epoch)) };
}

test('the history is bounded, with the artifacts of what is kept', async (t) => {
  const folder = await temporaryFolder(t);
  const history = 4;
  const registry = new FileRegistry({
    folder: join(folder, 'registry'),
    history,
    files,
    clock: new FakeClock(),
    random,
  });
  const last = 25;
  for (let epoch = 1; epoch <= last; epoch++) await registry.promote('m', await promotion(folder, epoch));
  const place = join(folder, 'registry', modelPath('m'));
  assert.equal((await readdir(join(place, 'artifacts'))).length, history);
  assert.equal((await readdir(place)).filter((name) => /^champion\.\d+\.json$/.test(name)).length, 20);
  const runs = (await registry.history('m')).map(({ runId }) => runId);
  assert.deepEqual(runs, ['run-25', 'run-24', 'run-23', 'run-22']);
  const alias = JSON.parse(await readFile(join(place, 'champion.json'), 'utf8')) as { runId: string; artifact: string };
  assert.equal(alias.runId, `run-${last}`);
  assert.equal(await readFile(join(alias.artifact, 'weights'), 'utf8'), `weights ${last}`);
});

/** Files that die, as a process does, before the `step`th change. */
function dyingFiles(step: number): Files {
  let left = step;
  const alive = (): void => {
    if (--left <= 0) throw new Error('the process died');
  };
  return {
    ...files,
    writeAtomic: async (...args) => (alive(), files.writeAtomic(...args)),
    create: async (...args) => (alive(), files.create(...args)),
    remove: async (...args) => (alive(), files.remove(...args)),
    rename: async (...args) => (alive(), files.rename(...args)),
    copy: async (...args) => (alive(), files.copy(...args)),
    write: async (...args) => (alive(), files.write(...args)),
  };
}

test('a promotion that dies before any of its changes is completed by its repetition, and never shows half an artifact', async (t) => {
  for (let step = 1; step <= 6; step++) {
    const folder = await temporaryFolder(t);
    const registry = (using: Files) =>
      new FileRegistry({ folder: join(folder, 'registry'), files: using, clock: new FakeClock(), random });
    await registry(files).promote('m', await promotion(folder, 1));
    const next = await promotion(folder, 2);
    await registry(dyingFiles(step))
      .promote('m', next)
      .catch(() => undefined);
    const { champion } = await registry(files).read('m');
    assert.ok(champion);
    assert.equal(await files.digest(champion.artifact), champion.digest);
    const repeated = await registry(files).promote('m', next);
    assert.equal(repeated.runId, 'run-2');
    assert.equal(await files.digest(repeated.artifact), next.digest);
    const alias = await readFile(join(folder, 'registry', modelPath('m'), 'champion.json'), 'utf8');
    assert.equal((JSON.parse(alias) as { runId: string }).runId, 'run-2', `after ${step}`);
  }
});

test('a registry that was moved keeps its artifacts', async (t) => {
  const folder = await temporaryFolder(t);
  const at = (place: string) =>
    new FileRegistry({ folder: join(folder, place), files, clock: new FakeClock(), random });
  await at('before').promote('m', await promotion(folder, 1));
  await files.rename(join(folder, 'before'), join(folder, 'after'));
  const { champion } = await at('after').read('m');
  assert.equal(await files.digest(champion?.artifact ?? ''), champion?.digest);
});

test('a record that cannot be understood is an error that names the file, not an empty registry', async (t) => {
  const folder = await temporaryFolder(t);
  const registry = new FileRegistry({ folder, files, clock: new FakeClock(), random });
  await registry.promote('m', await promotion(folder, 1));
  const path = join(folder, modelPath('m'), 'champion.0000000001.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as object;
  const cases: [string, object][] = [
    ['{', { code: 'DATA_CORRUPT', message: /champion\.0000000001\.json is not JSON/ }],
    [
      JSON.stringify({ ...record, format: 3 }),
      { code: 'DATA_VERSION', message: /has format 3, this release reads 1 and 2/ },
    ],
    [JSON.stringify({ ...record, history: [{}] }), { code: 'DATA_CORRUPT', message: /history\.0\.runId/ }],
    [JSON.stringify({ ...record, model: 'n' }), { code: 'DATA_CORRUPT', message: /belongs to n/ }],
  ];
  for (const [text, error] of cases) {
    await writeFile(path, text);
    await assert.rejects(registry.read('m'), error);
  }
  await rm(path);
});
