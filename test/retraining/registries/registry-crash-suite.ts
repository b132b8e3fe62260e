import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { folderOf, promotionOf, resultOf } from './artifact-fixture.ts';
import type { RegistrySuite } from './registry-under-test.ts';

/** Far more changes of a store than anything takes. */
const STEPS_MAX = 60;

interface Scene {
  readonly model: string;
  /** Runs what may be cut short, on a registry that may die. */
  readonly act: (registry: Registry) => Promise<unknown>;
  /** On a registry that lives: the same again, and what must hold then. */
  readonly finish: (registry: Registry) => Promise<void>;
}

type Setting = (t: TestContext, registry: Registry, model: string) => Promise<Scene>;

const keeping: Setting = async (t, registry, model) => {
  await registry.promote(model, await promotionOf(t, { epoch: 1 }));
  const result = await resultOf(t, { epoch: 2, championEpoch: 1, output: await folderOf(t, 'run-2') });
  return {
    model,
    act: (dying) => dying.keep(model, result),
    async finish(living) {
      const kept = await living.keep(model, result);
      assert.deepEqual((await living.read(model)).challenger, kept);
      assert.equal(await living.verify(model, kept), true);
    },
  };
};

const promoting: Setting = async (t, registry, model) => {
  await registry.promote(model, await promotionOf(t, { epoch: 1 }));
  const result = await resultOf(t, { epoch: 2, championEpoch: 1 });
  const { artifact } = await registry.keep(model, result);
  const promotion = { ...result, artifact, expectedEpoch: 1 };
  return {
    model,
    act: (dying) => dying.promote(model, promotion),
    async finish(living) {
      const champion = await living.promote(model, promotion);
      assert.deepEqual(await living.read(model), { epoch: 2, champion, challenger: undefined });
      assert.equal((await living.history(model)).length, 2);
    },
  };
};

const promotingUnkept: Setting = async (t, registry, model) => {
  await registry.promote(model, await promotionOf(t, { epoch: 1 }));
  const promotion = await promotionOf(t, { epoch: 2, expectedEpoch: 1, output: await folderOf(t, 'run-2') });
  return {
    model,
    act: (dying) => dying.promote(model, promotion),
    async finish(living) {
      assert.deepEqual(await living.promote(model, promotion), (await living.read(model)).champion);
      assert.equal((await living.history(model)).length, 2);
    },
  };
};

const rejecting: Setting = async (t, registry, model) => {
  await registry.promote(model, await promotionOf(t, { epoch: 1 }));
  const kept = await registry.keep(model, await resultOf(t, { epoch: 2, championEpoch: 1 }));
  return {
    model,
    act: (dying) => dying.reject(model, kept),
    async finish(living) {
      await living.reject(model, kept);
      assert.equal((await living.read(model)).challenger, undefined);
      assert.equal(await living.verify(model, kept), true);
    },
  };
};

const rollingBack: Setting = async (t, registry, model) => {
  await registry.promote(model, await promotionOf(t, { epoch: 1 }));
  await registry.promote(model, await promotionOf(t, { epoch: 2, expectedEpoch: 1 }));
  return {
    model,
    act: (dying) => dying.rollback(model, { expectedEpoch: 2 }),
    async finish(living) {
      // Somebody looks whether it has happened before asking for it again.
      const { epoch } = await living.read(model);
      if (epoch === 2) await living.rollback(model, { expectedEpoch: 2 });
      else await assert.rejects(living.rollback(model, { expectedEpoch: 2 }), { code: 'REGISTRY_CONFLICT' });
      const { epoch: now, champion } = await living.read(model);
      assert.deepEqual([now, champion?.runId], [3, 'run-1']);
      assert.equal((await living.history(model)).length, 3);
    },
  };
};

const SETTINGS: Readonly<Record<string, Setting>> = {
  'a result that is kept': keeping,
  'a promotion of what was kept': promoting,
  'a promotion of what was not kept': promotingUnkept,
  'a rejection': rejecting,
  'a rollback': rollingBack,
};

/** A process may die before any change of the store: what others see is whole, and what was begun can be done again. */
export function crashSuite({ name, prepare }: RegistrySuite): void {
  for (const [what, setting] of Object.entries(SETTINGS))
    test(`${name}: ${what}: a process that dies at any step leaves nothing half done, and its repetition completes it`, async (t) => {
      const { open, dying } = await prepare(t);
      for (let step = 1; ; step++) {
        assert.ok(step < STEPS_MAX, 'it never lived to the end');
        const { model, act, finish } = await setting(t, open(), `m-${step}`);
        const lived = await act(dying(step)).then(
          () => true,
          (error: unknown) => {
            assert.match(String(error), /the process died/);
            return false;
          },
        );
        const { champion, challenger } = await open().read(model);
        for (const one of [champion, challenger])
          if (one) assert.equal(await open().verify(model, one), true, `${one.runId} after ${step}`);
        await finish(open());
        if (!lived) continue;
        assert.ok(step > 1);
        return;
      }
    });
}
