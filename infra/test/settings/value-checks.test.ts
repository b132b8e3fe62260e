import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEYS, type Key } from '../../settings/keys';
import { anything, VALUE_CHECKS } from '../../settings/value-checks';
import { problemsOf } from './draft';

/** Values that are refused, and values at the bound that are not; with what else they need. */
interface Case {
  readonly refused: readonly unknown[];
  readonly allowed: readonly unknown[];
  readonly beside?: Readonly<Record<string, unknown>>;
}

const GUID = 'aaaaaaaa-bbbb-cccc-dddd-0123456789ab';
const REGISTRY = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/images';
const entity: Case = {
  refused: ['', '-queue', 'queue.', 'que ue', 'a/b', 'q'.repeat(261)],
  allowed: ['q', 'a.b-c_d', 'q'.repeat(260)],
};
const principals: Case = {
  refused: [['ops@example.com'], [GUID, 'x'], [GUID, GUID.toUpperCase()]],
  allowed: [[], [GUID], [GUID, GUID.replace('a', 'b')]],
};

const CASES: Partial<Record<Key, Case>> = {
  location: { refused: ['', ' West US', 'West  US', 'west-us'], allowed: ['West US', 'westus', 'Some New Region 4'] },
  resourceGroupName: {
    refused: ['group.', 'a/b', 'g'.repeat(91)],
    allowed: ['', 'g', 'my_(ai).group-ä', 'g'.repeat(90)],
  },
  namespaceName: {
    refused: [
      'short',
      'n'.repeat(51),
      '1namespace',
      'namespace-',
      'retrain-sb',
      'retrain-mgmt',
      'name_space',
      'name.space',
    ],
    allowed: ['', 'sixsix', 'n'.repeat(50), 'namespace1', 'ai-model-retraining-namespace', 'retrainsb'],
  },
  sku: { refused: ['standard', 'Gold', ''], allowed: ['Standard', 'Premium'] },
  capacity: { refused: [3, -1, 17, 32], allowed: [0, 1, 2, 4, 8, 16], beside: { sku: 'Premium' } },
  tags: {
    refused: [
      { 'a/b': 'x' },
      { ['n'.repeat(513)]: 'x' },
      { '': 'x' },
      { team: 'v'.repeat(257) },
      { Team: 'x', team: 'y' },
      Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, 'x'])),
    ],
    allowed: [
      {},
      { ['n'.repeat(512)]: 'v'.repeat(256), 'cost center': '' },
      Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, 'x'])),
    ],
  },
  layout: { refused: ['Worker', ''], allowed: ['worker', 'plain'] },
  queueName: entity,
  intakeQueueName: entity,
  outcomeTopicName: entity,
  maxDeliveryCount: { refused: [0, -1, 2_147_483_648], allowed: [1, 2_147_483_647] },
  lockDuration: {
    refused: ['PT4S', 'PT5M1S', 'PT6M', '60', 'P1M', '', 'P', 'PT', '1 minute'],
    allowed: ['PT5S', 'PT5M', 'PT300S'],
  },
  duplicateDetectionWindow: { refused: ['PT19S', 'P7DT1S', 'P1W'], allowed: ['PT20S', 'P7D', 'PT168H'] },
  timeToLive: {
    refused: ['PT0S', 'PT0.9S', 'P1Y', 'P10675200D'],
    allowed: ['PT1S', 'P14D', 'P10675199DT2H48M5.4775807S'],
  },
  outcomeTimeToLive: { refused: ['PT0S', 'P10675200D'], allowed: ['PT1S', 'P10675199DT2H48M5.4775807S'] },
  maxSizeInMegabytes: {
    refused: [0, 1023, 1025, 6144, 163_840],
    allowed: [1024, 5120, 10_240, 81_920],
    beside: { sku: 'Premium' },
  },
  maxMessageSizeInKilobytes: { refused: [1023, 102_401, -1], allowed: [0, 1024, 102_400], beside: { sku: 'Premium' } },
  primaryConnectionString: { refused: ['', 'producer', 'Root'], allowed: ['none', 'worker', 'root'] },
  producerPrincipalIds: principals,
  workerPrincipalIds: principals,
  dataContainerName: {
    refused: ['ab', 'c'.repeat(64), 'Data', 'a--b', '-data', 'data-', 'my_data'],
    allowed: ['abc', 'c'.repeat(63), 'a-b-1'],
  },
  blobPrefix: { refused: ['p'.repeat(1025)], allowed: ['', 'births/', 'p'.repeat(1024)] },
  blobSuffix: { refused: ['p'.repeat(1025)], allowed: ['', '.csv', 'p'.repeat(1024)] },
  storageReplication: {
    refused: ['LRS', 'Premium_LRS'],
    allowed: ['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'],
  },
  image: {
    refused: ['https://example.com/worker', 'registry/work er', 'worker@sha256:abc'],
    allowed: ['', 'worker', 'images.azurecr.io/retrain/worker:1.2', `localhost:5000/worker@sha256:${'a'.repeat(64)}`],
  },
  imageRegistryId: {
    refused: ['images.azurecr.io', `${REGISTRY}/more`, REGISTRY.replace('images', 'imag')],
    allowed: ['', REGISTRY, REGISTRY.replace('images', 'i'.repeat(50))],
  },
  maxRuntime: { refused: ['PT59S', 'P7DT1S', '24h'], allowed: ['PT1M', 'P7D', 'PT24H'] },
  maxExecutions: { refused: [0, 101], allowed: [1, 100] },
  pollingIntervalSeconds: { refused: [9, 3601], allowed: [10, 3600] },
  workerCpu: { refused: ['0', '0.2', '0.3', '4.25', 'one', ''], allowed: ['0.25', '1', '1.0', '3.75', '4'] },
  workerMemory: { refused: ['2', '2G', '2048Mi', ''], allowed: ['2Gi', '0.5Gi', '8.0Gi'] },
  alertEmails: {
    refused: [['ops'], ['a@b.c', 'A@b.c'], ['a b@example.com']],
    allowed: [[], ['ops@example.com', 'ml@example.com']],
  },
  logRetentionDays: { refused: [29, 731], allowed: [30, 730] },
  networkAddressSpace: {
    refused: [
      '10.0.0.0',
      '10.0.0.0/25',
      '10.0.0.0/7',
      '10.40.0.1/24',
      '10.40.1.0/23',
      '127.0.0.0/24',
      '224.0.0.0/24',
      '169.254.0.0/24',
      '256.0.0.0/24',
    ],
    allowed: ['10.40.0.0/24', '10.0.0.0/8', '192.168.4.0/22'],
  },
  allowedIpRanges: {
    refused: [
      ['203.0.113.0/33'],
      ['203.0.113'],
      ['2001:db8::/32'],
      ['203.0.113.7', '203.0.113.7'],
      Array.from({ length: 129 }, (_, index) => `10.0.0.${index}`),
    ],
    allowed: [[], ['203.0.113.0/24', '203.0.113.7'], Array.from({ length: 128 }, (_, index) => `10.0.0.${index}`)],
    beside: { sku: 'Premium' },
  },
};

/** The key of a problem without its place in a list or map. */
function keysOf(overrides: Readonly<Record<string, unknown>>): readonly string[] {
  return [...new Set(problemsOf(overrides).map(({ key }) => key.replace(/[.[].*$/, '')))];
}

describe('a value by itself', () => {
  for (const [key, { refused, allowed, beside }] of Object.entries(CASES)) {
    test(`${key} is refused outside its bounds`, () => {
      for (const value of refused) assert.deepEqual(keysOf({ ...beside, [key]: value }), [key], JSON.stringify(value));
    });
    test(`${key} is allowed up to its bounds`, () => {
      for (const value of allowed) assert.deepEqual(problemsOf({ ...beside, [key]: value }), [], JSON.stringify(value));
    });
  }

  test('every value that has bounds is here', () => {
    const bounded = Object.keys(KEYS).filter((key) => VALUE_CHECKS[key as Key] !== anything);
    assert.deepEqual(bounded.sort(), Object.keys(CASES).sort());
  });
});
