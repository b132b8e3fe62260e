import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { files } from '../../../src/runtime/files.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { digestOf, folderOf, outputOf, promotionOf, resultOf } from './artifact-fixture.ts';
import { crashSuite } from './registry-crash-suite.ts';
import { rollbackSuite } from './registry-rollback-suite.ts';
import { REJECTED } from './registry-under-test.ts';
import type { RegistrySuite } from './registry-under-test.ts';

const MODEL = 'births/us';
const CONFLICT = { code: 'REGISTRY_CONFLICT' };

/** What every registry must do. */
export function registrySuite(suite: RegistrySuite): void {
  promotions(suite);
  if (suite.conditional ?? true) concurrency(suite);
  challengers(suite);
  artifacts(suite);
  models(suite);
  rollbackSuite(suite);
  crashSuite(suite);
}

function promotions({ name, prepare }: RegistrySuite): void {
  test(`${name}: a model that was never promoted has epoch 0 and no champion`, async (t) => {
    const { open } = await prepare(t);
    assert.deepEqual(await open().read(MODEL), { epoch: 0, champion: undefined, challenger: undefined });
    assert.deepEqual(await open().history(MODEL), []);
  });

  test(`${name}: a promotion is what another process reads, and the artifact outlives the run`, async (t) => {
    const { open } = await prepare(t);
    const promotion = await promotionOf(t, { epoch: 3 });
    const champion = await open().promote(MODEL, promotion);
    await rm(promotion.artifact, { force: true });
    const state = await open().read(MODEL);
    assert.equal(state.epoch, 3);
    assert.deepEqual(state.champion, champion);
    assert.deepEqual([champion.runId, champion.epoch, champion.digest], ['run-3', 3, promotion.digest]);
    assert.deepEqual(champion.metrics, promotion.metrics);
    const copy = await open().fetch(MODEL, champion, await temporaryFolder(t));
    assert.equal(await files.readText(copy), 'model of run-3');
    assert.ok(!Number.isNaN(Date.parse(champion.promotedAt)));
  });

  test(`${name}: the same run's promotion repeated is a success and changes nothing`, async (t) => {
    const { open } = await prepare(t);
    const promotion = await promotionOf(t, { epoch: 3 });
    const champion = await open().promote(MODEL, promotion);
    await rm(promotion.artifact, { force: true });
    assert.deepEqual(await open().promote(MODEL, promotion), champion);
    assert.deepEqual(await open().promote(MODEL, { ...promotion, expectedEpoch: 99 }), champion);
    assert.equal((await open().history(MODEL)).length, 1);
  });

  test(`${name}: a later run replaces the champion; another expectation or an epoch that is not later is refused`, async (t) => {
    const { open } = await prepare(t);
    await open().promote(MODEL, await promotionOf(t, { epoch: 3 }));
    await assert.rejects(open().promote(MODEL, await promotionOf(t, { epoch: 4, expectedEpoch: 0 })), CONFLICT);
    await assert.rejects(open().promote(MODEL, await promotionOf(t, { epoch: 2, expectedEpoch: 3 })), CONFLICT);
    const again = { ...(await promotionOf(t, { epoch: 3, expectedEpoch: 3 })), runId: 'other' };
    await assert.rejects(open().promote(MODEL, again), CONFLICT);
    await open().promote(MODEL, await promotionOf(t, { epoch: 7, expectedEpoch: 3 }));
    assert.equal((await open().read(MODEL)).champion?.runId, 'run-7');
    // The run that was champion before is not any more: its late repetition must not win.
    await assert.rejects(open().promote(MODEL, await promotionOf(t, { epoch: 3 })), CONFLICT);
  });

  test(`${name}: an artifact that is gone or was changed is not promoted`, async (t) => {
    const { open } = await prepare(t);
    const promotion = await promotionOf(t, { epoch: 1 });
    await writeFile(promotion.artifact, 'changed');
    await assert.rejects(open().promote(MODEL, promotion), { code: 'TRAINER_FAILED' });
    await rm(promotion.artifact);
    await assert.rejects(open().promote(MODEL, promotion), { code: 'TRAINER_FAILED' });
    assert.equal((await open().read(MODEL)).champion, undefined);
  });
}

