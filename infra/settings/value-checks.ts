import { durationSeconds, FOREVER } from './duration';
import { type Draft, KEYS, type Key, type ValueOf } from './keys';
import type { Problem } from './problem';

/** What is wrong with a value, or with a part of it, and what may stand there instead. */
interface Fault {
  /** In a list or map: which. */
  readonly at?: string;
  readonly value: string;
  readonly limit: string;
  readonly instead: string;
}

type Check<V> = (value: V) => readonly Fault[];

type Checks = { readonly [K in Key]: Check<ValueOf[(typeof KEYS)[K]]> };

/** For truths, and for what only the disk or another setting can judge. */
export const anything: Check<unknown> = () => [];

function fault(value: string | number, limit: string, instead: string | number): readonly Fault[] {
  return [{ value: String(value), limit, instead: String(instead) }];
}

function oneOf<V extends string | number>(...allowed: readonly [V, ...V[]]): Check<V> {
  const said = allowed.map(String).join(', ');
  return (value) => (allowed.includes(value) ? [] : fault(value, `must be one of ${said}`, allowed[0]));
}

function between(min: number, max: number): Check<number> {
  return (value) =>
    value >= min && value <= max ? [] : fault(value, `must be from ${min} to ${max}`, value < min ? min : max);
}

/** With 0 for none. */
function zeroOr(check: Check<number>): Check<number> {
  return (value) => (value === 0 ? [] : check(value));
}

/** With an empty text for none. */
function emptyOr(check: Check<string>): Check<string> {
  return (value) => (value === '' ? [] : check(value));
}

function duration(min: string, max: string): Check<string> {
  const least = durationSeconds(min) as number;
  const most = durationSeconds(max) as number;
  return (value) => {
    const seconds = durationSeconds(value);
    if (seconds === undefined) return fault(value, `is no ISO 8601 duration from ${min} to ${max}`, min);
    if (seconds < least) return fault(value, `is shorter than ${min}`, min);
    return seconds > most ? fault(value, `is longer than ${max}`, max) : [];
  };
}

interface NameRule {
  readonly min: number;
  readonly max: number;
  readonly shape: RegExp;
  readonly said: string;
  readonly example: string;
}

function name({ min, max, shape, said, example }: NameRule): Check<string> {
  return (value) =>
    value.length >= min && value.length <= max && shape.test(value)
      ? []
      : fault(value, `is no name that Azure takes, which has from ${min} to ${max} characters, ${said}`, example);
}

/** Each item by itself; none twice, as what is made of them would have the same name. */
function each(max: number, what: RegExp, said: string, example: string): Check<readonly string[]> {
  return (items) => {
    const faults: Fault[] = [];
    if (items.length > max)
      faults.push({ value: `${items.length} items`, limit: `are more than ${max}`, instead: example });
    for (const [index, item] of items.entries()) {
      const at = `[${index}]`;
      const first = items.findIndex((other) => other.toLowerCase() === item.toLowerCase());
      if (!what.test(item)) faults.push({ at, value: item, limit: said, instead: example });
      else if (first < index) faults.push({ at, value: item, limit: `is [${first}] again`, instead: example });
    }
    return faults;
  };
}

const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const principals = each(100, GUID, 'is no object id, which is a GUID', 'OBJECT_ID');

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IP_RANGE = new RegExp(`^${OCTET}(\\.${OCTET}){3}(/(3[0-2]|[12]?\\d))?$`);

/** Service Bus has / in names, too, but in the address of a resource it would part two names. */
const entity = name({
  min: 1,
  max: 260,
  shape: /^[a-z\d]$|^[a-z\d][\w\-.]*[a-z\d]$/i,
  said: 'letters, digits and . - _ and begins and ends with a letter or digit',
  example: 'model-retraining-queue',
});

const MAX_TAGS = 50;
const TAG_NAME_MAX = 512;
const TAG_VALUE_MAX = 256;

/** Limits of Azure Resource Manager for tags. */
const tags: Check<ValueOf['map']> = (value) => {
  const entries = Object.entries(value);
  const faults: Fault[] = [];
  const add = (tag: string, text: string, limit: string) =>
    faults.push({ at: `["${tag}"]`, value: text, limit, instead: 'VALUE' });
  if (entries.length > MAX_TAGS)
    faults.push({ value: `${entries.length} tags`, limit: `are more than ${MAX_TAGS}`, instead: '{}' });
  for (const [index, [tag, text]] of entries.entries()) {
    const first = entries.findIndex(([other]) => other.toLowerCase() === tag.toLowerCase());
    if (tag === '' || tag.length > TAG_NAME_MAX)
      add(tag, tag, `is no name of a tag, which has from 1 to ${TAG_NAME_MAX} characters`);
    else if (/[<>%&\\?/]/.test(tag)) add(tag, tag, 'is no name of a tag, which has none of < > % & \\ ? /');
    else if (first < index) add(tag, tag, `is the tag ${entries[first]?.[0]} again: case makes no difference`);
    if (text.length > TAG_VALUE_MAX) add(tag, text, `is longer than ${TAG_VALUE_MAX} characters`);
  }
  return faults;
};

/** Parts of an address space that no virtual network may have. */
const NOT_FOR_NETWORKS = [/^0\./, /^127\./, /^169\.254\./, /^(22[4-9]|2[3-5]\d)\./];

