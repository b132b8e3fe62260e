import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { files } from '../../../src/runtime/files.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { promotionOf } from './artifact-fixture.ts';

test('a folder of the first format, a champion in each file, is read, changed and rolled back', async (t) => {
  const folder = await temporaryFolder(t);
  const place = join(folder, modelPath('m'));
  for (const [index, epoch] of [1, 2].entries()) {
    const artifact = `artifacts/000000000${epoch}-run-${epoch}/model.json`;
    await files.writeAtomic(join(place, artifact), `model of run-${epoch}`);
    const digest = await files.digest(join(place, artifact));
    const metrics = { challenger: { mape: epoch } };
    const promotedAt = '2026-01-01T00:00:00.000Z';
    const record = { format: 1, model: 'm', runId: `run-${epoch}`, epoch, artifact, digest, metrics, promotedAt };
    await files.writeAtomic(join(place, `champion.000000000${index + 1}.json`), JSON.stringify(record));
  }
  const registry = new FileRegistry({ folder });
  assert.deepEqual(
    (await registry.list()).map(({ model, champion }) => [model, champion?.runId]),
    [['m', 'run-2']],
  );
  for (const one of await registry.history('m')) assert.equal(await registry.verify('m', one), true);
  await registry.promote('m', await promotionOf(t, { epoch: 5, expectedEpoch: 2 }));
  await registry.rollback('m', { expectedEpoch: 5, to: 'run-1' });
  const history = await registry.history('m');
  assert.deepEqual(
    history.map(({ runId, epoch }) => [runId, epoch]),
    [
      ['run-1', 6],
      ['run-5', 5],
      ['run-2', 2],
      ['run-1', 1],
    ],
  );
  assert.equal(await files.readText(history[0]?.artifact ?? ''), 'model of run-1');
});