function concurrency({ name, prepare }: RegistrySuite): void {
  test(`${name}: of concurrent promotions that expect the same epoch, exactly one wins`, async (t) => {
    const { open } = await prepare(t);
    const promotions = await Promise.all(Array.from({ length: 8 }, (_, i) => promotionOf(t, { epoch: i + 1 })));
    const results = await Promise.allSettled(promotions.map((promotion) => open().promote(MODEL, promotion)));
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.equal(won.length, 1);
    for (const result of results)
      if (result.status === 'rejected') assert.equal((result.reason as { code?: string }).code, 'REGISTRY_CONFLICT');
    assert.deepEqual((await open().read(MODEL)).champion, won[0]?.value);
  });

  test(`${name}: concurrent promotions by the same run are one promotion`, async (t) => {
    const { open } = await prepare(t);
    const promotion = await promotionOf(t, { epoch: 1 });
    const champions = await Promise.all(Array.from({ length: 5 }, () => open().promote(MODEL, promotion)));
    for (const champion of champions) assert.deepEqual(champion, (await open().read(MODEL)).champion);
    assert.equal((await open().history(MODEL)).length, 1);
  });

  test(`${name}: a result that is kept while others are loses nothing of what they change`, async (t) => {
    const { open } = await prepare(t);
    const results = await Promise.all([5, 6, 7].map((epoch) => resultOf(t, { epoch })));
    const [promotion, ...kept] = [
      open().promote(MODEL, await promotionOf(t, { epoch: 1 })),
      ...results.map((result) => open().keep(MODEL, result)),
    ];
    await Promise.all([promotion, ...kept]);
    const { champion, challenger } = await open().read(MODEL);
    assert.deepEqual([champion?.runId, challenger?.runId], ['run-1', 'run-7']);
    for (const one of await Promise.all(kept)) assert.equal(await open().verify(MODEL, one), true);
  });
}

function challengers({ name, prepare }: RegistrySuite): void {
  test(`${name}: what a run has trained is kept as the challenger, and another host promotes it without the run's files`, async (t) => {
    const { open } = await prepare(t);
    const result = await resultOf(t, { epoch: 3 });
    const kept = await open().keep(MODEL, result);
    await rm(result.artifact);
    const { artifact, keptAt, ...rest } = kept;
    const { artifact: _, ...given } = result;
    assert.deepEqual(rest, given);
    assert.ok(!Number.isNaN(Date.parse(keptAt)));
    assert.deepEqual(await open().read(MODEL), { epoch: 0, champion: undefined, challenger: kept });
    assert.equal(await open().verify(MODEL, kept), true);
    const champion = await open().promote(MODEL, { ...result, artifact, expectedEpoch: 0 });
    assert.deepEqual([champion.artifact, champion.runId], [artifact, 'run-3']);
    assert.deepEqual(await open().read(MODEL), { epoch: 3, champion, challenger: undefined });
  });

  test(`${name}: a result that is kept again is the same one, also when it has become champion`, async (t) => {
    const { open } = await prepare(t);
    const result = await resultOf(t, { epoch: 3 });
    const kept = await open().keep(MODEL, result);
    assert.deepEqual(await open().keep(MODEL, result), kept);
    await open().promote(MODEL, { ...result, artifact: kept.artifact, expectedEpoch: 0 });
    assert.equal((await open().keep(MODEL, result)).artifact, kept.artifact);
    assert.equal((await open().read(MODEL)).challenger, undefined);
  });

  test(`${name}: a run whose epoch does not come after the champion's is fenced before it keeps anything`, async (t) => {
    const { open } = await prepare(t);
    await open().promote(MODEL, await promotionOf(t, { epoch: 4 }));
    for (const epoch of [3, 4]) {
      const result = { ...(await resultOf(t, { epoch })), runId: 'late' };
      await assert.rejects(open().keep(MODEL, result), CONFLICT);
    }
    assert.equal((await open().read(MODEL)).challenger, undefined);
  });

  test(`${name}: an earlier run that keeps its result late does not replace the challenger of a later one`, async (t) => {
    const { open } = await prepare(t);
    const later = await open().keep(MODEL, await resultOf(t, { epoch: 6 }));
    const late = await open().keep(MODEL, await resultOf(t, { epoch: 5 }));
    assert.deepEqual((await open().read(MODEL)).challenger, later);
    assert.equal(await open().verify(MODEL, late), true);
  });

  test(`${name}: a rejection ends the challenger, but not a later one, and can be repeated`, async (t) => {
    const { open } = await prepare(t);
    await open().reject(MODEL, { runId: 'run-2', epoch: 2 });
    await open().keep(MODEL, await resultOf(t, { epoch: 2 }));
    for (let times = 0; times < 2; times++) await open().reject(MODEL, { runId: 'run-2', epoch: 2 });
    assert.equal((await open().read(MODEL)).challenger, undefined);
    const later = await open().keep(MODEL, await resultOf(t, { epoch: 3 }));
    await open().reject(MODEL, { runId: 'run-2', epoch: 2 });
    assert.deepEqual((await open().read(MODEL)).challenger, later);
  });

  test(`${name}: of the artifacts that were not promoted the newest ${REJECTED} are kept, and the champion's always`, async (t) => {
    const { open } = await prepare(t);
    const champion = await open().promote(MODEL, await promotionOf(t, { epoch: 1 }));
    const kept = [];
    for (let epoch = 2; epoch <= REJECTED + 4; epoch++) {
      kept.push(await open().keep(MODEL, await resultOf(t, { epoch, championEpoch: 1 })));
      await open().reject(MODEL, { runId: `run-${epoch}`, epoch });
    }
    const there = await Promise.all(kept.map((one) => open().verify(MODEL, one)));
    assert.deepEqual(there, [...kept.slice(REJECTED).map(() => false), true, true]);
    assert.equal(await open().verify(MODEL, champion), true);
  });
}

