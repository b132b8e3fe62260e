import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { jobName } from '../../../src/retraining/trainers/kubernetes-job.ts';
import type { KubernetesTrainerOptions } from '../../../src/retraining/trainers/kubernetes-trainer.ts';
import { kubeconfigOf } from './kubernetes/api-client.ts';
import { ApiDouble } from './kubernetes/api-double.ts';
import { KubernetesGround } from './kubernetes/kubernetes-ground.ts';
import { eventually, runOf, temporaryFolder } from './run-fixture.ts';
import { GOOD, failed, trainerSuite } from './trainer-suite.ts';
import type { Training } from './trainer-suite.ts';

const certificate = ApiDouble.certificate();

async function openGround(
  t: TestContext,
  training: Training,
  limits: { maxRunMs?: number } = {},
): Promise<KubernetesGround & { double: ApiDouble }> {
  const double = await ApiDouble.open(await certificate);
  const ground = new KubernetesGround(t, { access: double.access, namespace: 'training', training, limits });
  double.log = (pod, query, response) => ground.player.writeLog(pod, query, response);
  t.after(() => double.close());
  return Object.assign(ground, { double });
}

trainerSuite({ name: 'kubernetes', reattaches: true, open: openGround });

const JOBS = '/apis/batch/v1/namespaces/training/jobs';

function refuse(response: ServerResponse, code: number, message: string): void {
  response
    .writeHead(code, { 'content-type': 'application/json' })
    .end(JSON.stringify({ kind: 'Status', code, message }));
}

test('kubernetes: after answers that pass, a start and a look are tried again, and there is one Job', async (t) => {
  const ground = await openGround(t, { does: 'wait', result: GOOD });
  const faults: string[] = [];
  ground.double.intercept = ({ method = '', url = '' }, response) => {
    // Of the trainer only: the player neither makes ConfigMaps nor lists pods.
    const [, what] = /(configmaps|pods\?)/.exec(url) ?? [];
    if (
      what === undefined ||
      (what === 'configmaps' && method !== 'POST') ||
      faults.filter((one) => one === what).length >= 2
    )
      return false;
    faults.push(what);
    if (faults.length % 2) refuse(response, 503, 'overloaded');
    else response.destroy();
    return true;
  };
  const handle = ground.trainer().start(runOf());
  await eventually(() => faults.length === 4, { what: 'faults at start and at looks' });
  ground.release();
  assert.equal((await handle.result).kind, 'succeeded');
  assert.equal(ground.begun(), 1);
});

test('kubernetes: a right that the worker has not costs an attempt when the time for the start is over', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  ground.double.intercept = ({ method, url }, response) => {
    if (method !== 'POST' || url !== JOBS) return false;
    refuse(response, 403, 'jobs.batch is forbidden: User "w" cannot create resource "jobs"');
    return true;
  };
  const end = failed(await ground.trainer({ startWithinMs: 0 }).start(runOf()).result);
  assert.equal(end.meaning, 'retry');
  assert.match(end.reason, /403.*cannot create resource/);
});

test('kubernetes: what the API server calls invalid is permanent', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  ground.double.intercept = ({ method, url }, response) => {
    if (method !== 'POST' || url !== JOBS) return false;
    refuse(response, 422, 'Job.batch is invalid: spec.template.spec.containers[0].image: Required value');
    return true;
  };
  const end = failed(await ground.trainer().start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /image: Required value/);
});

test('kubernetes: a server that the kubeconfig does not trust is not spoken to', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  const other = await ApiDouble.certificate();
  const kubeconfig = join(temporaryFolder(t), 'kubeconfig');
  const { double } = ground;
  writeFileSync(kubeconfig, kubeconfigOf({ ...double.access, ca: other.authority.certificate }, 'training'));
  const end = failed(await ground.trainer({ kubeconfig, startWithinMs: 0 }).start(runOf()).result);
  assert.equal(end.meaning, 'retry');
  assert.match(end.reason, /VERIFY|CERT|SIGNATURE/i);
});

