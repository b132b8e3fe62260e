import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COMBINATIONS } from '../../settings/combination-checks';
import { linesOf, problemsOf } from './draft';

interface Case {
  readonly what: string;
  /** Settings that do not fit together, beside the defaults. */
  readonly refused: Readonly<Record<string, unknown>>;
  /** The line that says so. */
  readonly line: string;
  /** Settings that mend it, one after the other and each by itself. */
  readonly mends: readonly Readonly<Record<string, unknown>>[];
}

const job = { worker: true, image: 'images.example.com/worker:1' };
const registry = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/Images';
const containers = { storageEvents: true };

const CASES: readonly Case[] = [
  {
    what: 'a Basic namespace with the queue that the worker wants',
    refused: { sku: 'Basic' },
    line: 'retrain:sku: "Basic" has no sessions, no duplicate detection and no topics, all of which layout worker needs: pulumi config set retrain:sku Standard, or pulumi config set retrain:layout plain',
    mends: [{ sku: 'Standard' }, { layout: 'plain' }],
  },
  {
    what: 'messaging units without Premium',
    refused: { capacity: 2 },
    line: 'retrain:capacity: "2" is set, but a Standard namespace has no messaging units of its own: pulumi config set retrain:capacity 0, or pulumi config set retrain:sku Premium',
    mends: [{ capacity: 0 }, { sku: 'Premium' }],
  },
  {
    what: 'zones without Premium',
    refused: { zoneRedundant: true, location: 'West US 2' },
    line: 'retrain:zoneRedundant: "true" is set, but a Standard namespace cannot ask for zones: pulumi config set retrain:zoneRedundant false, or pulumi config set retrain:sku Premium',
    mends: [{ zoneRedundant: false }, { sku: 'Premium' }],
  },
  {
    what: 'a large queue without Premium',
    refused: { maxSizeInMegabytes: 10_240 },
    line: 'retrain:maxSizeInMegabytes: "10240" is more than 5120, the most of a queue of a Standard namespace: pulumi config set retrain:maxSizeInMegabytes 5120, or pulumi config set retrain:sku Premium',
    mends: [{ maxSizeInMegabytes: 5120 }, { sku: 'Premium' }],
  },
  {
    what: 'large messages without Premium',
    refused: { maxMessageSizeInKilobytes: 2048 },
    line: 'retrain:maxMessageSizeInKilobytes: "2048" is set, but messages of a Standard namespace have 256 KB at most: pulumi config set retrain:maxMessageSizeInKilobytes 0, or pulumi config set retrain:sku Premium',
    mends: [{ maxMessageSizeInKilobytes: 0 }, { sku: 'Premium' }],
  },
  {
    what: 'a private endpoint without Premium',
    refused: { privateEndpoint: true },
    line: 'retrain:privateEndpoint: "true" is set, but a Standard namespace takes no private endpoint: pulumi config set retrain:privateEndpoint false, or pulumi config set retrain:sku Premium',
    mends: [{ privateEndpoint: false }, { sku: 'Premium' }],
  },
  {
    what: 'network rules without Premium',
    refused: { allowedIpRanges: ['203.0.113.0/24'] },
    line: 'retrain:allowedIpRanges: "203.0.113.0/24" is set, but a Standard namespace has no network rules: pulumi config rm retrain:allowedIpRanges, or pulumi config set retrain:sku Premium',
    mends: [{ allowedIpRanges: [] }, { sku: 'Premium' }],
  },
  {
    what: 'zones in a region that has none',
    refused: { sku: 'Premium', zoneRedundant: true, location: 'West US' },
    line: 'retrain:zoneRedundant: "true" is set, but West US has no availability zones: pulumi config set retrain:zoneRedundant false, or pulumi config set retrain:location \'West US 2\'',
    mends: [
      { zoneRedundant: false },
      { location: 'West US 2' },
      { location: 'westus3' },
      { location: 'Region That Is New' },
    ],
  },
  {
    what: 'copies over zones in a region that has none',
    refused: { ...containers, storageReplication: 'Standard_GZRS', location: 'westus' },
    line: 'retrain:storageReplication: "Standard_GZRS" spreads copies over zones, and westus has none: pulumi config set retrain:storageReplication Standard_GRS, or pulumi config set retrain:location \'West US 2\'',
    mends: [{ storageReplication: 'Standard_GRS' }, { location: 'West US 2' }, { storageEvents: false }],
  },
  {
    what: 'a key for the primary connection string where keys open nothing',
    refused: { disableLocalAuth: true, primaryConnectionString: 'worker' },
    line: 'retrain:primaryConnectionString: "worker" asks for a key, and with disableLocalAuth keys open nothing: pulumi config set retrain:primaryConnectionString none, or pulumi config set retrain:disableLocalAuth false',
    mends: [{ primaryConnectionString: 'none' }, { disableLocalAuth: false }],
  },
  {
    what: 'one name for both queues',
    refused: { intakeQueueName: 'Model-Retraining-Queue' },
    line: 'retrain:intakeQueueName: "Model-Retraining-Queue" is the name of queueName, too, and a namespace has a name once: pulumi config set retrain:intakeQueueName retraining-intake',
    mends: [{ intakeQueueName: 'retraining-intake' }, { layout: 'plain' }],
  },
  {
    what: 'one name for queue and topic',
    refused: { outcomeTopicName: 'model-retraining-queue' },
    line: 'retrain:outcomeTopicName: "model-retraining-queue" is the name of queueName, too, and a namespace has a name once: pulumi config set retrain:outcomeTopicName model-retraining-outcomes',
    mends: [{ outcomeTopicName: 'model-retraining-outcomes' }],
  },
  {
    what: 'one name for intake queue and topic',
    refused: { outcomeTopicName: 'RETRAINING-INTAKE' },
    line: 'retrain:outcomeTopicName: "RETRAINING-INTAKE" is the name of intakeQueueName, too, and a namespace has a name once: pulumi config set retrain:outcomeTopicName model-retraining-outcomes',
    mends: [{ outcomeTopicName: 'model-retraining-outcomes' }],
  },
  {
    what: 'training data in the container of the registry',
    refused: { ...containers, dataContainerName: 'models' },
    line: 'retrain:dataContainerName: "models" is the container of the registry: pulumi config set retrain:dataContainerName training-data',
    mends: [{ dataContainerName: 'training-data' }, { storageEvents: false }],
  },
  {
    what: 'a tag whose name a storage account does not take',
    refused: { ...containers, tags: { ['n'.repeat(129)]: 'x' } },
    line: `retrain:tags: "${'n'.repeat(79)}… is longer than 128 characters, the most for the name of a tag of a storage account: give it a shorter name in the stack file`,
    mends: [{ tags: { ['n'.repeat(128)]: 'x' } }, { storageEvents: false }],
  },
  {
    what: 'events without a queue for them',
    refused: { ...containers, layout: 'plain' },
    line: 'retrain:storageEvents: "true" is set, but layout plain has no intake queue for the events: pulumi config set retrain:storageEvents false, or pulumi config set retrain:layout worker',
    mends: [{ storageEvents: false }, { layout: 'worker' }],
  },
  {
    what: 'a job of workers on a queue without sessions',
    refused: { ...job, sessions: false },
    line: 'retrain:worker: "true" is set, but the queue has no sessions, and without them nothing keeps two workers of the job from one model: pulumi config set retrain:worker false, or pulumi config set retrain:sessions true',
    mends: [{ sessions: true }, { worker: false }],
  },
  {
    what: 'a job without an image',
    refused: { worker: true },
    line: 'retrain:image: is not set, and with worker there must be an image that has retrain and the trainer: pulumi config set retrain:image REGISTRY/retrain-worker@sha256:DIGEST, or pulumi config set retrain:worker false',
    mends: [{ image: 'images.example.com/worker:1' }, { worker: false }],
  },
  {
    what: 'an image that is not in the registry it is pulled from',
    refused: { ...job, imageRegistryId: registry },
    line: 'retrain:image: "images.example.com/worker:1" is not in the registry Images of imageRegistryId: pulumi config set retrain:image images.azurecr.io/retrain-worker:TAG, or pulumi config set retrain:imageRegistryId \'\'',
    mends: [
      { image: 'images.azurecr.io/retrain-worker:1' },
      { image: 'images-a1b2.azurecr.io/retrain-worker:1' },
      { imageRegistryId: '' },
      { worker: false },
    ],
  },
  {
    what: 'a job outside of a namespace that is closed to it',
    refused: { ...job, sku: 'Premium', allowedIpRanges: ['203.0.113.0/24'] },
    line: 'retrain:privateEndpoint: "false" leaves the job of the worker outside of a namespace that allowedIpRanges closes to all others: pulumi config set retrain:privateEndpoint true, or pulumi config rm retrain:allowedIpRanges, or pulumi config set retrain:worker false',
    mends: [{ privateEndpoint: true }, { allowedIpRanges: [] }, { worker: false }],
  },
  {
    what: 'a job in addresses that Container Apps keep for themselves',
    refused: { ...job, sku: 'Premium', privateEndpoint: true, networkAddressSpace: '172.30.0.0/24' },
    line: 'retrain:networkAddressSpace: "172.30.0.0/24" begins with addresses that Container Apps, where the worker runs, keep for themselves: pulumi config set retrain:networkAddressSpace 10.40.0.0/24, or pulumi config set retrain:worker false',
    mends: [{ networkAddressSpace: '10.40.0.0/24' }, { worker: false }],
  },
  {
    what: 'cores and memory that Container Apps do not give together',
    refused: { ...job, workerCpu: '0.5', workerMemory: '2Gi' },
    line: 'retrain:workerMemory: "2Gi" does not go with 0.5 cores: Container Apps give 2Gi for each: pulumi config set retrain:workerMemory 1Gi',
    mends: [{ workerMemory: '1Gi' }, { workerMemory: '1.0Gi' }, { workerCpu: '1.0' }, { worker: false }],
  },
];

