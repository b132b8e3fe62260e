import * as storage from '@pulumi/azure-native/storage';
import * as pulumi from '@pulumi/pulumi';
import { DEAD_LETTER_CONTAINER, REGISTRY_CONTAINER } from '../settings/own-containers';
import type { Settings, StorageEventSettings } from '../settings/settings';
import { placementOf } from './placement';
import type { Placement } from './placement';

/** How long a deleted or replaced blob, and a deleted container, can be brought back. */
const SOFT_DELETE_DAYS = 14;

export interface StorageArgs extends Placement {
  readonly replication: Settings['storageReplication'];
  /** Undefined: no container of data is watched, and there is none. */
  readonly events: StorageEventSettings | undefined;
  /** Refuse to delete or replace the account and its containers. */
  readonly protect: boolean;
}

/**
 * The storage account with the registry's container and, when new data shall start retrainings, the container of the data and
 * the one of undelivered events. It is entered by Microsoft Entra ID only: it has keys, but they do not work.
 */
export class Storage extends pulumi.ComponentResource {
  readonly accountId: pulumi.Output<string>;
  readonly accountName: pulumi.Output<string>;
  /** Of the blob service, where its diagnostic settings belong. */
  readonly blobServiceId: pulumi.Output<string>;
  /** Address of the blob service, without a slash at the end. */
  readonly blobEndpoint: pulumi.Output<string>;
  readonly registryContainerId: pulumi.Output<string>;
  readonly registryContainerUrl: pulumi.Output<string>;
  readonly dataContainerId: pulumi.Output<string> | undefined;
  readonly dataContainerUrl: pulumi.Output<string> | undefined;
  readonly deadLetterContainerId: pulumi.Output<string> | undefined;

  readonly #account: storage.StorageAccount;
  readonly #resourceGroupName: pulumi.Input<string>;
  readonly #protect: boolean;

  constructor(name: string, args: StorageArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Storage', name, {}, opts);
    const { replication, events, protect } = args;
    this.#resourceGroupName = args.resourceGroupName;
    this.#protect = protect;
    this.#account = new storage.StorageAccount(
      name,
      {
        ...placementOf(args),
        kind: 'StorageV2',
        sku: { name: replication },
        minimumTlsVersion: 'TLS1_2',
        enableHttpsTrafficOnly: true,
        allowBlobPublicAccess: false,
        allowSharedKeyAccess: false,
        allowCrossTenantReplication: false,
        defaultToOAuthAuthentication: true,
      },
      { parent: this, protect },
    );
    this.accountId = this.#account.id;
    this.accountName = this.#account.name;
    this.blobServiceId = pulumi.interpolate`${this.#account.id}/blobServices/default`;
    this.blobEndpoint = this.#account.primaryEndpoints.apply(({ blob }) => blob.replace(/\/$/, ''));
    this.#keepDeleted();

    const registry = this.#container(REGISTRY_CONTAINER);
    this.registryContainerId = registry.id;
    this.registryContainerUrl = registry.url;
    const data = events && this.#container(events.dataContainerName, 'data');
    this.dataContainerId = data?.id;
    this.dataContainerUrl = data?.url;
    this.deadLetterContainerId = events && this.#container(DEAD_LETTER_CONTAINER).id;

    this.registerOutputs({ accountName: this.accountName, registryContainerUrl: this.registryContainerUrl });
  }

  #keepDeleted(): void {
    const policy = { enabled: true, days: SOFT_DELETE_DAYS };
    new storage.BlobServiceProperties(
      'blob-service',
      {
        resourceGroupName: this.#resourceGroupName,
        accountName: this.accountName,
        blobServicesName: 'default',
        deleteRetentionPolicy: policy,
        containerDeleteRetentionPolicy: policy,
      },
      { parent: this },
    );
  }

  #container(
    containerName: string,
    name = containerName,
  ): { readonly id: pulumi.Output<string>; readonly url: pulumi.Output<string> } {
    const { id } = new storage.BlobContainer(
      name,
      {
        resourceGroupName: this.#resourceGroupName,
        accountName: this.accountName,
        containerName,
        publicAccess: storage.PublicAccess.None,
      },
      { parent: this, protect: this.#protect },
    );
    // A container's id is known only after it was made; its address does not need it.
    return { id, url: pulumi.interpolate`${this.blobEndpoint}/${containerName}` };
  }
}
