import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { trainerHttpJsonSchema } from '../../../src/retraining/trainers/http-contract.ts';
import { httpRunKey } from '../../../src/retraining/trainers/http-trainer.ts';
import { TrainingService, send } from './http-ground.ts';
import { eventually, runOf } from './run-fixture.ts';
import { GOOD, failed, trainerSuite } from './trainer-suite.ts';

trainerSuite({
  name: 'http',
  reattaches: true,
  open: (t, training, limits) => TrainingService.open(t, training, limits),
});

test('http: a run is named by its model and run id, not by its epoch', () => {
  const key = httpRunKey(runOf({ model: { name: 'Shop/births' }, runId: '7-abc' }));
  assert.match(key, /^shop-births-[0-9a-f]{16}-7-abc$/);
  assert.equal(httpRunKey(runOf({ model: { name: 'Shop/births' }, runId: '7-abc', epoch: 9 })), key);
});

const PASSING: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ['503', (response) => send(response, 503, { detail: 'starting' })],
  ['429', (response) => send(response, 429, '', { 'retry-after': '0' })],
  ['a connection that is cut', (response) => void response.destroy()],
  ['401, as of a token that is about to be renewed', (response) => send(response, 401, {})],
];
for (const [what, answer] of PASSING)
  test(`http: after ${what} the start, and a look, is tried again`, async (t) => {
    const service = await TrainingService.open(t, { does: 'wait', result: GOOD });
    const faults: string[] = [];
    service.intercept = ({ method = '' }, response) => {
      if (faults.filter((one) => one === method).length >= 2) return false;
      faults.push(method);
      answer(response);
      return true;
    };
    const handle = service.trainer().start(runOf());
    await eventually(() => faults.length === 4, { what: 'faults at start and at looks' });
    service.release();
    assert.equal((await handle.result).kind, 'succeeded');
    assert.equal(service.begun(), 1);
  });

test('http: a start whose answer was lost is found by the next try', async (t) => {
  const service = await TrainingService.open(t, { does: 'succeed', result: GOOD });
  let lost = 0;
  const run = runOf();
  service.intercept = ({ method }, response) => {
    if (method !== 'PUT' || lost++ > 0) return false;
    service.runs.set(httpRunKey(run), { state: 'succeeded', log: '', result: GOOD });
    response.destroy();
    return true;
  };
  assert.equal((await service.trainer().start(run).result).kind, 'succeeded');
  assert.equal(service.asked.filter(({ method }) => method === 'PUT').length, 2);
});

test('http: a plan that the service refuses is permanent, with its reason', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = (_, response) => {
    send(response, 422, { type: 'about:blank', title: 'Unprocessable', detail: 'no such dataset' });
    return true;
  };
  const end = failed(await service.trainer().start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /422.*no such dataset/);
});

test('http: what follows the path of an address may be a secret, and is shown nowhere', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = (_, response) => {
    send(response, 422, { type: 'about:blank', title: 'Unprocessable', detail: 'no' });
    return true;
  };
  const url = `http://127.0.0.1:${service.port}/runs?code=hidden`;
  const end = failed(await service.trainer({ url }).start(runOf()).result);
  assert.match(end.reason, /PUT http:\/\/127\.0\.0\.1:\d+\/runs\/\S+ is answered with 422/);
  assert.doesNotMatch(end.reason, /hidden/);
});

test('http: redirects are not followed, as they would carry the token elsewhere', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = (_, response) => {
    send(response, 307, '', { location: 'http://127.0.0.1:1/' });
    return true;
  };
  const end = failed(await service.trainer().start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /redirects are not followed/);
});

test('http: a service that cannot be reached costs an attempt when the time for the start is over', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  const trainer = service.trainer({ startWithinMs: 100 });
  await service.close();
  const end = failed(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'retry');
  assert.match(end.reason, /could not be started within 0\.1 s: PUT .*ECONNREFUSED/);
});

