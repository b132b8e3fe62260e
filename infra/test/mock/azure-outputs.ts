/** What Azure adds to a resource besides id and name, as far as the program uses it. By type, as `azure-native:storage:StorageAccount`. */
export function azureOutputs(type: string, name: string): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'azure-native:servicebus:Namespace':
      return { serviceBusEndpoint: `https://${name}.${cloudOf(name)}:443/` };
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

/** A namespace whose name begins with sovereign is not in the public cloud. */
function cloudOf(name: string): string {
  return name.startsWith('sovereign') ? 'servicebus.chinacloudapi.cn' : 'servicebus.windows.net';
}
