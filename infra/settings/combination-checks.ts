import type { Draft, Key } from './keys';
import { DEAD_LETTER_CONTAINER, REGISTRY_CONTAINER } from './own-containers';
import type { Problem } from './problem';
import { hasZones } from './regions';

/** Settings that do not fit together. */
interface Combination {
  readonly reads: readonly Key[];
  readonly check: (draft: Draft) => Problem | undefined;
}

/** A rule that reads these keys only, and is asked only when each of them is right by itself. */
function combination<K extends Key>(
  reads: readonly K[],
  check: (draft: Pick<Draft, K>) => Problem | undefined,
): Combination {
  return { reads, check };
}

const toPremium = { set: 'sku', to: 'Premium' } as const;

/** Addresses that Container Apps keep for themselves in an environment with workload profiles (container-apps/custom-virtual-networks). */
const NOT_FOR_APPS = [/^172\.3[01]\./, /^192\.0\.2\./, /^100\.100\.(\d{1,2}|1\d\d|2[01]\d|22[0-3])\./];

/** Limit for names of tags of a storage account, which is lower than that of others. */
const STORAGE_TAG_NAME_MAX = 128;

const TIERS = [
  combination(['sku', 'layout'], ({ sku, layout }) =>
    sku === 'Basic' && layout === 'worker'
      ? {
          key: 'sku',
          value: sku,
          limit: 'has no sessions, no duplicate detection and no topics, all of which layout worker needs',
          remedies: [
            { set: 'sku', to: 'Standard' },
            { set: 'layout', to: 'plain' },
          ],
        }
      : undefined,
  ),
  combination(['sku', 'capacity'], ({ sku, capacity }) =>
    sku !== 'Premium' && capacity !== 0
      ? {
          key: 'capacity',
          value: String(capacity),
          limit: `is set, but a ${sku} namespace has no messaging units of its own`,
          remedies: [{ set: 'capacity', to: '0' }, toPremium],
        }
      : undefined,
  ),
  combination(['sku', 'zoneRedundant'], ({ sku, zoneRedundant }) =>
    sku !== 'Premium' && zoneRedundant
      ? {
          key: 'zoneRedundant',
          value: 'true',
          limit: `is set, but a ${sku} namespace cannot ask for zones`,
          remedies: [{ set: 'zoneRedundant', to: 'false' }, toPremium],
        }
      : undefined,
  ),
  combination(['sku', 'maxSizeInMegabytes'], ({ sku, maxSizeInMegabytes }) =>
    sku !== 'Premium' && maxSizeInMegabytes > 5120
      ? {
          key: 'maxSizeInMegabytes',
          value: String(maxSizeInMegabytes),
          limit: `is more than 5120, the most of a queue of a ${sku} namespace`,
          remedies: [{ set: 'maxSizeInMegabytes', to: '5120' }, toPremium],
        }
      : undefined,
  ),
  combination(['sku', 'maxMessageSizeInKilobytes'], ({ sku, maxMessageSizeInKilobytes }) =>
    sku !== 'Premium' && maxMessageSizeInKilobytes !== 0
      ? {
          key: 'maxMessageSizeInKilobytes',
          value: String(maxMessageSizeInKilobytes),
          limit: `is set, but messages of a ${sku} namespace have 256 KB at most`,
          remedies: [{ set: 'maxMessageSizeInKilobytes', to: '0' }, toPremium],
        }
      : undefined,
  ),
  combination(['sku', 'privateEndpoint'], ({ sku, privateEndpoint }) =>
    sku !== 'Premium' && privateEndpoint
      ? {
          key: 'privateEndpoint',
          value: 'true',
          limit: `is set, but a ${sku} namespace takes no private endpoint`,
          remedies: [{ set: 'privateEndpoint', to: 'false' }, toPremium],
        }
      : undefined,
  ),
  combination(['sku', 'allowedIpRanges'], ({ sku, allowedIpRanges }) =>
    sku !== 'Premium' && allowedIpRanges.length > 0
      ? {
          key: 'allowedIpRanges',
          value: allowedIpRanges.join(' '),
          limit: `is set, but a ${sku} namespace has no network rules`,
          remedies: [{ remove: 'allowedIpRanges' }, toPremium],
        }
      : undefined,
  ),
];

