import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrainingService } from '../trainers/http-ground.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { openWorld, requestFor } from './worker-fixture.ts';

// A run at a service, real workers over a real socket: the run outlives its worker.

const RESULT = { metrics: { challenger: { mape: 1 } }, artifact: 'https://example.net/models/1' };

test('a run at a service goes on while workers come and go: it trains once, and is promoted once', async (t) => {
  const world = await openWorld(t);
  const service = await TrainingService.open(t, { does: 'wait', result: RESULT });
  await world.producer.request(requestFor());
  const first = await world.work({ trainer: service.trainer() });
  await eventually(() => service.atWork() === 1, { what: 'the training' });
  await first.stop();
  assert.equal(service.atWork(), 1, 'the run was let go, not ended');
  await world.work({ trainer: service.trainer() });
  const taken = await world.fact('run-taken-over');
  assert.equal(taken.why, 'let-go');
  service.release();
  const [promoted] = await world.told('promoted');
  assert.equal(promoted?.data.runId, taken.runId);
  await eventually(async () => (await world.peek()).length === 0, { what: 'an empty queue' });
  assert.equal(service.begun(), 1);
  const told = (await world.outcomes()).map(({ type }) => type);
  assert.ok(!told.includes('retrain.interrupted.v1') && !told.includes('retrain.failed.v1'), told.join());
  const { champion } = await world.registry.read('births');
  assert.equal(champion?.artifact, RESULT.artifact);
});

test('a run at a service is cancelled there, when its request is', async (t) => {
  const world = await openWorld(t, { lockDuration: 'PT5S' });
  const service = await TrainingService.open(t, { does: 'hang' });
  const { id } = await world.producer.request(requestFor());
  await world.work({ trainer: service.trainer() });
  await eventually(() => service.atWork() === 1, { what: 'the training' });
  await world.producer.cancel('births', id);
  await world.told('cancelled');
  assert.equal(service.atWork(), 0);
  assert.ok(service.asked.some(({ method }) => method === 'DELETE'));
});