const UNFIT: readonly (readonly [string, Partial<KubernetesTrainerOptions>, RegExp])[] = [
  ['a template that does not exist', { jobTemplate: '/no/such/job.yaml' }, /job\.yaml does not exist/],
  ['a template that is no Job', { jobTemplate: { kind: 'Pod' } }, /not a Job that can train/],
  ['a container that the template has not', { container: 'other' }, /no container other/],
  [
    'a kubeconfig that does not exist',
    { kubeconfig: '/no/such/kubeconfig' },
    /kubeconfig \/no\/such\/kubeconfig cannot be read/,
  ],
  ['a context that the kubeconfig has not', { context: 'other' }, /names no cluster/],
];
for (const [what, options, reason] of UNFIT)
  test(`kubernetes: ${what} is permanent, and named`, async (t) => {
    const ground = await openGround(t, { does: 'hang' });
    const end = failed(await ground.trainer({ namespace: 'training', ...options }).start(runOf()).result);
    assert.equal(end.meaning, 'permanent', end.reason);
    assert.match(end.reason, reason);
  });

test('kubernetes: a plan that no ConfigMap holds is permanent, and says what to lower', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  const end = failed(await ground.trainer().start(runOf({ parameters: { big: 'x'.repeat(1_000_000) } })).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /maxRequests/);
  assert.equal(ground.begun(), 0);
});

test('kubernetes: a template in a file is read, YAML and all, at every start', async (t) => {
  const ground = await openGround(t, { does: 'succeed', result: GOOD });
  const jobTemplate = join(import.meta.dirname, '../../../../examples/kubernetes-trainer/job.yaml');
  const end = await ground.trainer({ jobTemplate }).start(runOf()).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  const { value: job } = await ground.player.api.call('GET', `${JOBS}/${jobName(runOf())}`);
  const [container] = job['spec'].template.spec.containers;
  assert.deepEqual(container.command, ['python', 'train.py']);
  assert.equal(container.env.at(-1).value, 'https://store.example.net/checkpoints/$(RETRAIN_PLAN_KEY)');
});

test('kubernetes: a pod that the cluster ends was interrupted', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  const handle = ground.trainer().start(runOf());
  await eventually(() => ground.atWork() === 1);
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  await ground.player.disrupt({
    conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', lastTransitionTime }],
  });
  const end = failed(await handle.result);
  assert.equal(end.meaning, 'interrupted');
  assert.match(end.reason, /PreemptionByScheduler/);
});

test('kubernetes: a Job that somebody deletes was interrupted', async (t) => {
  const ground = await openGround(t, { does: 'hang' });
  const handle = ground.trainer().start(runOf());
  await eventually(() => ground.atWork() === 1);
  await ground.player.api.call('DELETE', `${JOBS}/${jobName(runOf())}`);
  const end = failed(await handle.result);
  assert.equal(end.meaning, 'interrupted');
  assert.match(end.reason, /somebody deleted it/);
});

test('kubernetes: a log whose connection breaks is read on, and no line is there twice', async (t) => {
  const prints = ['one', 'two', 'three'];
  const ground = await openGround(t, { does: 'wait', prints, result: GOOD });
  let asked = 0;
  ground.double.log = (pod, query, response) => {
    if (asked++ > 0) return ground.player.writeLog(pod, query, response);
    response.writeHead(200).write('2020-01-01T00:00:00.000000000Z zero\n', () => response.destroy());
  };
  const handle = ground.trainer().start(runOf());
  await eventually(() => asked > 1, { what: 'another connection' });
  ground.release();
  const end = await handle.result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  assert.equal(readFileSync(end.logFile, 'utf8'), 'zero\none\ntwo\nthree\n');
});

test('kubernetes: without rights to read logs a run goes its way', async (t) => {
  const ground = await openGround(t, { does: 'succeed', result: GOOD });
  ground.double.log = (_, __, response) => refuse(response, 403, 'pods/log is forbidden');
  assert.equal((await ground.trainer().start(runOf()).result).kind, 'succeeded');
});