const ZONES = [
  combination(['location', 'zoneRedundant'], ({ location, zoneRedundant }) =>
    zoneRedundant && hasZones(location) === false
      ? {
          key: 'zoneRedundant',
          value: 'true',
          limit: `is set, but ${location} has no availability zones`,
          remedies: [
            { set: 'zoneRedundant', to: 'false' },
            { set: 'location', to: 'West US 2' },
          ],
        }
      : undefined,
  ),
  combination(
    ['location', 'storageReplication', 'storageEvents', 'worker'],
    ({ location, storageReplication, storageEvents, worker }) =>
      (storageEvents || worker) && /G?ZRS$/.test(storageReplication) && hasZones(location) === false
        ? {
            key: 'storageReplication',
            value: storageReplication,
            limit: `spreads copies over zones, and ${location} has none`,
            remedies: [
              {
                set: 'storageReplication',
                to: storageReplication === 'Standard_ZRS' ? 'Standard_LRS' : 'Standard_GRS',
              },
              { set: 'location', to: 'West US 2' },
            ],
          }
        : undefined,
  ),
];

const ACCESS = [
  combination(['disableLocalAuth', 'primaryConnectionString'], ({ disableLocalAuth, primaryConnectionString }) =>
    disableLocalAuth && primaryConnectionString !== 'none'
      ? {
          key: 'primaryConnectionString',
          value: primaryConnectionString,
          limit: 'asks for a key, and with disableLocalAuth keys open nothing',
          remedies: [
            { set: 'primaryConnectionString', to: 'none' },
            { set: 'disableLocalAuth', to: 'false' },
          ],
        }
      : undefined,
  ),
];

const NAMES = [
  sameName('intakeQueueName', 'queueName'),
  sameName('outcomeTopicName', 'queueName'),
  sameName('outcomeTopicName', 'intakeQueueName'),
  combination(['storageEvents', 'dataContainerName'], ({ storageEvents, dataContainerName }) =>
    storageEvents && [REGISTRY_CONTAINER, DEAD_LETTER_CONTAINER].includes(dataContainerName)
      ? {
          key: 'dataContainerName',
          value: dataContainerName,
          limit: `is the container of ${dataContainerName === REGISTRY_CONTAINER ? 'the registry' : 'events that could not be delivered'}`,
          remedies: [{ set: 'dataContainerName', to: 'training-data' }],
        }
      : undefined,
  ),
  combination(['tags', 'storageEvents', 'worker'], ({ tags, storageEvents, worker }) => {
    const long = Object.keys(tags).find((tag) => tag.length > STORAGE_TAG_NAME_MAX);
    return (storageEvents || worker) && long !== undefined
      ? {
          key: 'tags',
          value: long,
          limit: `is longer than ${STORAGE_TAG_NAME_MAX} characters, the most for the name of a tag of a storage account`,
          remedies: [{ say: 'give it a shorter name in the stack file' }],
        }
      : undefined;
  }),
];

/** Queues and topics of a namespace share its names, whose case makes no difference. */
function sameName(key: 'intakeQueueName' | 'outcomeTopicName', other: 'queueName' | 'intakeQueueName'): Combination {
  return combination(['layout', key, other], (draft) =>
    draft.layout === 'worker' && draft[key].toLowerCase() === draft[other].toLowerCase()
      ? {
          key,
          value: draft[key],
          limit: `is the name of ${other}, too, and a namespace has a name once`,
          remedies: [{ set: key, to: key === 'intakeQueueName' ? 'retraining-intake' : 'model-retraining-outcomes' }],
        }
      : undefined,
  );
}

