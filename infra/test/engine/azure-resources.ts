/**
 * The resources of azure-native that the program makes, each with the path of Azure Resource Manager that its PUT goes to. From the path follow
 * id, ARM type, and which property is the name.
 */
const GROUP = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}';

const PATHS: Readonly<Record<string, string>> = {
  'app:Job': `${GROUP}/providers/Microsoft.App/jobs/{jobName}`,
  'app:ManagedEnvironment': `${GROUP}/providers/Microsoft.App/managedEnvironments/{environmentName}`,
  'authorization:ManagementLockByScope': '/{scope}/providers/Microsoft.Authorization/locks/{lockName}',
  'authorization:RoleAssignment': '/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}',
  'authorization:RoleDefinition': '/{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}',
  'eventgrid:SystemTopic': `${GROUP}/providers/Microsoft.EventGrid/systemTopics/{systemTopicName}`,
  'eventgrid:SystemTopicEventSubscription': `${GROUP}/providers/Microsoft.EventGrid/systemTopics/{systemTopicName}/eventSubscriptions/{eventSubscriptionName}`,
  'managedidentity:UserAssignedIdentity': `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}`,
  'monitor:ActionGroup': `${GROUP}/providers/Microsoft.Insights/actionGroups/{actionGroupName}`,
  'monitor:DiagnosticSetting': '/{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}',
  'monitor:MetricAlert': `${GROUP}/providers/Microsoft.Insights/metricAlerts/{ruleName}`,
  'network:PrivateDnsZoneGroup': `${GROUP}/providers/Microsoft.Network/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}`,
  'network:PrivateEndpoint': `${GROUP}/providers/Microsoft.Network/privateEndpoints/{privateEndpointName}`,
  'network:Subnet': `${GROUP}/providers/Microsoft.Network/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}`,
  'network:VirtualNetwork': `${GROUP}/providers/Microsoft.Network/virtualNetworks/{virtualNetworkName}`,
  'operationalinsights:Workspace': `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/{workspaceName}`,
  'privatedns:PrivateZone': `${GROUP}/providers/Microsoft.Network/privateDnsZones/{privateZoneName}`,
  'privatedns:VirtualNetworkLink': `${GROUP}/providers/Microsoft.Network/privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}`,
  'resources:ResourceGroup': GROUP,
  'servicebus:Namespace': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}`,
  'servicebus:NamespaceAuthorizationRule': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/AuthorizationRules/{authorizationRuleName}`,
  'servicebus:NamespaceNetworkRuleSet': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/networkRuleSets/default`,
  'servicebus:Queue': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/queues/{queueName}`,
  'servicebus:QueueAuthorizationRule': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/queues/{queueName}/authorizationRules/{authorizationRuleName}`,
  'servicebus:Rule': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}/subscriptions/{subscriptionName}/rules/{ruleName}`,
  'servicebus:Subscription': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}/subscriptions/{subscriptionName}`,
  'servicebus:Topic': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}`,
  'servicebus:TopicAuthorizationRule': `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}/authorizationRules/{authorizationRuleName}`,
  'storage:BlobContainer': `${GROUP}/providers/Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers/{containerName}`,
  'storage:BlobServiceProperties': `${GROUP}/providers/Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}`,
  'storage:StorageAccount': `${GROUP}/providers/Microsoft.Storage/storageAccounts/{accountName}`,
};

const PREFIX = 'azure-native:';

/** How the provider names a resource that its program has not named. */
export type Autonaming = 'random suffix' | 'copy' | 'uuid';

export interface AzureResourceType {
  readonly path: string;
  /** The property with the name; undefined: the name is given by the path, as `default`. */
  readonly nameProperty: string | undefined;
  readonly autonaming: Autonaming;
  /** As `Microsoft.ServiceBus/namespaces/queues`. */
  readonly armType: string;
}

/** Of a type token without API version, as `azure-native:servicebus:Queue`; a type that the table does not have is refused. */
export function azureResourceType(token: string): AzureResourceType {
  const path = token.startsWith(PREFIX) ? PATHS[token.slice(PREFIX.length)] : undefined;
  if (path === undefined) throw new Error(`no path for ${token}: add the type to test/engine/azure-resources.ts`);
  const nameProperty = /\{(\w+)\}$/.exec(path)?.[1];
  return { path, nameProperty, autonaming: autonamingOf(path, nameProperty), armType: armTypeOf(path) };
}

/** As the provider decides it: what is nested needs no suffix, because what it is nested in has one. */
function autonamingOf(path: string, nameProperty: string | undefined): Autonaming {
  if (nameProperty === 'roleAssignmentName' || nameProperty === 'roleDefinitionId') return 'uuid';
  const own = path.split('/providers/')[1];
  return own === undefined || own.split('{').length === 2 ? 'random suffix' : 'copy';
}

function armTypeOf(path: string): string {
  const own = path.split('/providers/')[1];
  if (own === undefined) return 'Microsoft.Resources/resourceGroups';
  const [provider, ...segments] = own.split('/');
  return [provider, ...segments.filter((_segment, index) => index % 2 === 0)].join('/');
}
