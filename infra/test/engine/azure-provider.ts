import { createHash } from 'node:crypto';
import { azureResourceType } from './azure-resources';
import type { Wire, WireObject } from './wire';

export const SUBSCRIPTION_ID = '00000000-0000-4000-8000-000000000001';
export const TENANT_ID = '00000000-0000-4000-8000-000000000002';

export interface ProviderRequest {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Without signatures; in a preview with unknown values. */
  readonly inputs: WireObject;
}

export interface ProviderAnswer {
  readonly id: string;
  readonly outputs: WireObject;
}

/** What stands behind the engine in place of Azure. */
export interface Provider {
  /** The inputs with what the provider adds before anything is made: names. */
  check(request: ProviderRequest): WireObject;
  create(request: ProviderRequest): Promise<ProviderAnswer>;
  invoke(token: string, args: WireObject): Promise<WireObject>;
}

/**
 * Answers as azure-native does, from the inputs alone: autonaming, ids, names, and the outputs that the program reads. Nothing is kept, nothing
 * is random: names and keys come from the seed.
 */
export class AzureProvider implements Provider {
  readonly #seed: string;

  constructor(seed = 'seed') {
    this.#seed = seed;
  }

  check({ type, name, urn, inputs }: ProviderRequest): WireObject {
    const { nameProperty, autonaming } = azureResourceType(type);
    if (nameProperty === undefined || inputs[nameProperty] !== undefined) return inputs;
    const hex = this.hex(urn);
    const names = { copy: name, uuid: uuidOf(hex), 'random suffix': `${name}${hex.slice(0, 8)}` };
    return { ...inputs, [nameProperty]: names[autonaming] };
  }

  create({ type, inputs }: ProviderRequest): Promise<ProviderAnswer> {
    const { nameProperty, armType } = azureResourceType(type);
    const id = resourceId(type, inputs);
    const name = nameProperty === undefined ? id.split('/').at(-1) : inputs[nameProperty];
    const outputs = { ...inputs, name: name ?? null, type: armType, ...this.#computed(type, id, inputs) };
    return Promise.resolve({ id, outputs });
  }

  invoke(token: string, args: WireObject): Promise<WireObject> {
    switch (token) {
      case 'azure-native:authorization:getClientConfig':
        return Promise.resolve({
          clientId: this.#uuid('client'),
          objectId: this.#uuid('user'),
          subscriptionId: SUBSCRIPTION_ID,
          tenantId: TENANT_ID,
        });
      case 'azure-native:servicebus:listNamespaceKeys':
      case 'azure-native:servicebus:listQueueKeys':
      case 'azure-native:servicebus:listTopicKeys':
        return Promise.resolve(this.#serviceBusKeys(args));
      case 'azure-native:operationalinsights:getSharedKeys':
        return Promise.resolve({
          primarySharedKey: this.#key('workspace 1'),
          secondarySharedKey: this.#key('workspace 2'),
        });
      default:
        return Promise.reject(new Error(`no answer to the invoke ${token}: add it to test/engine/azure-provider.ts`));
    }
  }

  /** 40 digits, the same for the same seed and text. */
  hex(text: string): string {
    return createHash('sha1').update(`${this.#seed} ${text}`).digest('hex');
  }

  #computed(type: string, id: string, inputs: WireObject): WireObject {
    const identity = this.#identityOf(id, inputs);
    switch (type) {
      case 'azure-native:servicebus:Namespace':
        return {
          ...identity,
          serviceBusEndpoint: `https://${textOf(inputs['namespaceName'])}.servicebus.windows.net:443/`,
        };
      case 'azure-native:storage:StorageAccount':
        return { ...identity, primaryEndpoints: storageEndpoints(textOf(inputs['accountName'])) };
      case 'azure-native:managedidentity:UserAssignedIdentity':
        return {
          clientId: this.#uuid(`${id} client`),
          principalId: this.#uuid(`${id} principal`),
          tenantId: TENANT_ID,
        };
      case 'azure-native:operationalinsights:Workspace':
        return { customerId: this.#uuid(`${id} customer`) };
      default:
        return identity;
    }
  }

  #identityOf(id: string, { identity }: WireObject): WireObject {
    if (identity === null || typeof identity !== 'object' || Array.isArray(identity)) return {};
    if (!textOf(identity['type']).includes('SystemAssigned')) return {};
    return { identity: { ...identity, principalId: this.#uuid(`${id} principal`), tenantId: TENANT_ID } };
  }

  #serviceBusKeys(args: WireObject): WireObject {
    const keyName = textOf(args['authorizationRuleName']);
    const namespace = textOf(args['namespaceName']);
    const entity = args['queueName'] ?? args['topicName'];
    const path = entity === undefined ? '' : `;EntityPath=${textOf(entity)}`;
    const keys = ['primary', 'secondary'].map((which) => this.#key(`${namespace} ${path} ${keyName} ${which}`));
    const [primary = '', secondary = ''] = keys;
    const connectionString = (key: string): string =>
      `Endpoint=sb://${namespace}.servicebus.windows.net/;SharedAccessKeyName=${keyName};SharedAccessKey=${key}${path}`;
    return {
      keyName,
      primaryKey: primary,
      secondaryKey: secondary,
      primaryConnectionString: connectionString(primary),
      secondaryConnectionString: connectionString(secondary),
    };
  }

  #key(text: string): string {
    return createHash('sha256').update(`${this.#seed} ${text}`).digest('base64');
  }

  #uuid(text: string): string {
    return uuidOf(this.hex(text));
  }
}

/** The id that Azure gives, from the path and the properties that it names. */
export function resourceId(type: string, inputs: WireObject): string {
  const { path } = azureResourceType(type);
  const filled = path.replace(/\{(\w+)\}/g, (_whole, property: string) => {
    if (property === 'subscriptionId') return SUBSCRIPTION_ID;
    const value = inputs[property];
    if (typeof value !== 'string' || value === '') throw new Error(`${type} has no ${property}`);
    return value;
  });
  return filled.replace(/^\/+/, '/');
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

function storageEndpoints(account: string): WireObject {
  const services = ['blob', 'dfs', 'file', 'queue', 'table'];
  return Object.fromEntries(services.map((service) => [service, `https://${account}.${service}.core.windows.net/`]));
}

function textOf(value: Wire | undefined): string {
  return typeof value === 'string' ? value : '';
}