describe('settings together', () => {
  for (const { what, refused, line, mends } of CASES) {
    test(`${what}: refused in one line that says how to mend it`, () => {
      assert.deepEqual(linesOf(refused), [line]);
    });
    test(`${what}: mended by each of its remedies`, () => {
      for (const mend of mends) assert.deepEqual(linesOf({ ...refused, ...mend }), [], JSON.stringify(mend));
    });
  }

  test('layout plain has no sessions, whatever the setting says', () => {
    const [line, ...others] = linesOf({ ...job, layout: 'plain' });
    assert.match(line ?? '', /^retrain:worker: "true" is set, but layout plain has no sessions/);
    assert.deepEqual(others, []);
  });

  test('of the addresses that Container Apps keep none begins the network of a job, and those beside them may', () => {
    const placed = (networkAddressSpace: string): number =>
      linesOf({ ...job, sku: 'Premium', privateEndpoint: true, networkAddressSpace }).length;
    for (const kept of ['172.30.0.0/16', '172.31.255.0/24', '192.0.2.0/24', '100.100.0.0/24', '100.100.223.0/24'])
      assert.equal(placed(kept), 1, kept);
    for (const free of ['172.29.0.0/24', '172.16.0.0/12', '192.0.3.0/24', '100.100.224.0/24', '100.101.0.0/24'])
      assert.equal(placed(free), 0, free);
  });

  test('what is wrong by itself is not held against others', () => {
    assert.deepEqual(
      problemsOf({ sku: 'premium', capacity: 2, zoneRedundant: true }).map(({ key }) => key),
      ['sku', 'zoneRedundant'],
    );
  });

  test('every rule is here', () => {
    assert.equal(CASES.length, COMBINATIONS.length);
  });
});
