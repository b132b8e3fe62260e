/** What a stack is configured with, one field for each key of Pulumi.yaml; an empty text or 0 of an optional key is undefined here. */
export interface Settings {
  readonly location: string;
  readonly resourceGroupName: string;
  /** Undefined: a name with a unique suffix. */
  readonly namespaceName: string | undefined;
  readonly sku: 'Basic' | 'Standard' | 'Premium';
  /** Messaging units; undefined unless sku is Premium. */
  readonly capacity: number | undefined;
  readonly zoneRedundant: boolean;
  readonly tags: Readonly<Record<string, string>>;

  /** The settings that topology.json names, by which it is filled in. */
  readonly topology: Readonly<Record<string, string | number | boolean | null>>;
  readonly protect: boolean;

  readonly disableLocalAuth: boolean;
  readonly primaryConnectionString: 'none' | 'worker' | 'root';
  readonly producerPrincipalIds: readonly string[];
  readonly workerPrincipalIds: readonly string[];

  /** SKU of the storage account, which there is with storageEvents or with worker. */
  readonly storageReplication: 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS';
  /** Undefined without storageEvents. */
  readonly storageEvents: StorageEventSettings | undefined;
  /** Undefined without worker. */
  readonly worker: WorkerSettings | undefined;

  readonly alerts: { readonly emails: readonly string[] } | undefined;
  readonly diagnostics: { readonly retentionDays: number } | undefined;
  readonly lock: boolean;
  readonly network: NetworkSettings;
}

export interface StorageEventSettings {
  readonly dataContainerName: string;
  readonly blobPrefix: string | undefined;
  readonly blobSuffix: string | undefined;
}

export interface WorkerSettings {
  readonly image: string;
  readonly imageRegistryId: string | undefined;
  /** Text of retrain.yaml; undefined: the image has one. */
  readonly configuration: string | undefined;
  readonly maxRuntimeSeconds: number;
  readonly maxExecutions: number;
  readonly pollingIntervalSeconds: number;
  readonly cpu: number;
  readonly memory: string;
}

export interface NetworkSettings {
  /** Address space of the virtual network of the private endpoint; undefined without one. */
  readonly addressSpace: string | undefined;
  readonly allowedIpRanges: readonly string[];
}
