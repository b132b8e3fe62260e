import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  jobManifest,
  jobName,
  jobTemplateSchema,
  planConfigMap,
} from '../../../src/retraining/trainers/kubernetes-job.ts';
import { planOf, runOf } from './run-fixture.ts';

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const nameOf = (model: string, runId: string, epoch = 1): string =>
  jobName({ plan: planOf({ model: { name: model }, runId, epoch }) });

test('the name of a Job is made of model and run id, and readable', () => {
  assert.equal(nameOf('births', '7-0d3f5c2b9a11'), 'retrain-births-52b136ef3d4d6959-7-0d3f5c2b9a11');
  assert.equal(nameOf('births', '7-0d3f5c2b9a11', 9), nameOf('births', '7-0d3f5c2b9a11', 7));
});

test('whatever model and run id are, the name is a label of 63 characters at most, and no two share one', () => {
  const model = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/).filter((name) => !/^\.{1,2}$/.test(name));
  const runId = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
  fc.assert(
    fc.property(model, runId, model, runId, (a, runA, b, runB) => {
      const [one, other] = [nameOf(a, runA), nameOf(b, runB)];
      assert.match(one, LABEL);
      assert.equal(one === other, a === b && runA === runB);
    }),
  );
});

const TEMPLATE = jobTemplateSchema.parse({
  metadata: { labels: { team: 'forecast' }, annotations: { note: 'x' } },
  spec: {
    activeDeadlineSeconds: 7200,
    podFailurePolicy: { rules: [] },
    template: {
      metadata: { labels: { queue: 'gpu' } },
      spec: {
        serviceAccountName: 'trainer',
        containers: [
          { name: 'proxy', image: 'p' },
          {
            name: 'train',
            image: 't',
            env: [
              { name: 'RETRAIN_OUTPUT', value: '/mnt/$(RETRAIN_RUN_ID)' },
              { name: 'RETRAIN_EPOCH', value: 'mine' },
            ],
            volumeMounts: [{ name: 'data', mountPath: '/mnt' }],
          },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    },
  },
});

const OPTIONS = {
  namespace: 'n',
  container: 'train',
  graceMs: 30_000,
  maxRunMs: 3_600_000,
  keepFinishedMs: 86_400_000,
};

test('a Job is its template with name, one try, limits, labels, and the plan in the container that trains', () => {
  const run = runOf({ epoch: 7 }, { traceparent: '00-a', tracestate: 'b=1' });
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest, as a test reads it
  const job: any = jobManifest(TEMPLATE, { run, ...OPTIONS });
  const { spec } = job;
  assert.equal(job.metadata.name, jobName(run));
  assert.deepEqual(job.metadata.labels.team, 'forecast');
  assert.equal(job.metadata.annotations['retrain/epoch'], '7');
  assert.deepEqual([spec.backoffLimit, spec.parallelism, spec.completions], [0, 1, 1]);
  assert.equal(spec.ttlSecondsAfterFinished, 86_400);
  assert.equal(spec.activeDeadlineSeconds, 3600, 'the shorter one');
  assert.deepEqual(spec.podFailurePolicy, { rules: [] });
  const pod = spec.template;
  assert.equal(pod.metadata.labels.queue, 'gpu');
  assert.equal(pod.metadata.labels['retrain/job'], jobName(run));
  assert.equal(pod.spec.restartPolicy, 'Never');
  assert.equal(pod.spec.terminationGracePeriodSeconds, 30);
  assert.equal(pod.spec.serviceAccountName, 'trainer');
  const [proxy, train] = pod.spec.containers;
  assert.deepEqual(proxy, { name: 'proxy', image: 'p' });
  const names: string[] = train.env.map(({ name }: { name: string }) => name);
  assert.ok(names.indexOf('RETRAIN_RUN_ID') < names.indexOf('RETRAIN_OUTPUT'), 'may be referred to');
  const value = (name: string): string => train.env.find((one: { name: string }) => one.name === name).value;
  assert.equal(value('RETRAIN_EPOCH'), '7', 'not to be overridden');
  assert.equal(value('RETRAIN_REQUEST'), '/etc/retrain/request.json');
  assert.equal(value('RETRAIN_RESULT'), '/dev/termination-log');
  assert.deepEqual([value('TRACEPARENT'), value('TRACESTATE')], ['00-a', 'b=1']);
  assert.equal(train.volumeMounts.length, 2);
  assert.deepEqual(pod.spec.volumes.at(-1), { name: 'retrain-plan', configMap: { name: jobName(run) } });
});

test('the plan belongs to its Job, and goes with it', () => {
  const run = runOf({ epoch: 7 });
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest, as a test reads it
  const map: any = planConfigMap(run, { namespace: 'n', jobUid: 'u' });
  assert.deepEqual(map.metadata.ownerReferences, [
    { apiVersion: 'batch/v1', kind: 'Job', name: jobName(run), uid: 'u' },
  ]);
  assert.equal(JSON.parse(map.data['request.json']).epoch, 7);
});

const REFUSED: readonly (readonly [string, object])[] = [
  ['another kind', { kind: 'CronJob', spec: TEMPLATE.spec }],
  ['no container', { spec: { template: { spec: { containers: [] } } } }],
  ['several pods', { spec: { ...TEMPLATE.spec, completions: 3 } }],
  [
    'containers that are started again',
    { spec: { template: { spec: { containers: [{ name: 'a' }], restartPolicy: 'OnFailure' } } } },
  ],
];
for (const [what, template] of REFUSED)
  test(`a template with ${what} is refused`, () => assert.equal(jobTemplateSchema.safeParse(template).success, false));