test('http: a service that does not answer in time counts as one that cannot be reached', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = () => true;
  const end = failed(await service.trainer({ startWithinMs: 0, timeoutMs: 50 }).start(runOf()).result);
  assert.equal(end.meaning, 'retry');
  assert.match(end.reason, /no answer within 50 ms/);
});

test('http: a run goes on while the service is away for a while', async (t) => {
  const service = await TrainingService.open(t, { does: 'wait', result: GOOD });
  const { port } = service;
  const handle = service.trainer().start(runOf());
  await eventually(() => service.asked.some(({ method }) => method === 'GET'));
  await service.close();
  service.release();
  await service.listen(port);
  assert.equal((await handle.result).kind, 'succeeded');
});

test('http: a run that the service has forgotten was interrupted', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  const handle = service.trainer().start(runOf());
  await eventually(() => service.atWork() === 1);
  service.runs.clear();
  const end = failed(await handle.result);
  assert.equal(end.meaning, 'interrupted');
  assert.match(end.reason, /no longer knows/);
});

const AGAINST: readonly (readonly [string, string])[] = [
  ['is no JSON', '<html>'],
  ['has a state of its own', '{"state":"sleeping"}'],
  ['is endless', 'x'.repeat(300_000)],
];
for (const [what, text] of AGAINST.slice(0, 2))
  test(`http: a service whose status ${what} is asked a few times, then the run is cancelled and has failed`, async (t) => {
    const service = await TrainingService.open(t, { does: 'hang' });
    service.intercept = ({ method }, response) => {
      if (method !== 'GET' || service.asked.some((one) => one.method === 'DELETE')) return false;
      send(response, 200, text);
      return true;
    };
    const end = failed(await service.trainer().start(runOf()).result);
    assert.equal(end.meaning, 'retry');
    assert.match(end.reason, /cannot be asked about/);
    assert.equal(service.atWork(), 0);
  });

test('http: an answer that is too long is not read to its end', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = ({ method }, response) => {
    if (method !== 'GET' || service.asked.some((one) => one.method === 'DELETE')) return false;
    send(response, 200, AGAINST[2]?.[1] ?? '');
    return true;
  };
  const end = failed(await service.trainer({ maxRunMs: 300 }).start(runOf()).result);
  assert.match(end.reason, /longer than/);
});

test('http: a failure that says what it means needs no exit code', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  const handle = service.trainer().start(runOf());
  const [run] = await eventually(() => service.atWork() === 1 && [...service.runs.values()]);
  assert.ok(run);
  Object.assign(run, { state: 'failed', failure: { meaning: 'permanent', reason: 'no column\nprice' } });
  const end = failed(await handle.result);
  assert.equal(end.meaning, 'permanent');
  assert.equal(end.reason, 'no column price');
});

test('http: the time limit counts from when the service says that the training began', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  service.intercept = ({ method }, response) => {
    if (method !== 'GET' || service.asked.some((one) => one.method === 'DELETE')) return false;
    send(response, 200, { state: 'running', startedAt: '2020-01-01T00:00:00Z' });
    return true;
  };
  const end = failed(await service.trainer({ maxRunMs: 3_600_000 }).start(runOf()).result);
  assert.match(end.reason, /longer than 3600 s/);
});

test('http: a cancel that meets no run is no error', async (t) => {
  const service = await TrainingService.open(t, { does: 'hang' });
  const handle = service.trainer().start(runOf());
  handle.stop(100, 'cancelled');
  assert.equal(failed(await handle.result).meaning, 'interrupted');
  assert.deepEqual(
    service.asked.map(({ method }) => method),
    ['DELETE', 'GET'],
  );
});

test('http: the published JSON Schema is that of the contract', () => {
  const file = join(import.meta.dirname, '..', '..', '..', '..', 'schemas', 'trainer-http.schema.json');
  const published: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(trainerHttpJsonSchema())), 'npm run schema writes it anew');
});
