import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Promotion, Registry } from '../../../src/retraining/registries/registry.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** What every registry must do. `open` gives a registry on the same store each time it is called within one test. */
export function registrySuite(name: string, prepare: (t: TestContext) => Promise<() => Registry>): void {
  const model = 'births/us';

  test(`${name}: a model that was never promoted has epoch 0 and no champion`, async (t) => {
    const open = await prepare(t);
    assert.deepEqual(await open().read(model), { epoch: 0, champion: undefined, challenger: undefined });
  });

  test(`${name}: a promotion is what another process reads, and the artifact outlives the run`, async (t) => {
    const open = await prepare(t);
    const promotion = await artifactOf(t, { epoch: 3 });
    const champion = await open().promote(model, promotion);
    await rm(promotion.artifact, { force: true });
    const state = await open().read(model);
    assert.equal(state.epoch, 3);
    assert.deepEqual(state.champion, champion);
    assert.deepEqual([champion.runId, champion.epoch, champion.digest], ['run-3', 3, promotion.digest]);
    assert.deepEqual(champion.metrics, promotion.metrics);
    assert.equal(await readFile(pathOf(champion.artifact), 'utf8'), 'model of run-3');
    assert.ok(!Number.isNaN(Date.parse(champion.promotedAt)));
  });

  test(`${name}: the same run's promotion repeated is a success and changes nothing`, async (t) => {
    const open = await prepare(t);
    const promotion = await artifactOf(t, { epoch: 3 });
    const champion = await open().promote(model, promotion);
    await rm(promotion.artifact, { force: true });
    assert.deepEqual(await open().promote(model, promotion), champion);
    assert.deepEqual(await open().promote(model, { ...promotion, expectedEpoch: 99 }), champion);
  });

  test(`${name}: a later run replaces the champion; another expectation or an epoch that is not later is refused`, async (t) => {
    const open = await prepare(t);
    await open().promote(model, await artifactOf(t, { epoch: 3 }));
    const refused = { code: 'REGISTRY_CONFLICT' };
    await assert.rejects(open().promote(model, await artifactOf(t, { epoch: 4, expectedEpoch: 0 })), refused);
    await assert.rejects(open().promote(model, await artifactOf(t, { epoch: 2, expectedEpoch: 3 })), refused);
    const again = { ...(await artifactOf(t, { epoch: 3, expectedEpoch: 3 })), runId: 'other' };
    await assert.rejects(open().promote(model, again), refused);
    await open().promote(model, await artifactOf(t, { epoch: 7, expectedEpoch: 3 }));
    assert.equal((await open().read(model)).champion?.runId, 'run-7');
    // The run that was champion before is not any more: its late repetition must not win.
    await assert.rejects(open().promote(model, await artifactOf(t, { epoch: 3 })), refused);
  });

  test(`${name}: of concurrent promotions that expect the same epoch, exactly one wins`, async (t) => {
    const open = await prepare(t);
    const promotions = await Promise.all(Array.from({ length: 8 }, (_, i) => artifactOf(t, { epoch: i + 1 })));
    const results = await Promise.allSettled(promotions.map((promotion) => open().promote(model, promotion)));
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.equal(won.length, 1);
    for (const result of results)
      if (result.status === 'rejected') assert.equal((result.reason as { code?: string }).code, 'REGISTRY_CONFLICT');
    assert.deepEqual((await open().read(model)).champion, won[0]?.value);
  });

  test(`${name}: concurrent promotions by the same run are one promotion`, async (t) => {
    const open = await prepare(t);
    const promotion = await artifactOf(t, { epoch: 1 });
    const champions = await Promise.all(Array.from({ length: 5 }, () => open().promote(model, promotion)));
    for (const champion of champions) assert.deepEqual(champion, (await open().read(model)).champion);
  });

  test(`${name}: an artifact that is gone or was changed is not promoted`, async (t) => {
    const open = await prepare(t);
    const promotion = await artifactOf(t, { epoch: 1 });
    await writeFile(promotion.artifact, 'changed');
    await assert.rejects(open().promote(model, promotion), { code: 'TRAINER_FAILED' });
    await rm(promotion.artifact);
    await assert.rejects(open().promote(model, promotion), { code: 'TRAINER_FAILED' });
    assert.equal((await open().read(model)).champion, undefined);
  });

  test(`${name}: an artifact may live elsewhere, then its address is kept`, async (t) => {
    const open = await prepare(t);
    const artifact = 'https://example.com/models/7';
    await open().promote(model, { ...(await artifactOf(t, { epoch: 1 })), artifact });
    assert.equal((await open().read(model)).champion?.artifact, artifact);
  });

  test(`${name}: models do not see each other, whatever their names`, async (t) => {
    const open = await prepare(t);
    await open().promote('a/b', await artifactOf(t, { epoch: 1 }));
    assert.equal((await open().read('a-b')).champion, undefined);
    await assert.rejects(open().read('../a'), { code: 'ARGUMENT_INVALID' });
  });
}

async function artifactOf(
  t: TestContext,
  { epoch, expectedEpoch = 0 }: { epoch: number; expectedEpoch?: number },
): Promise<Promotion> {
  const folder = join(await temporaryFolder(t), `output-${epoch}`);
  await mkdir(folder, { recursive: true });
  const content = `model of run-${epoch}`;
  await writeFile(join(folder, 'model.json'), content);
  return {
    expectedEpoch,
    epoch,
    runId: `run-${epoch}`,
    artifact: join(folder, 'model.json'),
    digest: createHash('sha256').update(content).digest('hex'),
    metrics: { challenger: { mape: epoch } },
  };
}

function pathOf(artifact: string): string {
  return artifact.startsWith('file://') ? fileURLToPath(artifact) : artifact;
}
