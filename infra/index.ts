import * as resources from '@pulumi/azure-native/resources';
import type * as pulumi from '@pulumi/pulumi';
import { Access } from './components/access';
import { Alerts } from './components/alerts';
import { Diagnostics } from './components/diagnostics';
import { Messaging } from './components/messaging';
import { isRestricted, Network, publicNetworkAccess } from './components/network';
import { lockResource } from './components/resource-lock';
import { Storage } from './components/storage';
import { StorageEvents } from './components/storage-events';
import { WorkerJob } from './components/worker-job';
import { presentOutputs } from './outputs';
import { loadSettings } from './settings/load-settings';
import { renderTopology } from './rendered-topology';

const settings = loadSettings();
const topology = renderTopology(settings.topology);
const { location, tags, network } = settings;

const resourceGroup = new resources.ResourceGroup('resource-group', {
  resourceGroupName: settings.resourceGroupName,
  location,
  tags,
});
const resourceGroupName = resourceGroup.name;

const messaging = new Messaging('messaging', {
  resourceGroupName,
  location,
  namespaceName: settings.namespaceName,
  sku: settings.sku,
  capacity: settings.capacity,
  zoneRedundant: settings.zoneRedundant,
  disableLocalAuth: settings.disableLocalAuth,
  publicNetworkAccess: publicNetworkAccess(network),
  tags,
  topology,
  protect: settings.protect,
});

const access = new Access('access', {
  resourceGroupName,
  messaging,
  disableLocalAuth: settings.disableLocalAuth,
  rules: settings.topology['layout'] === 'worker' || settings.primaryConnectionString === 'worker',
  primary: settings.primaryConnectionString,
  producerPrincipalIds: settings.producerPrincipalIds,
  workerPrincipalIds: settings.workerPrincipalIds,
});

const placement = { resourceGroupName, location, tags };
const namespaceId = messaging.namespace.id;

const restricted = isRestricted(network)
  ? new Network(
      'network',
      {
        ...placement,
        network,
        namespaceId,
        namespaceName: messaging.namespace.name,
        apps: settings.worker !== undefined,
      },
      // The namespace takes one change at a time while its network changes.
      { dependsOn: [messaging, access] },
    )
  : undefined;
/** For what has to reach the namespace as soon as it is there. */
const onceReachable = { dependsOn: restricted ? [restricted] : [] };

const storage =
  settings.storageEvents || settings.worker
    ? new Storage('storage', {
        ...placement,
        replication: settings.storageReplication,
        events: settings.storageEvents,
        protect: settings.protect,
      })
    : undefined;

const diagnostics =
  settings.diagnostics &&
  new Diagnostics('diagnostics', {
    ...placement,
    retentionDays: settings.diagnostics.retentionDays,
    namespaceId,
    blobServiceId: storage?.blobServiceId,
  });

const storageEvents =
  settings.storageEvents &&
  storage?.deadLetterContainerId &&
  new StorageEvents(
    'storage-events',
    {
      ...placement,
      events: settings.storageEvents,
      accountId: storage.accountId,
      deadLetterContainerId: storage.deadLetterContainerId,
      intakeQueueId: entity('queues', 'intake').id,
    },
    // What Event Grid is not let in for, it tries again five minutes later at the earliest.
    onceReachable,
  );

const worker =
  settings.worker &&
  storage &&
  new WorkerJob(
    'worker',
    {
      ...placement,
      worker: settings.worker,
      namespace: { id: namespaceId, name: messaging.namespace.name, host: messaging.fullyQualifiedNamespace },
      requests: entity('queues', 'requests'),
      outcomes: entity('topics', 'outcomes'),
      intake: settings.storageEvents && entity('queues', 'intake'),
      storage,
      workspaceId: diagnostics?.workspaceId,
      subnetId: restricted?.appsSubnetId,
    },
    onceReachable,
  );

if (settings.alerts)
  new Alerts('alerts', {
    ...placement,
    emails: settings.alerts.emails,
    namespaceId,
    watchedQueues: [
      entity('queues', 'requests').name,
      ...(settings.storageEvents ? [entity('queues', 'intake').name] : []),
    ],
    systemTopicId: storageEvents?.systemTopicId,
  });

// Beneath namespace and account is everything that cannot be taken away while their locks are there.
if (settings.lock) {
  const parts = [messaging, access, restricted, storage, diagnostics, storageEvents, worker];
  const dependsOn = parts.filter((part) => part !== undefined);
  lockResource('namespace-lock', { scope: namespaceId }, { dependsOn });
  if (storage) lockResource('storage-lock', { scope: storage.accountId }, { dependsOn });
}

/** A queue or topic of the topology by its role, with its id on Azure. */
function entity(
  kind: 'queues' | 'topics',
  role: string,
): { readonly name: string; readonly id: pulumi.Output<string> } {
  const [described, made] = [topology[kind][role], messaging[kind][role]];
  if (described === undefined || made === undefined) throw new Error(`the topology has no ${role} among its ${kind}`);
  return { name: described.name, id: made.id };
}

const { queues, topics, subscriptions } = messaging;
const { primary, producer, worker: workerString } = access.connectionStrings;

export = presentOutputs({
  resource_group_name: resourceGroupName,
  namespace_name: messaging.namespace.name,
  fully_qualified_namespace: messaging.fullyQualifiedNamespace,
  queue_name: queues['requests']?.name,
  sessions: topology.queues['requests']?.properties['requiresSession'] === true,
  intake_queue_name: queues['intake']?.name,
  outcome_topic_name: topics['outcomes']?.name,
  status_subscription_name: subscriptions['status']?.name,
  notify_subscription_name: subscriptions['notify']?.name,
  primary_connection_string: primary,
  producer_connection_string: producer,
  worker_connection_string: workerString,
  storage_account_name: storage?.accountName,
  registry_container_url: storage?.registryContainerUrl,
  data_container_url: storage?.dataContainerUrl,
  worker_job_name: worker?.jobName,
  worker_identity_client_id: worker?.identityClientId,
});
