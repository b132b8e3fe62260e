import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as pulumi from '@pulumi/pulumi';
import { ROLES } from '../../components/role-assignment';
import { WorkerJob } from '../../components/worker-job';
import { registrationsOf, valueOf } from './component-scene';
import type { Registrations } from './component-scene';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-00000000000a';
const BUS = `${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.ServiceBus/namespaces/bus`;
const CONTAINERS = `${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/store/blobServices/default/containers`;
const REGISTRY = `${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/images`;
const tags = { environment: 'test' };

interface Job {
  readonly identity: { readonly userAssignedIdentities: readonly string[] };
  readonly configuration: Record<string, unknown> & {
    readonly replicaTimeout: number;
    readonly eventTriggerConfig: { readonly scale: Record<string, unknown> & { readonly rules: readonly unknown[] } };
  };
  readonly template: {
    readonly containers: readonly (Record<string, unknown> & {
      readonly args: readonly string[];
      readonly env: readonly { readonly name: string; readonly value: string }[];
    })[];
    readonly volumes: readonly unknown[];
  };
}

describe('the job of the worker, with all that it can have', () => {
  let seen: Registrations;
  let component: WorkerJob;
  const job = (name: string): Job => seen.get(name).inputs as unknown as Job;
  const idOf = (name: string): string =>
    job('worker-job').identity.userAssignedIdentities.find((id) => id.endsWith(name)) ?? '';

  before(async () => {
    seen = await registrationsOf(() => {
      component = new WorkerJob('worker', {
        resourceGroupName: 'group',
        location: 'West US',
        tags,
        worker: {
          image: 'images.azurecr.io/retrain-worker@sha256:0123',
          imageRegistryId: REGISTRY,
          configuration: 'models: {}\n',
          maxRuntimeSeconds: 86_400,
          maxExecutions: 7,
          pollingIntervalSeconds: 60,
          cpu: 2,
          memory: '4Gi',
        },
        namespace: { id: BUS, name: 'bus', host: 'bus.servicebus.windows.net' },
        requests: { name: 'model-retraining-queue', id: `${BUS}/queues/model-retraining-queue` },
        outcomes: { name: 'model-retraining-outcomes', id: `${BUS}/topics/model-retraining-outcomes` },
        intake: { name: 'retraining-intake', id: `${BUS}/queues/retraining-intake` },
        storage: {
          registryContainerId: `${CONTAINERS}/models`,
          registryContainerUrl: pulumi.output('https://store.blob.core.windows.net/models'),
          dataContainerId: `${CONTAINERS}/training-data`,
        },
        workspaceId: 'workspace-id',
        subnetId: 'subnet-id',
      });
      return component;
    });
  });

  it('starts a worker for each waiting message, up to the limit, looking as often as it is told', () => {
    const { eventTriggerConfig, ...configuration } = job('worker-job').configuration;
    assert.equal(configuration['triggerType'], 'Event');
    assert.deepEqual(eventTriggerConfig, {
      parallelism: 1,
      replicaCompletionCount: 1,
      scale: {
        minExecutions: 0,
        maxExecutions: 7,
        pollingInterval: 60,
        rules: [
          {
            name: 'waiting-messages',
            type: 'azure-servicebus',
            metadata: { namespace: 'bus', queueName: 'model-retraining-queue', messageCount: '1' },
            identity: idOf('scaler-identity'),
          },
        ],
      },
    });
  });
  it('is ended by the platform later than the last trainer by the worker, and never repeated', () => {
    const { replicaTimeout, ...configuration } = job('worker-job').configuration;
    const args = job('worker-job').template.containers[0]?.args ?? [];
    const [, minutes] = /^([0-9]+)m$/.exec(args[args.indexOf('--accept-for') + 1] ?? '') ?? [];
    assert.equal(minutes, '10');
    assert.equal(replicaTimeout, Number(minutes) * 60 + 86_400 + 30 * 60);
    assert.equal(configuration['replicaRetryLimit'], 0);
  });
  it('gives the rights of the scaler to no container', () => {
    for (const name of ['worker-job', 'intake-job'])
      assert.deepEqual(job(name).configuration['identitySettings'], [
        { identity: idOf('worker-identity'), lifecycle: 'All' },
        { identity: idOf('scaler-identity'), lifecycle: 'None' },
      ]);
    const client = job('worker-job').template.containers[0]?.env.find((each) => each.name === 'AZURE_CLIENT_ID');
    assert.equal(client?.value, 'client-of-worker-identity');
  });
  it('lets the worker do what it has to, each on one queue, topic or container', () => {
    const grants = seen.names('azure-native:authorization:RoleAssignment').map((name) => {
      const { roleDefinitionId, scope, principalId } = seen.get(name).inputs;
      const role = Object.entries(ROLES).find(([, id]) => String(roleDefinitionId).endsWith(`/roleDefinitions/${id}`));
      return [principalId, role?.[0], String(scope).slice(SUBSCRIPTION.length).split('/').slice(7).join('/')];
    });
    assert.deepEqual(
      new Set(grants.map(String)),
      new Set(
        [
          ['principal-of-scaler-identity', 'serviceBusDataOwner', ''],
          ['principal-of-worker-identity', 'containerRegistryPull', ''],
          ['principal-of-worker-identity', 'serviceBusDataReceiver', 'queues/model-retraining-queue'],
          ['principal-of-worker-identity', 'serviceBusDataReceiver', 'queues/retraining-intake'],
          ['principal-of-worker-identity', 'serviceBusDataSender', 'queues/model-retraining-queue'],
          ['principal-of-worker-identity', 'serviceBusDataSender', 'topics/model-retraining-outcomes'],
          ['principal-of-worker-identity', 'storageBlobDataContributor', 'blobServices/default/containers/models'],
          ['principal-of-worker-identity', 'storageBlobDataReader', 'blobServices/default/containers/training-data'],
        ].map(String),
      ),
    );
    assert.equal(seen.get('scaler-reads-queues').inputs['scope'], BUS);
    assert.equal(seen.get('worker-pulls-image').inputs['scope'], REGISTRY);
  });
  it('is made when the roles are there', () => {
    for (const name of ['worker-job', 'intake-job'])
      for (const role of seen.names('azure-native:authorization:RoleAssignment'))
        assert.ok(seen.get(name).after.includes(role), `${name} after ${role}`);
  });
  it('tells the worker where everything is', () => {
    const [container] = job('worker-job').template.containers;
    assert.deepEqual(container?.args, [
      'worker',
      '--once',
      '--accept-for',
      '10m',
      '--json',
      '--config',
      '/etc/retrain/retrain.yaml',
    ]);
    assert.equal(container['image'], 'images.azurecr.io/retrain-worker@sha256:0123');
    assert.deepEqual(container['resources'], { cpu: 2, memory: '4Gi' });
    assert.deepEqual(Object.fromEntries(container.env.map(({ name, value }) => [name, value])), {
      RETRAIN_NAMESPACE: 'bus.servicebus.windows.net',
      RETRAIN_QUEUE: 'model-retraining-queue',
      RETRAIN_INTAKE_QUEUE: 'retraining-intake',
      RETRAIN_OUTCOME_TOPIC: 'model-retraining-outcomes',
      RETRAIN_REGISTRY_URL: 'https://store.blob.core.windows.net/models',
      RETRAIN_STATE: '/var/lib/retrain',
      AZURE_CLIENT_ID: 'client-of-worker-identity',
    });
  });
  it('mounts its configuration, which is a secret', () => {
    const { configuration, template } = job('worker-job');
    assert.deepEqual(configuration['secrets'], [{ name: 'retrain-yaml', value: 'models: {}\n' }]);
    assert.equal(seen.get('worker-job').secret, true);
    assert.deepEqual(template.volumes, [
      { name: 'state', storageType: 'EmptyDir' },
      {
        name: 'configuration',
        storageType: 'Secret',
        secrets: [{ secretRef: 'retrain-yaml', path: 'retrain.yaml' }],
      },
    ]);
    assert.deepEqual(template.containers[0]?.['volumeMounts'], [
      { volumeName: 'state', mountPath: '/var/lib/retrain' },
      { volumeName: 'configuration', mountPath: '/etc/retrain' },
    ]);
  });
  it('pulls the image as the worker', () => {
    assert.deepEqual(job('worker-job').configuration['registries'], [
      { server: 'images.azurecr.io', identity: idOf('worker-identity') },
    ]);
  });
  it('has a second one that takes events, a hundred of them each', () => {
    const { configuration, template } = job('intake-job');
    assert.deepEqual(template.containers[0]?.args, [
      'intake',
      '--once',
      '--json',
      '--config',
      '/etc/retrain/retrain.yaml',
    ]);
    const { scale } = configuration.eventTriggerConfig;
    assert.equal(scale['maxExecutions'], 4);
    assert.deepEqual((scale.rules[0] as { metadata: unknown }).metadata, {
      namespace: 'bus',
      queueName: 'retraining-intake',
      messageCount: '100',
    });
  });
  it('runs in the network, without a public address, and what it prints goes to the workspace', () => {
    const { inputs } = seen.get('worker-environment');
    assert.deepEqual(inputs['vnetConfiguration'], { infrastructureSubnetId: 'subnet-id', internal: true });
    assert.deepEqual(inputs['appLogsConfiguration'], { destination: 'azure-monitor' });
    assert.equal(seen.get('worker-logs').inputs['workspaceId'], 'workspace-id');
    assert.match(String(seen.get('worker-logs').inputs['resourceUri']), /worker-environment$/);
  });
  it('has tags on everything that can have some', () => {
    for (const name of ['worker-job', 'intake-job', 'worker-environment', 'worker-identity', 'scaler-identity'])
      assert.deepEqual(seen.get(name).inputs['tags'], tags, name);
  });
  it('tells its name and the identity of the worker', async () => {
    assert.equal(await valueOf(component.jobName), 'worker-job');
    assert.equal(await valueOf(component.identityClientId), 'client-of-worker-identity');
  });
});
