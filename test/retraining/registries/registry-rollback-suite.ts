import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { promotionOf, resultOf } from './artifact-fixture.ts';
import { HISTORY } from './registry-under-test.ts';
import type { RegistrySuite } from './registry-under-test.ts';

const MODEL = 'births/us';
const CONFLICT = { code: 'REGISTRY_CONFLICT' };

async function promotedInTurn(t: TestContext, registry: Registry, epochs: readonly number[]): Promise<void> {
  for (const [index, epoch] of epochs.entries()) {
    const expectedEpoch = epochs[index - 1] ?? 0;
    await registry.promote(MODEL, await promotionOf(t, { epoch, expectedEpoch }));
  }
}

/** What every registry must do about the history of champions and going back in it. */
export function rollbackSuite({ name, prepare, conditional = true }: RegistrySuite): void {
  test(`${name}: the history tells each change of the champion, the newest first, within its limit`, async (t) => {
    const { open } = await prepare(t);
    const epochs = Array.from({ length: HISTORY + 2 }, (_, i) => 2 * i + 1);
    await promotedInTurn(t, open(), epochs);
    const history = await open().history(MODEL);
    assert.deepEqual(
      history.map(({ epoch }) => epoch),
      epochs.reverse().slice(0, HISTORY),
    );
    const [newest, before] = history;
    assert.ok(newest && before);
    const { how, instead, ...champion } = newest;
    assert.deepEqual([how, instead], ['promoted', { runId: before.runId, epoch: before.epoch }]);
    assert.deepEqual((await open().read(MODEL)).champion, champion);
    for (const one of history) assert.equal(await open().verify(MODEL, one), true);
  });

  test(`${name}: a rollback makes the champion before champion again, under a new epoch, and says who and why`, async (t) => {
    const { open } = await prepare(t);
    await promotedInTurn(t, open(), [1, 4, 6]);
    const before = await open().history(MODEL);
    const change = await open().rollback(MODEL, { expectedEpoch: 6, by: 'ada@host', reason: 'worse on Sundays' });
    const { promotedAt: _, ...rest } = change;
    assert.deepEqual(rest, {
      runId: 'run-4',
      epoch: 7,
      artifact: before[1]?.artifact,
      digest: before[1]?.digest,
      metrics: { challenger: { mape: 4 } },
      how: 'rolled-back',
      instead: { runId: 'run-6', epoch: 6 },
      by: 'ada@host',
      reason: 'worse on Sundays',
    });
    const { epoch, champion } = await open().read(MODEL);
    assert.deepEqual([epoch, champion?.runId, champion?.epoch], [7, 'run-4', 7]);
    assert.deepEqual(await open().history(MODEL), [change, ...before].slice(0, HISTORY));
  });

  test(`${name}: one rollback after the other goes further back; by name it goes anywhere`, async (t) => {
    const { open } = await prepare(t);
    await promotedInTurn(t, open(), [1, 2]);
    assert.equal((await open().rollback(MODEL, { expectedEpoch: 2 })).runId, 'run-1');
    await assert.rejects(open().rollback(MODEL, { expectedEpoch: 3 }), {
      code: 'ARGUMENT_INVALID',
      message: /no earlier champion/,
    });
    assert.equal((await open().rollback(MODEL, { expectedEpoch: 3, to: 'run-2' })).runId, 'run-2');
    assert.equal((await open().rollback(MODEL, { expectedEpoch: 4, to: 'run-1' })).epoch, 5);
  });

  test(`${name}: what cannot be rolled back is refused, and nothing changes`, async (t) => {
    const { open } = await prepare(t);
    const invalid = (message: RegExp) => ({ code: 'ARGUMENT_INVALID', message });
    await assert.rejects(open().rollback(MODEL, { expectedEpoch: 0 }), invalid(/no champion/));
    await promotedInTurn(t, open(), [1, 2, 3]);
    const state = await open().read(MODEL);
    await assert.rejects(open().rollback(MODEL, { expectedEpoch: 2 }), CONFLICT);
    await assert.rejects(open().rollback(MODEL, { expectedEpoch: 3, to: 'run-3' }), invalid(/already/));
    await assert.rejects(open().rollback(MODEL, { expectedEpoch: 3, to: 'run-9' }), invalid(/use one of run-2, run-1/));
    assert.deepEqual(await open().read(MODEL), state);
  });

  test(`${name}: a run that compared before a rollback is refused, one that begins after it is not`, async (t) => {
    const { open } = await prepare(t);
    await promotedInTurn(t, open(), [1, 2]);
    const result = await resultOf(t, { epoch: 9, championEpoch: 2 });
    const kept = await open().keep(MODEL, result);
    await open().rollback(MODEL, { expectedEpoch: 2 });
    // The challenger stays, and still says that it was compared with the champion of epoch 2.
    assert.equal((await open().read(MODEL)).challenger?.championEpoch, 2);
    await assert.rejects(open().promote(MODEL, { ...result, artifact: kept.artifact, expectedEpoch: 2 }), CONFLICT);
    // As by the rule of the ledger: the greater of its epoch and the registry's, and one.
    const next = await promotionOf(t, { epoch: 10, expectedEpoch: 3 });
    assert.equal((await open().promote(MODEL, next)).runId, 'run-10');
    assert.equal((await open().read(MODEL)).challenger, undefined);
    // It was champion, was rolled back, and a worker that died before it heard of its promotion repeats it.
    await assert.rejects(open().promote(MODEL, await promotionOf(t, { epoch: 2, expectedEpoch: 1 })), CONFLICT);
  });

  if (conditional)
    test(`${name}: of a promotion and rollbacks that expect the same epoch, exactly one wins`, async (t) => {
      const { open } = await prepare(t);
      await promotedInTurn(t, open(), [1, 2]);
      const promotion = await promotionOf(t, { epoch: 3, expectedEpoch: 2 });
      const results = await Promise.allSettled([
        open().promote(MODEL, promotion),
        open().rollback(MODEL, { expectedEpoch: 2 }),
        open().rollback(MODEL, { expectedEpoch: 2, to: 'run-1' }),
      ]);
      const won = results.filter((result) => result.status === 'fulfilled');
      assert.equal(won.length, 1);
      for (const result of results)
        if (result.status === 'rejected') assert.equal((result.reason as { code?: string }).code, 'REGISTRY_CONFLICT');
      const { epoch, champion } = await open().read(MODEL);
      assert.deepEqual([epoch, champion?.runId], [3, won[0]?.value.runId]);
      assert.equal((await open().history(MODEL)).length, 3);
    });
}
