import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { requestMessage, REQUESTED_TYPE } from '../../../src/retraining/envelope.ts';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import type { Trainer } from '../../../src/retraining/trainers/trainer.ts';
import { emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { decodeLedger, encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { answerOf } from '../../../src/retraining/worker/ledger-view.ts';
import { KEEP_TRIES_MAX } from '../../../src/retraining/worker/run-artifact.ts';
import { SessionWork } from '../../../src/retraining/worker/session-work.ts';
import { TakeOverWatch } from '../../../src/retraining/worker/session-takeover.ts';
import type { WorkerContext } from '../../../src/retraining/worker/worker-context.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import { Outcomes } from '../../../src/retraining/worker/worker-outcomes.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { LinkDouble, ME, contentOf, leaseOn } from './session-double.ts';
import type { SessionContent } from './session-double.ts';
import { GATE, registryIn, registryWith, requestFor, success, trainer } from './worker-fixture.ts';
import { WorkerTelemetry } from '../../../src/retraining/telemetry/worker-telemetry.ts';

// What a run does with the registry, by a worker whose session is a double.

const REQUEST = { source: '/test', id: 'a' };

function content(): SessionContent {
  const data = parseRequest(requestFor('births'));
  const time = '2026-01-01T00:00:00Z';
  const event = { ...REQUEST, type: REQUESTED_TYPE, subject: 'births', time, data } as const;
  return contentOf(requestMessage(event, { messageId: 'a', nowMs: 0 }));
}

interface Place {
  readonly folder: string;
  readonly registry: Registry;
  readonly facts: WorkerFact[];
  context(trainer: Trainer, registry?: Registry): WorkerContext;
}

function placeOf(t: TestContext): Place {
  const folder = temporaryFolder(t);
  const registry = registryIn(folder);
  const facts: WorkerFact[] = [];
  const log = (fact: WorkerFact): void => void facts.push(fact);
  return {
    folder,
    registry,
    facts,
    context: (trainer, used = registry) => ({
      me: ME,
      policyOf: () => ({ trainer, gate: GATE }),
      registry: used,
      queue: 'work',
      outcomes: new Outcomes({ clock: systemClock, random: systemRandom, log }),
      send: () => Promise.resolve(),
      backoff: { baseMs: 1, maxMs: 1 },
      graceMs: 0,
      executed: new Set(),
      telemetry: new WorkerTelemetry({ destination: 'q', host: 'h', clock: systemClock }),
      shutdown: new AbortController().signal,
      clock: systemClock,
      // No backoff takes any time.
      random: { bytes: (length) => systemRandom.bytes(length), fraction: () => 0 },
      files,
      log,
    }),
  };
}

async function work(context: WorkerContext, session: SessionContent): Promise<void> {
  const lease = leaseOn(new LinkDouble(session));
  await new SessionWork({ context, lease, watch: new TakeOverWatch(ME), unchangedForMs: 0 }).work();
}

/** The process ends at this call: what comes after it is done by nobody. */
function dying(): never {
  throw new Error('the process died');
}

async function promoted(registry: Registry, folder: string, { mape, epoch }: { mape: number; epoch: number }) {
  const path = join(folder, `first-${epoch}`);
  await files.writeAtomic(path, `model ${epoch}`);
  const [runId, digest] = [`first-${epoch}`, (await files.digest(path)) ?? ''];
  const promotion = { runId, epoch, artifact: path, digest, metrics: { challenger: { mape } } };
  return registry.promote('births', { ...promotion, expectedEpoch: epoch - 1 });
}

test('from trained on, another worker goes on without training, though the host that trained is gone', async (t) => {
  const place = placeOf(t);
  const session = content();
  const trained = trainer((run) => success(place.folder, run, 1));
  // It dies when it asks the registry what to compare with, after the ledger has said trained.
  const first = registryWith(place.registry, { verify: dying });
  await assert.rejects(work(place.context(trained, first), session), /died/);
  assert.equal(decodeLedger(session.state, 'births').run?.stage, 'trained');
  rmSync(join(place.folder, 'out'), { recursive: true });

  await work(place.context(trainer(dying)), session);
  const ledger = decodeLedger(session.state, 'births');
  assert.deepEqual([answerOf(ledger, REQUEST), ledger.run], ['succeeded', null]);
  const { champion, challenger } = await place.registry.read('births');
  assert.deepEqual([champion?.epoch, challenger], [1, undefined]);
});

test('a registry that fails when the result is kept is asked again, and nothing trains twice', async (t) => {
  const place = placeOf(t);
  const session = content();
  let [trainings, failures] = [0, 0];
  const registry = registryWith(place.registry, {
    keep: async (...args) => {
      if (++failures <= 3) throw new Error('no answer');
      return place.registry.keep(...args);
    },
  });
  const counting = trainer((run) => {
    trainings++;
    return success(place.folder, run, 1);
  });
  await work(place.context(counting, registry), session);
  assert.equal(answerOf(decodeLedger(session.state, 'births'), REQUEST), 'succeeded');
  assert.equal(trainings, 1);
  assert.equal(place.facts.filter(({ fact }) => fact === 'registry-failed').length, 3);
});

test('a registry that never keeps the result costs an attempt in the end', async (t) => {
  const place = placeOf(t);
  const session = content();
  let asked = 0;
  const registry = registryWith(place.registry, {
    keep: () => {
      asked++;
      return Promise.reject(new Error('no answer'));
    },
  });
  await work(
    place.context(
      trainer((run) => success(place.folder, run, 1)),
      registry,
    ),
    session,
  );
  const { waiting } = decodeLedger(session.state, 'births');
  assert.deepEqual([asked, waiting[0]?.failed, waiting[0]?.hop], [KEEP_TRIES_MAX, 1, 1]);
});

test('a rejected challenger is the challenger no more, and its artifact is still there to be looked at', async (t) => {
  const place = placeOf(t);
  const before = await promoted(place.registry, place.folder, { mape: 1, epoch: 1 });
  const session = content();
  let challenger;
  const registry = registryWith(place.registry, {
    async verify(...args) {
      ({ challenger } = await place.registry.read('births'));
      return place.registry.verify(...args);
    },
  });
  await work(
    place.context(
      trainer((run) => success(place.folder, run, 2)),
      registry,
    ),
    session,
  );
  assert.equal(answerOf(decodeLedger(session.state, 'births'), REQUEST), 'rejected');
  assert.ok(challenger);
  assert.deepEqual(await place.registry.read('births'), { epoch: 1, champion: before, challenger: undefined });
  assert.equal(await place.registry.verify('births', challenger), true);
});

test('a rollback while the trainer runs: its comparison is void, and its requests come back without an attempt', async (t) => {
  const place = placeOf(t);
  await promoted(place.registry, place.folder, { mape: 1, epoch: 1 });
  await promoted(place.registry, place.folder, { mape: 3, epoch: 2 });
  for (const epochsBefore of [0, 5]) {
    const session = content();
    const { epoch } = await place.registry.read('births');
    const rolling = trainer(async (run) => {
      const { epoch: expectedEpoch } = await place.registry.read('births');
      const to = expectedEpoch % 2 === 0 ? 'first-1' : 'first-2';
      await place.registry.rollback('births', { expectedEpoch, to });
      const end = success(place.folder, run, 2);
      assert.ok(end.kind === 'succeeded');
      // Better than the champion that it was given, worse than the one that is there now.
      return { ...end, result: { ...end.result, metrics: { challenger: { mape: 2 }, champion: { mape: 3 } } } };
    });
    if (epochsBefore > 0) session.state = encodeLedger({ ...emptyLedger('births'), epoch: epoch + epochsBefore });
    await work(place.context(rolling), session);
    const after = decodeLedger(session.state, 'births');
    assert.equal(answerOf(after, REQUEST), undefined);
    assert.deepEqual([after.run, after.waiting[0]?.hop, after.waiting[0]?.failed], [null, 1, 0]);
    const state = await place.registry.read('births');
    assert.deepEqual([state.epoch, state.challenger], [epoch + 1, undefined]);
  }
});