const addressSpace: Check<string> = (value) => {
  const example = '10.40.0.0/24';
  const [address = '', length = ''] = value.split('/');
  const prefix = Number(length);
  if (!IP_RANGE.test(value) || prefix < 8 || prefix > 24)
    return fault(value, 'is no range of addresses from /8 to /24', example);
  if (NOT_FOR_NETWORKS.some((range) => range.test(address)))
    return fault(value, 'is no range that a virtual network may have', example);
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return number % 2 ** (32 - prefix) === 0 ? [] : fault(value, `does not begin where a /${prefix} does`, example);
};

function longest(max: number): Check<string> {
  return (value) => (value.length <= max ? [] : fault(value, `is longer than ${max} characters`, ''));
}

/** What each value may be by itself: the limits of Azure, by the page that has them. */
export const VALUE_CHECKS: Checks = {
  location: name({
    min: 1,
    max: 60,
    shape: /^[a-z\d]+( [a-z\d]+)*$/i,
    said: 'letters, digits and single spaces',
    example: 'West US',
  }),
  // Naming rules for Azure resources, Microsoft.Resources.
  resourceGroupName: emptyOr(
    name({
      min: 1,
      max: 90,
      shape: /^[\p{L}\p{N}_\-.()]*[\p{L}\p{N}_\-()]$/u,
      said: 'letters, digits and - _ . ( ) and does not end with .',
      example: 'my-ai-resources',
    }),
  ),
  // Naming rules, Microsoft.ServiceBus, and create-namespace: -sb and -mgmt belong to addresses of the service's own.
  namespaceName: emptyOr(
    name({
      min: 6,
      max: 50,
      shape: /^[a-z][a-z\d-]*[a-z\d](?<!-sb|-mgmt)$/i,
      said: 'letters, digits and hyphens, begins with a letter and ends with a letter or digit, but not with -sb or -mgmt',
      example: 'ai-model-retraining-namespace',
    }),
  ),
  sku: oneOf<string>('Standard', 'Basic', 'Premium'),
  capacity: zeroOr(oneOf<number>(1, 2, 4, 8, 16)),
  zoneRedundant: anything,
  tags,

  // service-bus-quotas
  layout: oneOf<string>('worker', 'plain'),
  queueName: entity,
  maxDeliveryCount: between(1, 2_147_483_647),
  lockDuration: duration('PT5S', 'PT5M'),
  sessions: anything,
  duplicateDetection: anything,
  duplicateDetectionWindow: duration('PT20S', 'P7D'),
  timeToLive: duration('PT1S', FOREVER),
  deadLetterOnExpiration: anything,
  maxSizeInMegabytes: oneOf<number>(1024, 2048, 3072, 4096, 5120, 10_240, 20_480, 40_960, 81_920),
  maxMessageSizeInKilobytes: zeroOr(between(1024, 102_400)),
  intakeQueueName: entity,
  outcomeTopicName: entity,
  outcomeTimeToLive: duration('PT1S', FOREVER),
  protect: anything,

  disableLocalAuth: anything,
  primaryConnectionString: oneOf<string>('none', 'worker', 'root'),
  producerPrincipalIds: principals,
  workerPrincipalIds: principals,

  storageEvents: anything,
  // Naming rules, Microsoft.Storage.
  dataContainerName: name({
    min: 3,
    max: 63,
    shape: /^[a-z\d]+(-[a-z\d]+)*$/,
    said: 'lower-case letters, digits and single hyphens between them',
    example: 'training-data',
  }),
  blobPrefix: longest(1024),
  blobSuffix: longest(1024),
  storageReplication: oneOf<string>('Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'),

  worker: anything,
  image: emptyOr((value) =>
    /^[\w.-]+(:\d+)?(\/[\w.-]+)*(:[\w.-]+)?(@sha256:[\da-f]{64})?$/.test(value)
      ? []
      : fault(value, 'is no container image', 'REGISTRY/retrain-worker:TAG'),
  ),
  imageRegistryId: emptyOr((value) =>
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ContainerRegistry\/registries\/[a-z\d]{5,50}$/i.test(
      value,
    )
      ? []
      : fault(
          value,
          'is no resource id of a container registry',
          '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME',
        ),
  ),
  configurationFile: anything,
  maxRuntime: duration('PT1M', 'P7D'),
  maxExecutions: between(1, 100),
  pollingIntervalSeconds: between(10, 3600),
  workerCpu: (value) =>
    Number(value) >= 0.25 && Number(value) <= 4 && Number.isInteger(Number(value) * 4)
      ? []
      : fault(value, 'is no number of cores from 0.25 to 4 by quarters', 1),
  workerMemory: (value) => (/^\d+(\.\d+)?Gi$/.test(value) ? [] : fault(value, 'is no memory in Gi', '2Gi')),

  alerts: anything,
  alertEmails: each(100, /^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'is no address of a mailbox', 'ops@example.com'),
  diagnostics: anything,
  logRetentionDays: between(30, 730),
  lock: anything,
  privateEndpoint: anything,
  networkAddressSpace: addressSpace,
  allowedIpRanges: each(128, IP_RANGE, 'is no address or range of IPv4, as 203.0.113.0/24', '203.0.113.0/24'),
};

/** What is wrong with each value by itself. */
export function checkValues(draft: Partial<Draft>): readonly Problem[] {
  return (Object.entries(draft) as [Key, never][]).flatMap(([key, value]) =>
    VALUE_CHECKS[key](value).map(({ at, value: part, limit, instead }) => ({
      key: `${key}${at ?? ''}`,
      value: part,
      limit,
      remedies: [{ set: key, ...(at !== undefined && { at }), to: instead }],
    })),
  );
}
