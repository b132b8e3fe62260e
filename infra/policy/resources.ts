/** Types that the policies look at, as azure-native calls them. */
export const NAMESPACE = 'azure-native:servicebus:Namespace';
export const QUEUE = 'azure-native:servicebus:Queue';
export const TOPIC = 'azure-native:servicebus:Topic';
export const AUTHORIZATION_RULES = [
  'azure-native:servicebus:NamespaceAuthorizationRule',
  'azure-native:servicebus:QueueAuthorizationRule',
  'azure-native:servicebus:TopicAuthorizationRule',
];
export const STORAGE_ACCOUNT = 'azure-native:storage:StorageAccount';
export const BLOB_CONTAINER = 'azure-native:storage:BlobContainer';
export const ROLE_ASSIGNMENT = 'azure-native:authorization:RoleAssignment';
export const IDENTITY = 'azure-native:managedidentity:UserAssignedIdentity';
export const JOB = 'azure-native:app:Job';
export const METRIC_ALERT = 'azure-native:monitor:MetricAlert';
export const DIAGNOSTIC_SETTING = 'azure-native:monitor:DiagnosticSetting';
export const STACK = 'pulumi:pulumi:Stack';

/** Properties of a resource. Reading one that is not known before it is made throws. */
export type Properties = Readonly<Record<string, unknown>>;

/** A property; undefined when it is absent, or not known in a preview. Then the policy speaks when it is. */
export function known(properties: Properties, name: string): unknown {
  try {
    return properties[name];
  } catch {
    return undefined;
  }
}

export function knownText(properties: Properties, name: string): string {
  const value = known(properties, name);
  return typeof value === 'string' ? value : '';
}

/** Items of a property that is a list of objects. */
export function knownItems(properties: Properties, name: string): Properties[] {
  const value = known(properties, name);
  return Array.isArray(value) ? (value as Properties[]) : [];
}

export function knownObject(properties: Properties, name: string): Properties {
  const value = known(properties, name);
  return typeof value === 'object' && value !== null ? (value as Properties) : {};
}
