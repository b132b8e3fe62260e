import * as resources from '@pulumi/azure-native/resources';
import { Access } from './components/access';
import { Messaging } from './components/messaging';
import { lockResource } from './components/resource-lock';
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
  publicNetworkAccess:
    network.addressSpace !== undefined && network.allowedIpRanges.length === 0 ? 'Disabled' : 'Enabled',
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

// Beneath the namespace is everything that cannot be taken away while the lock is there.
if (settings.lock)
  lockResource('namespace-lock', { scope: messaging.namespace.id }, { dependsOn: [messaging, access] });

/** What a stack says of itself: an output that it has not is absent. */
function stackOutputs(): Record<string, unknown> {
  const { queues, topics, subscriptions } = messaging;
  const { primary, producer, worker } = access.connectionStrings;
  const outputs = {
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
    worker_connection_string: worker,
  };
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== undefined));
}

export = stackOutputs();