function artifacts({ name, prepare }: RegistrySuite): void {
  test(`${name}: an artifact that is gone or was changed since its digest was taken is not kept`, async (t) => {
    const { open } = await prepare(t);
    const result = await resultOf(t, { epoch: 1 });
    await writeFile(result.artifact, 'changed');
    await assert.rejects(open().keep(MODEL, result), { code: 'TRAINER_FAILED' });
    await rm(result.artifact);
    await assert.rejects(open().keep(MODEL, result), { code: 'TRAINER_FAILED' });
    assert.deepEqual(await open().read(MODEL), { epoch: 0, champion: undefined, challenger: undefined });
    const again = await resultOf(t, { epoch: 1 });
    assert.equal(await open().verify(MODEL, await open().keep(MODEL, again)), true);
  });

  test(`${name}: a relative path is refused`, async (t) => {
    const { open } = await prepare(t);
    const result = { ...(await resultOf(t, { epoch: 1 })), artifact: 'model.json' };
    await assert.rejects(open().keep(MODEL, result), { code: 'ARGUMENT_INVALID', message: /model\.json.*absolute/ });
  });

  test(`${name}: a folder with all that is in it comes back as it was`, async (t) => {
    const { open } = await prepare(t);
    const output = await folderOf(t, 'run-2');
    const kept = await open().keep(MODEL, await resultOf(t, { epoch: 2, output }));
    const folder = await temporaryFolder(t);
    const copy = await open().fetch(MODEL, kept, folder);
    assert.equal(copy, join(folder, 'saved model'));
    assert.equal(await digestOf(copy), output.digest);
    assert.equal(await open().fetch(MODEL, kept, folder), copy);
    assert.deepEqual(await files.list(folder), ['saved model']);
    await writeFile(join(copy, 'weights.bin'), 'mine');
    await assert.rejects(open().fetch(MODEL, kept, folder), { code: 'ARGUMENT_INVALID', message: /something else/ });
  });

  test(`${name}: an artifact may live elsewhere, then its address is kept`, async (t) => {
    const { open } = await prepare(t);
    const artifact = 'https://example.com/models/7';
    const result = await resultOf(t, { epoch: 1, output: { artifact, digest: 'a'.repeat(64) } });
    const kept = await open().keep(MODEL, result);
    assert.equal(kept.artifact, artifact);
    assert.equal(await open().verify(MODEL, kept), true);
    await open().promote(MODEL, { ...result, expectedEpoch: 0 });
    assert.equal((await open().read(MODEL)).champion?.artifact, artifact);
    await assert.rejects(open().fetch(MODEL, kept, await temporaryFolder(t)), { code: 'ARGUMENT_INVALID' });
  });
}

function models({ name, prepare }: RegistrySuite): void {
  test(`${name}: models do not see each other, whatever their names`, async (t) => {
    const { open } = await prepare(t);
    await open().promote('a/b', await promotionOf(t, { epoch: 1 }));
    assert.equal((await open().read('a-b')).champion, undefined);
    const output = await outputOf(t, 'x');
    for (const attempt of [
      open().read('../a'),
      open().history('../a'),
      open().keep('../a', await resultOf(t, { epoch: 1, output })),
      open().promote('../a', await promotionOf(t, { epoch: 1, output })),
      open().reject('../a', { runId: 'x', epoch: 1 }),
      open().rollback('../a', { expectedEpoch: 1 }),
    ])
      await assert.rejects(attempt, { code: 'ARGUMENT_INVALID' });
  });

  test(`${name}: the list has every model with a champion or a challenger, in the order of their names`, async (t) => {
    const { open } = await prepare(t);
    assert.deepEqual(await open().list(), []);
    await open().promote('b:1', await promotionOf(t, { epoch: 1 }));
    await open().keep('c', await resultOf(t, { epoch: 1 }));
    await open().promote('a/b', await promotionOf(t, { epoch: 2 }));
    await open().keep('rejected', await resultOf(t, { epoch: 1 }));
    await open().reject('rejected', { runId: 'run-1', epoch: 1 });
    const list = await open().list();
    assert.deepEqual(
      list.map(({ model, epoch, champion, challenger }) => [model, epoch, champion?.runId, challenger?.runId]),
      [
        ['a/b', 2, 'run-2', undefined],
        ['b:1', 1, 'run-1', undefined],
        ['c', 0, undefined, 'run-1'],
      ],
    );
    for (const { model, ...state } of list) assert.deepEqual(state, await open().read(model));
  });
}
