/** What a value of a key of Pulumi.yaml is read as. A list is one of texts, a map one of texts to texts. */
export type Kind = 'text' | 'integer' | 'boolean' | 'list' | 'map';

/** Every key of Pulumi.yaml. Their defaults are there and nowhere else. */
export const KEYS = {
  location: 'text',
  resourceGroupName: 'text',
  namespaceName: 'text',
  sku: 'text',
  capacity: 'integer',
  zoneRedundant: 'boolean',
  tags: 'map',

  layout: 'text',
  queueName: 'text',
  maxDeliveryCount: 'integer',
  lockDuration: 'text',
  sessions: 'boolean',
  duplicateDetection: 'boolean',
  duplicateDetectionWindow: 'text',
  timeToLive: 'text',
  deadLetterOnExpiration: 'boolean',
  maxSizeInMegabytes: 'integer',
  maxMessageSizeInKilobytes: 'integer',
  intakeQueueName: 'text',
  outcomeTopicName: 'text',
  outcomeTimeToLive: 'text',
  protect: 'boolean',

  disableLocalAuth: 'boolean',
  primaryConnectionString: 'text',
  producerPrincipalIds: 'list',
  workerPrincipalIds: 'list',

  storageEvents: 'boolean',
  dataContainerName: 'text',
  blobPrefix: 'text',
  blobSuffix: 'text',
  storageReplication: 'text',

  worker: 'boolean',
  image: 'text',
  imageRegistryId: 'text',
  configurationFile: 'text',
  maxRuntime: 'text',
  maxExecutions: 'integer',
  pollingIntervalSeconds: 'integer',
  workerCpu: 'text',
  workerMemory: 'text',

  alerts: 'boolean',
  alertEmails: 'list',
  diagnostics: 'boolean',
  logRetentionDays: 'integer',
  lock: 'boolean',
  privateEndpoint: 'boolean',
  networkAddressSpace: 'text',
  allowedIpRanges: 'list',
} as const satisfies Record<string, Kind>;

export type Key = keyof typeof KEYS;

export interface ValueOf {
  readonly text: string;
  readonly integer: number;
  readonly boolean: boolean;
  readonly list: readonly string[];
  readonly map: Readonly<Record<string, string>>;
}

/** The value of every key, as it is written; whether values fit together is not known yet. */
export type Draft = { readonly [K in Key]: ValueOf[(typeof KEYS)[K]] };