const PARTS = [
  combination(['storageEvents', 'layout'], ({ storageEvents, layout }) =>
    storageEvents && layout === 'plain'
      ? {
          key: 'storageEvents',
          value: 'true',
          limit: 'is set, but layout plain has no intake queue for the events',
          remedies: [
            { set: 'storageEvents', to: 'false' },
            { set: 'layout', to: 'worker' },
          ],
        }
      : undefined,
  ),
  combination(['worker', 'layout', 'sessions'], ({ worker, layout, sessions }) =>
    worker && (layout === 'plain' || !sessions)
      ? {
          key: 'worker',
          value: 'true',
          limit: `is set, but ${layout === 'plain' ? 'layout plain' : 'the queue'} has no sessions, and without them nothing keeps two workers of the job from one model`,
          remedies: [
            { set: 'worker', to: 'false' },
            layout === 'plain' ? { set: 'layout', to: 'worker' } : { set: 'sessions', to: 'true' },
          ],
        }
      : undefined,
  ),
  combination(['worker', 'image'], ({ worker, image }) =>
    worker && image === ''
      ? {
          key: 'image',
          value: undefined,
          limit: 'is not set, and with worker there must be an image that has retrain and the trainer',
          remedies: [
            { set: 'image', to: 'REGISTRY/retrain-worker@sha256:DIGEST' },
            { set: 'worker', to: 'false' },
          ],
        }
      : undefined,
  ),
  combination(['worker', 'image', 'imageRegistryId'], ({ worker, image, imageRegistryId }) => {
    const registry = imageRegistryId.slice(imageRegistryId.lastIndexOf('/') + 1);
    // Its login server is its name, or its name and a hash where names are unique in a tenant only.
    const [server = ''] = image.toLowerCase().split('/');
    const [name = '', ...domain] = server.split('.');
    const fits = name.replace(/-[a-z\d]+$/, '') === registry.toLowerCase() && domain[0] === 'azurecr';
    return worker && image !== '' && imageRegistryId !== '' && !fits
      ? {
          key: 'image',
          value: image,
          limit: `is not in the registry ${registry} of imageRegistryId`,
          remedies: [
            { set: 'image', to: `${registry.toLowerCase()}.azurecr.io/retrain-worker:TAG` },
            { set: 'imageRegistryId', to: '' },
          ],
        }
      : undefined;
  }),
  combination(
    ['sku', 'worker', 'privateEndpoint', 'allowedIpRanges'],
    ({ sku, worker, privateEndpoint, allowedIpRanges }) =>
      sku === 'Premium' && worker && !privateEndpoint && allowedIpRanges.length > 0
        ? {
            key: 'privateEndpoint',
            value: 'false',
            limit: 'leaves the job of the worker outside of a namespace that allowedIpRanges closes to all others',
            remedies: [
              { set: 'privateEndpoint', to: 'true' },
              { remove: 'allowedIpRanges' },
              { set: 'worker', to: 'false' },
            ],
          }
        : undefined,
  ),
  // The environment's subnet is the first of the address space.
  combination(
    ['worker', 'privateEndpoint', 'networkAddressSpace'],
    ({ worker, privateEndpoint, networkAddressSpace }) =>
      worker && privateEndpoint && NOT_FOR_APPS.some((range) => range.test(networkAddressSpace))
        ? {
            key: 'networkAddressSpace',
            value: networkAddressSpace,
            limit: 'begins with addresses that Container Apps, where the worker runs, keep for themselves',
            remedies: [
              { set: 'networkAddressSpace', to: '10.40.0.0/24' },
              { set: 'worker', to: 'false' },
            ],
          }
        : undefined,
  ),
  combination(['worker', 'workerCpu', 'workerMemory'], ({ worker, workerCpu, workerMemory }) =>
    worker && Number.parseFloat(workerMemory) !== Number(workerCpu) * 2
      ? {
          key: 'workerMemory',
          value: workerMemory,
          limit: `does not go with ${workerCpu} cores: Container Apps give 2Gi for each`,
          remedies: [{ set: 'workerMemory', to: `${Number(workerCpu) * 2}Gi` }],
        }
      : undefined,
  ),
];

export const COMBINATIONS: readonly Combination[] = [...TIERS, ...ZONES, ...ACCESS, ...NAMES, ...PARTS];

/** Which settings do not fit together, of a draft that lacks what is wrong by itself. */
export function checkCombinations(draft: Partial<Draft>): readonly Problem[] {
  return COMBINATIONS.flatMap(({ reads, check }) => {
    if (reads.some((key) => draft[key] === undefined)) return [];
    return check(draft as Draft) ?? [];
  });
}
