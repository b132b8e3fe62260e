import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../src/cli/manifest-object.ts';
import { manifestSettings } from '../../src/cli/manifest-settings.ts';
import type { ManifestFlags } from '../../src/cli/manifest-settings.ts';
import { manifestJson, manifestYaml } from '../../src/cli/manifest-text.ts';
import { assertFailure, runCli, temporaryFolder } from './cli-process.ts';
import { CLIENT_ID, IMAGE, IN_THE_CLUSTER, SCALER_CLIENT_ID, WHOLE } from './manifest-files.ts';

interface Printed {
  readonly yaml: string;
  readonly objects: readonly KubernetesObject[];
  // oxlint-disable-next-line typescript/no-explicit-any -- objects of Kubernetes, as a test reads them
  readonly one: (kind: string, name: string) => any;
}

async function printed(t: TestContext, text: string, flags: ManifestFlags = {}): Promise<Printed> {
  const config = join(await temporaryFolder(t), 'retrain.yaml');
  await writeFile(config, text);
  const settings = await manifestSettings({ config, image: IMAGE, ...flags });
  const { items } = JSON.parse(manifestJson(settings)) as { items: KubernetesObject[] };
  return {
    yaml: manifestYaml(settings),
    objects: items,
    one(kind, name) {
      const found = items.filter((object) => object.kind === kind && object.metadata.name === name);
      assert.equal(found.length, 1, `${kind} ${name} among ${names(items).join(', ')}`);
      return found[0];
    },
  };
}

