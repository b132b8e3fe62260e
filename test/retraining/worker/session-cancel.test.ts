import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { cancelMessage, CANCEL_TYPE, requestMessage, REQUESTED_TYPE } from '../../../src/retraining/envelope.ts';
import type { CancelEvent } from '../../../src/retraining/envelope.ts';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { decodeLedger, encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { answerOf } from '../../../src/retraining/worker/ledger-view.ts';
import { PEEKED_CANCELS_MAX, PeekedCancels } from '../../../src/retraining/worker/peeked-cancels.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import { TakeOverWatch } from '../../../src/retraining/worker/session-takeover.ts';
import { SessionWork } from '../../../src/retraining/worker/session-work.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import type { WorkerContext } from '../../../src/retraining/worker/worker-context.ts';
import { Outcomes } from '../../../src/retraining/worker/worker-outcomes.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { eventually, temporaryFolder } from '../trainers/run-fixture.ts';
import { LinkDouble, ME, arrive, contentOf, leaseOn } from './session-double.ts';
import { GATE, good, registryIn, registryWith, requestFor } from './worker-fixture.ts';
import { WorkerTelemetry } from '../../../src/retraining/telemetry/worker-telemetry.ts';

const REQUEST = { source: '/test', id: 'a' };
const TIME = '2026-01-01T00:00:00Z';

function request() {
  const data = parseRequest(requestFor('births'));
  const event = { ...REQUEST, type: REQUESTED_TYPE, subject: 'births', time: TIME, data } as const;
  return requestMessage(event, { messageId: 'a', nowMs: 0 });
}

function cancelEvent(id: string, requestId = REQUEST.id): CancelEvent {
  return { id, source: '/test', type: CANCEL_TYPE, subject: 'births', time: TIME, data: { requestId } };
}

function cancel() {
  return cancelMessage(cancelEvent('c'), { messageId: 'c', nowMs: 0 });
}

function contextIn(t: TestContext, { runs, registry }: { runs: TrainerRun[]; registry?: WorkerContext['registry'] }) {
  const folder = temporaryFolder(t);
  const log = (): void => undefined;
  const context: WorkerContext = {
    me: ME,
    policyOf: () => ({ trainer: good(folder, runs), gate: GATE }),
    registry: registry ?? registryIn(folder),
    outcomes: new Outcomes({ clock: systemClock, random: systemRandom, log }),
    queue: 'work',
    send: () => Promise.resolve(),
    backoff: { baseMs: 1, maxMs: 1 },
    graceMs: 0,
    executed: new Set(),
    telemetry: new WorkerTelemetry({ destination: 'q', host: 'h', clock: systemClock }),
    shutdown: new AbortController().signal,
    clock: systemClock,
    random: systemRandom,
    files,
    log,
  };
  return { context, folder };
}

async function work(context: WorkerContext, link: LinkDouble, next = link): Promise<void> {
  const watch = new TakeOverWatch(ME);
  const lease = leaseOn(link, { accept: () => Promise.resolve(next.receiver) });
  await new SessionWork({ context, lease, watch, unchangedForMs: 0 }).work();
}

test('a cancel that comes with the requests of a run that was taken over ends the run before it trains', async (t) => {
  const runs: TrainerRun[] = [];
  const { context } = contextIn(t, { runs });
  const content = contentOf(request(), cancel());
  const requests = [{ ...REQUEST, hop: 0 }];
  const started = { type: 'started', runId: 'r1', epoch: 1, owner: ME, atMs: 0, requests } as const;
  content.state = encodeLedger(advance(emptyLedger('births'), started));
  await work(context, new LinkDouble(content));
  assert.equal(runs.length, 0);
  const ledger = decodeLedger(content.state, 'births');
  assert.deepEqual([answerOf(ledger, REQUEST), ledger.run, content.messages], ['cancelled', null, []]);
});

test('a cancel that is peeked after the run was recorded and before its trainer exists is not lost', async (t) => {
  const runs: TrainerRun[] = [];
  const folder = temporaryFolder(t);
  const real = registryIn(folder);
  const content = contentOf(request());
  const link = new LinkDouble(content);
  let reads = 0;
  const registry = registryWith(real, {
    async read(model) {
      // The first read gives the epoch; the second comes just before the execution is made.
      if (++reads === 2) {
        arrive(content, cancel());
        const before = link.peeks;
        await eventually(() => link.peeks > before, { what: 'a peek of the keeper' });
      }
      return real.read(model);
    },
  });
  const { context } = contextIn(t, { runs, registry });
  await work(context, link);
  assert.equal(runs.length, 0);
  const ledger = decodeLedger(content.state, 'births');
  assert.deepEqual([answerOf(ledger, REQUEST), ledger.run], ['cancelled', null]);
});

test('peeked cancels are bounded, each is there once, and one that was received is gone', () => {
  const cancels = new PeekedCancels();
  for (let i = 0; i <= PEEKED_CANCELS_MAX; i++) cancels.add(cancelEvent(`c${i}`));
  cancels.add(cancelEvent('c1'));
  const kept = [...cancels];
  assert.deepEqual([kept.length, kept[0]?.id], [PEEKED_CANCELS_MAX, 'c1']);
  cancels.delete(cancelEvent('c1'));
  assert.deepEqual([...cancels].length, PEEKED_CANCELS_MAX - 1);
});

test('a link that is lost during a take-over does not end the work on the session', async (t) => {
  const runs: TrainerRun[] = [];
  const content = contentOf(request());
  const requests = [{ ...REQUEST, hop: 0 }];
  const started = { type: 'started', runId: 'r1', epoch: 1, owner: ME, atMs: 0, requests } as const;
  content.state = encodeLedger(advance(emptyLedger('births'), started));
  const link = new LinkDouble(content);
  const real = registryIn(temporaryFolder(t));
  const registry = registryWith(real, {
    read(model) {
      // Between the ledger that was read and the one that is written.
      link.isClosed = true;
      link.fault = new Error('the link is closed');
      return real.read(model);
    },
  });
  const { context } = contextIn(t, { runs, registry });
  await work(context, link, new LinkDouble(content));
  const ledger = decodeLedger(content.state, 'births');
  assert.deepEqual([runs.length, answerOf(ledger, REQUEST), content.messages], [1, 'succeeded', []]);
});
