/** What Azure adds to a resource besides id and name, as far as the program uses it. By type, as `azure-native:storage:StorageAccount`. */
export function azureOutputs(type: string, name: string): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'azure-native:storage:StorageAccount':
      return { primaryEndpoints: { blob: `https://${name}.blob.core.windows.net/` } };
    case 'azure-native:eventgrid:SystemTopic':
      return { identity: { type: 'SystemAssigned', principalId: `principal-of-${name}`, tenantId: 'tenant' } };
    case 'azure-native:managedidentity:UserAssignedIdentity':
      return { principalId: `principal-of-${name}`, clientId: `client-of-${name}` };
    default:
      return {};
  }
}