function names(objects: readonly KubernetesObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

/** Every pod template, wherever it is. */
// oxlint-disable-next-line typescript/no-explicit-any -- objects of Kubernetes, as a test reads them
function templates(objects: readonly KubernetesObject[]): any[] {
  return objects.flatMap((object) => {
    // oxlint-disable-next-line typescript/no-explicit-any -- see above
    const spec = object['spec'] as any;
    const found = spec?.jobTargetRef?.template ?? spec?.template;
    return found === undefined ? [] : [found];
  });
}

test('a configuration becomes jobs, what KEDA needs to start them, and what runs all the time', async (t) => {
  const { objects, yaml } = await printed(t, WHOLE, { namespace: 'ml', createNamespace: true });
  assert.deepEqual(names(objects), [
    'Namespace ml',
    'ServiceAccount retrain',
    'ConfigMap retrain-configuration',
    'TriggerAuthentication retrain-service-bus',
    'ScaledJob retrain-worker',
    'ScaledJob retrain-intake',
    'PersistentVolumeClaim retrain-monitor-state',
    'Deployment retrain-monitor',
    'PersistentVolumeClaim retrain-notify-state',
    'Deployment retrain-notify',
  ]);
  for (const { kind, metadata } of objects) if (kind !== 'Namespace') assert.equal(metadata.namespace, 'ml');
  // YAML says what JSON says.
  const documents = parseAllDocuments(yaml).map((document) => document.toJS() as unknown);
  assert.deepEqual(
    documents.filter((document) => document !== null),
    objects,
  );
});

test('the worker is a job that the queue retries, not the platform, with room for the longest run', async (t) => {
  const { one, yaml } = await printed(t, WHOLE);
  const { spec } = one('ScaledJob', 'retrain-worker');
  const { jobTargetRef: job, triggers, ...rest } = spec;
  assert.deepEqual(rest, {
    pollingInterval: 30,
    successfulJobsHistoryLimit: 5,
    failedJobsHistoryLimit: 5,
    // As many as there are models.
    maxReplicaCount: 2,
    rollout: { strategy: 'gradual' },
    scalingStrategy: { strategy: 'default' },
  });
  assert.deepEqual([job.backoffLimit, job.parallelism, job.completions], [0, 1, 1]);
  // Ten minutes to accept, two hours, 90 s of grace and 30 s more, half an hour for node and image.
  assert.equal(job.activeDeadlineSeconds, 600 + 7_200 + 120 + 1_800);
  assert.equal(job.template.spec.terminationGracePeriodSeconds, 120);
  assert.equal(job.template.spec.restartPolicy, 'Never');
  assert.deepEqual(job.template.spec.containers[0].args, [
    'worker',
    '--once',
    '--accept-for',
    '10m',
    '--json',
    '--config',
    '/work/retrain.yaml',
  ]);
  assert.deepEqual(triggers, [
    {
      type: 'azure-servicebus',
      metadata: { queueName: 'requests', messageCount: '1' },
      authenticationRef: { name: 'retrain-service-bus' },
    },
  ]);
  assert.match(yaml, /KEDA counts messages, not sessions/);
  assert.match(yaml, /upper bound[^]*leave at once/);
});

test('a model without maxRuntime may take a day; flags say how many jobs, how often, and how large', async (t) => {
  const file = WHOLE.replace('    maxRuntime: 2h\n', '').replace('  churn:', "  '*':");
  const { one } = await printed(t, file, { cpu: '4', memory: '16Gi', pollingInterval: 5 });
  const { spec } = one('ScaledJob', 'retrain-worker');
  assert.equal(spec.jobTargetRef.activeDeadlineSeconds, 600 + 86_400 + 120 + 1_800);
  assert.deepEqual([spec.maxReplicaCount, spec.pollingInterval], [10, 5]);
  assert.deepEqual(spec.jobTargetRef.template.spec.containers[0].resources, {
    requests: { cpu: '4', memory: '16Gi' },
    limits: { memory: '16Gi' },
  });
  const more = await printed(t, file, { maxReplicas: 40, name: 'team-a' });
  assert.equal(more.one('ScaledJob', 'team-a-worker').spec.maxReplicaCount, 40);
});

test('the file is mounted as it is; its variables come from a Secret, and what is for KEDA reaches no container', async (t) => {
  const { one, objects, yaml } = await printed(t, WHOLE, {
    namespace: 'ml',
    env: { ACCOUNT_URL: 'https://a.example' },
  });
  assert.equal(one('ConfigMap', 'retrain-configuration').data['retrain.yaml'], WHOLE);
  const { containers } = one('ScaledJob', 'retrain-worker').spec.jobTargetRef.template.spec;
  const key = (name: string, rest: object = {}) => ({
    name,
    valueFrom: { secretKeyRef: { name: 'retrain-secrets', key: name, ...rest } },
  });
  assert.deepEqual(containers[0].env, [
    { name: 'ACCOUNT_URL', value: 'https://a.example' },
    key('ALERT_URL'),
    key('RETRAIN_CONNECTION_STRING'),
    key('RETRAIN_QUEUE', { optional: true }),
    key('SAS'),
  ]);
  assert.deepEqual(one('TriggerAuthentication', 'retrain-service-bus').spec, {
    secretTargetRef: [{ parameter: 'connection', name: 'retrain-secrets', key: 'KEDA_CONNECTION_STRING' }],
  });
  for (const template of templates(objects)) assert.doesNotMatch(JSON.stringify(template), /KEDA_CONNECTION_STRING/);
  assert.match(yaml, /kubectl create secret generic retrain-secrets --namespace ml --from-literal=ALERT_URL=… /);
  const named = await printed(t, WHOLE, { connectionSecret: 'mine', secretConfiguration: true });
  assert.equal(named.one('Secret', 'retrain-configuration').stringData['retrain.yaml'], WHOLE);
  assert.equal(named.one('TriggerAuthentication', 'retrain-service-bus').spec.secretTargetRef[0].name, 'mine');
});

test('no pod is root, writes on its own disk, or holds a token of the cluster that it does not need', async (t) => {
  const whole = await printed(t, WHOLE);
  const cluster = await printed(t, IN_THE_CLUSTER, { namespace: 'ml', clientId: CLIENT_ID });
  const all = [...templates(whole.objects), ...templates(cluster.objects)];
  assert.equal(all.length, 6);
  for (const { spec } of all) {
    assert.deepEqual([spec.securityContext.runAsNonRoot, spec.securityContext.runAsUser], [true, 1_000]);
    assert.deepEqual(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' });
    for (const container of spec.containers) {
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const writable = container.volumeMounts.filter((mount: { readOnly?: boolean }) => mount.readOnly !== true);
      assert.deepEqual(
        writable.map(({ mountPath }: { mountPath: string }) => mountPath),
        ['/work/.retrain', '/tmp'],
      );
    }
  }
  const asking = all.filter(({ spec }) => spec.automountServiceAccountToken === true);
  assert.deepEqual(
    asking.map(({ spec }) => spec.containers[0].name),
    ['worker'],
  );
});

test('by Entra ID the pods have one identity and KEDA another; trainers get the rights that they need where they make Jobs', async (t) => {
  const flags = { namespace: 'ml', clientId: CLIENT_ID, scalerClientId: SCALER_CLIENT_ID };
  const { one, objects } = await printed(t, IN_THE_CLUSTER, flags);
  const account = one('ServiceAccount', 'retrain');
  assert.deepEqual(account.metadata.annotations, { 'azure.workload.identity/client-id': CLIENT_ID });
  const { podIdentity } = one('TriggerAuthentication', 'retrain-service-bus').spec;
  assert.deepEqual(podIdentity, { provider: 'azure-workload', identityId: SCALER_CLIENT_ID });
  for (const { metadata } of templates(objects)) assert.equal(metadata.labels['azure.workload.identity/use'], 'true');
  const [trigger] = one('ScaledJob', 'retrain-worker').spec.triggers;
  assert.deepEqual(trigger.metadata, { queueName: 'model-retraining-queue', namespace: 'contoso', messageCount: '1' });
  const roles = objects.filter(({ kind }) => kind === 'Role');
  assert.deepEqual(
    roles.map(({ metadata, rules }) => [
      metadata.namespace,
      (rules as { resources: string[]; verbs: string[] }[]).map(
        ({ resources, verbs }) => `${resources.join()} ${verbs.join()}`,
      ),
    ]),
    [
      ['ml', ['jobs create,get,delete', 'configmaps create', 'pods list', 'pods/log get']],
      ['training', ['jobs create,get,delete', 'configmaps create', 'pods list']],
    ],
  );
  for (const binding of objects.filter(({ kind }) => kind === 'RoleBinding'))
    assert.deepEqual(binding['subjects'], [{ kind: 'ServiceAccount', name: 'retrain', namespace: 'ml' }]);
});

test('a listener runs all the time and takes the events, too; it can be reached and asked how it is', async (t) => {
  const { one, objects } = await printed(t, IN_THE_CLUSTER, { namespace: 'ml', clientId: CLIENT_ID });
  assert.ok(!names(objects).includes('ScaledJob retrain-intake'));
  const [listener, ...none] = one('Deployment', 'retrain-monitor').spec.template.spec.containers;
  assert.deepEqual([listener.args[0], listener.args.includes('--once'), none], ['intake', false, []]);
  assert.deepEqual(listener.ports, [{ name: 'http', containerPort: 8080 }]);
  assert.equal(listener.readinessProbe.httpGet.path, '/readyz');
  assert.deepEqual(one('Service', 'retrain-listener').spec.ports, [{ name: 'http', port: 8080, targetPort: 'http' }]);
});

test('monitors and notifier keep their state, of which there is one', async (t) => {
  const { one } = await printed(t, WHOLE);
  for (const part of ['monitor', 'notify']) {
    const { spec } = one('Deployment', `retrain-${part}`);
    assert.deepEqual([spec.replicas, spec.strategy], [1, { type: 'Recreate' }]);
    const state = spec.template.spec.volumes.find(({ name }: { name: string }) => name === 'state');
    assert.deepEqual(state.persistentVolumeClaim, { claimName: `retrain-${part}-state` });
    assert.deepEqual(spec.template.spec.containers[0].args.slice(0, 2), [part, '--json']);
  }
});

test('another cloud is told to KEDA; a state folder elsewhere is written there; a changed file rolls everything', async (t) => {
  const file = IN_THE_CLUSTER.replace('windows.net', 'usgovcloudapi.net').concat('folders: { state: /var/retrain }\n');
  const flags = { namespace: 'ml', clientId: CLIENT_ID };
  const { one, objects } = await printed(t, file, flags);
  const { triggers, jobTargetRef } = one('ScaledJob', 'retrain-worker').spec;
  assert.deepEqual(triggers[0].metadata, {
    queueName: 'model-retraining-queue',
    namespace: 'contoso',
    cloud: 'Private',
    endpointSuffix: 'servicebus.usgovcloudapi.net',
    messageCount: '1',
  });
  assert.equal(jobTargetRef.template.spec.containers[0].volumeMounts[1].mountPath, '/var/retrain');
  const hash = (all: readonly KubernetesObject[]): string[] => [
    ...new Set(templates(all).map(({ metadata }) => metadata.annotations['retrain/configuration-sha256'])),
  ];
  const changed = await printed(t, `${file}# changed\n`, flags);
  assert.equal(hash(objects).length, 1);
  assert.notDeepEqual(hash(changed.objects), hash(objects));
});

test('what a job cannot have is refused, with what it takes instead', async (t) => {
  const refused = async (text: string, expected: RegExp, flags: ManifestFlags = {}): Promise<void> => {
    await assert.rejects(printed(t, text, flags), ({ message, name }: Error) => {
      assert.equal(name, 'RetrainError');
      assert.match(message, expected);
      return true;
    });
  };
  const without = (line: RegExp): string => WHOLE.replace(line, '');
  await refused(without(/^connection.*\n/m), /names no connection.*add connection\.connectionString/);
  await refused(without(/^registry.*\n/m), /registry\.file is a folder of one host.*azureBlob or registry\.mlflow/);
  await refused(
    WHOLE.replace('queues: {', 'queues: { sessions: false,'),
    /queues\.sessions = false keeps the ledgers on the disk.*use a queue with sessions/,
  );
  await refused(
    WHOLE.replace(
      '"${RETRAIN_CONNECTION_STRING}"',
      '"Endpoint=sb://a/;SharedAccessKeyName=b;SharedAccessKey=c2VjcmV0"',
    ),
    /a key stands in the file.*--secret-configuration/,
  );
  for (const state of ['.', '/', '/tmp', '/tmp/', '/opt', '/opt/retrain'])
    await refused(`${WHOLE}folders: { state: ${state} }\n`, /folders\.state is \/.* would hide \/.*such as \.retrain/);
  const withState = await printed(t, `${WHOLE}folders: { state: /tmp/state }\n`);
  assert.match(withState.yaml, /mountPath: \/tmp\/state\n/);
  await refused(WHOLE, /^--env ACCOUNT_URL has a key, and stands in the manifests[^;=]*$/, {
    env: { ACCOUNT_URL: 'BlobEndpoint=https://a/;AccountKey=c2VjcmV0' },
  });
  await refused(WHOLE.replace('{SAS}', '{KEDA_CONNECTION_STRING}'), /KEDA's key.*use another name/);
  await refused(IN_THE_CLUSTER, /give --namespace/, { clientId: CLIENT_ID });
  await refused(IN_THE_CLUSTER, /--client-id is missing/, { namespace: 'ml' });
  const cluster = { namespace: 'ml', clientId: CLIENT_ID };
  await refused(IN_THE_CLUSTER.replace('0.0.0.0', '127.0.0.1'), /listen\.host = 127\.0\.0\.1/, cluster);
  await refused(IN_THE_CLUSTER.replace('port: 8080', 'port: 0'), /listen\.port = 0/, cluster);
  await refused(IN_THE_CLUSTER.replace(/, tokens: \[.*?\]/, ''), /listen\.tokens is empty/, cluster);
  await refused(
    IN_THE_CLUSTER.replace('contoso.servicebus.windows.net', '"${NS}"'),
    /fullyQualifiedNamespace comes from the variable NS.*--env NS=VALUE/,
    cluster,
  );
  await refused(IN_THE_CLUSTER, /--service-bus = other, but .* says contoso/, { ...cluster, serviceBus: 'other' });
  await refused(IN_THE_CLUSTER, /--connection-secret does not go with/, { namespace: 'ml', connectionSecret: 'x' });
  await refused(WHOLE, /--identity and --connection-secret exclude/, { identity: 'workload', connectionSecret: 'x' });
  await refused(WHOLE, /--service-bus is missing/, { identity: 'workload' });
  await refused(WHOLE, /--client-id goes with --identity workload/, { clientId: CLIENT_ID });
  await refused(WHOLE, /--create-namespace goes with --namespace/, { createNamespace: true });
  await refused(
    WHOLE.replace('intake: events', 'intake: "${EVENTS}"'),
    /queues\.intake comes from the variable EVENTS/,
  );
  await refused(WHOLE.replace('maxRuntime: 2h', 'maxRuntime: "${LIMIT}"'), /maxRuntime: .*not known here are .*LIMIT/);
  const known = await printed(t, WHOLE.replace('maxRuntime: 2h', 'maxRuntime: "${LIMIT}"'), { env: { LIMIT: '3h' } });
  assert.equal(
    known.one('ScaledJob', 'retrain-worker').spec.jobTargetRef.activeDeadlineSeconds,
    600 + 10_800 + 120 + 1_800,
  );
});

test('a Secret that only has what has defaults is not asked for', async (t) => {
  const file = IN_THE_CLUSTER.replace('${MLFLOW_TOKEN}', '${MLFLOW_TOKEN:-none}').replace(/^listen.*\n/m, '');
  const { yaml } = await printed(t, file, { namespace: 'ml', clientId: CLIENT_ID });
  assert.doesNotMatch(yaml, /kubectl create secret/);
  assert.match(yaml, /another value than its default is wanted for MLFLOW_TOKEN: the Secret retrain-secrets/);
});

test('an identity of the pods that keeps models in a container has the right to it named', async (t) => {
  const blob = 'registry: { azureBlob: { containerUrl: https://a1b2.blob.core.windows.net/models } }';
  const flags = { namespace: 'ml', clientId: CLIENT_ID };
  const { yaml } = await printed(t, IN_THE_CLUSTER.replace(/^registry.*$/m, blob), flags);
  assert.match(yaml, /Data Sender, and Storage Blob Data Contributor on the container of the registry\./);
  assert.doesNotMatch((await printed(t, IN_THE_CLUSTER, flags)).yaml, /Storage Blob/);
});

test('retrain manifests k8s prints the same whatever the environment, to a file as well, and refuses in one line', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'retrain.yaml'), WHOLE);
  const args = ['manifests', 'k8s', '--image', IMAGE, '--env', 'TZ=UTC'];
  const first = await runCli(args, { cwd });
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^# Made by retrain manifests k8s from retrain\.yaml;/);
  const second = await runCli([...args, '-o', 'k8s.yaml'], { cwd, env: { RETRAIN_QUEUE: 'other', SAS: 'secret' } });
  assert.deepEqual([second.code, second.stdout], [0, '']);
  assert.equal(await readFile(join(cwd, 'k8s.yaml'), 'utf8'), first.stdout);
  const json = await runCli([...args, '--json'], { cwd });
  const { apiVersion, kind } = JSON.parse(json.stdout) as KubernetesObject;
  assert.deepEqual([apiVersion, kind], ['v1', 'List']);
  assertFailure(await runCli(['manifests', 'k8s'], { cwd }), 2, /--image is missing/);
  assertFailure(await runCli([...args, '--name', 'Not_A_Name'], { cwd }), 2, /lower case letters/);
  assertFailure(await runCli([...args, '--config', 'none.yaml'], { cwd }), 2, /there is no configuration none\.yaml/);
});
