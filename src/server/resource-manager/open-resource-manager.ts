import type { AccessAdmin } from '../access-admin.ts';
import type { EntityAdmin } from '../entity-admin.ts';
import type { Service } from '../service.ts';
import { NamespaceKeeper } from './namespace-keeper.ts';
import { ResourceManagerApi } from './resource-manager-api.ts';

/**
 * Azure Resource Manager over the entities of a server, with the namespace that the data folder keeps; a deletion that was under way goes on.
 *
 * @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION`
 */
export async function openResourceManager(options: {
  readonly dataFolder: string;
  readonly service: Service;
  readonly admin: EntityAdmin;
  readonly access: AccessAdmin;
}): Promise<ResourceManagerApi> {
  const { service, admin, access, dataFolder } = options;
  const { clock, random, onFault } = service;
  const namespaces = await NamespaceKeeper.open({ dataFolder, admin, access, clock, random, onFault });
  return new ResourceManagerApi({ service, admin, access, namespaces });
}
