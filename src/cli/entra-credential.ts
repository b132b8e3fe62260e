import type { TokenCredential } from '@azure/service-bus';

/**
 * What signs this process in to Azure: variables, a managed identity, or `az login`. The package takes a quarter of a second
 * to load: only who needs it waits for it.
 *
 * @param clientId of a user-assigned managed identity
 */
export async function entraCredential(clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential(clientId === undefined ? {} : { managedIdentityClientId: clientId });
}
