import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ServiceBusManagementClient } from '@azure/arm-servicebus';
import { AzureProvider, SUBSCRIPTION_ID } from '../engine/azure-provider';
import type { ProviderAnswer, ProviderRequest } from '../engine/azure-provider';
import type { Wire, WireObject } from '../engine/wire';
import type { LocalBroker } from './local-broker';

const TOKEN_MS = 3_600_000;
const POLLING_MS = 20;
const PREFIX = 'azure-native:servicebus:';
/** Properties of azure-native that are parts of the path. */
const PATH_PROPERTIES = [
  'resourceGroupName',
  'namespaceName',
  'queueName',
  'topicName',
  'subscriptionName',
  'ruleName',
  'authorizationRuleName',
];

type Put = (client: ServiceBusManagementClient, at: Names, body: WireObject) => Promise<object>;
type Names = Readonly<Record<string, string>>;

/** The client's calls by resource; its bodies have the properties of azure-native, both come from one specification. */
const PUTS: Readonly<Record<string, Put>> = {
  Namespace: ({ namespaces }, { group = '', namespace = '' }, body) =>
    namespaces.beginCreateOrUpdateAndWait(group, namespace, body as never, { updateIntervalInMs: POLLING_MS }),
  NamespaceAuthorizationRule: ({ namespaces }, { group = '', namespace = '', key = '' }, body) =>
    namespaces.createOrUpdateAuthorizationRule(group, namespace, key, body),
  NamespaceNetworkRuleSet: ({ namespaces }, { group = '', namespace = '' }, body) =>
    namespaces.createOrUpdateNetworkRuleSet(group, namespace, body),
  Queue: ({ queues }, { group = '', namespace = '', queue = '' }, body) =>
    queues.createOrUpdate(group, namespace, queue, body),
  QueueAuthorizationRule: ({ queues }, { group = '', namespace = '', queue = '', key = '' }, body) =>
    queues.createOrUpdateAuthorizationRule(group, namespace, queue, key, body),
  Subscription: ({ subscriptions }, { group = '', namespace = '', topic = '', subscription = '' }, body) =>
    subscriptions.createOrUpdate(group, namespace, topic, subscription, body),
  Topic: ({ topics }, { group = '', namespace = '', topic = '' }, body) =>
    topics.createOrUpdate(group, namespace, topic, body),
};

/**
 * Forwards what belongs to Service Bus to a broker's Azure Resource Manager, by the official client with a credential that Azure would not take;
 * everything else is answered as without one.
 */
export class ArmProvider extends AzureProvider {
  readonly #client: ServiceBusManagementClient;
  /** Names of the resources that were put, in the order in which the broker answered. */
  readonly forwarded: string[] = [];

  constructor({ endpoint, rootKey, trustFile }: LocalBroker) {
    super();
    this.#client = new ServiceBusManagementClient(signedBy(rootKey, endpoint), SUBSCRIPTION_ID, {
      endpoint,
      tlsOptions: { ca: readFileSync(trustFile, 'utf8') },
      retryOptions: { maxRetries: 0 },
    });
  }

  override async create(request: ProviderRequest): Promise<ProviderAnswer> {
    const answer = await super.create(request);
    const { type, inputs, name } = request;
    if (!type.startsWith(PREFIX)) return answer;
    const put = PUTS[type.slice(PREFIX.length)];
    if (put === undefined) throw new Error(`${type} is not forwarded: add it to test/arm/arm-provider.ts`);
    const body = Object.entries(inputs).filter(([property]) => !PATH_PROPERTIES.includes(property));
    const made = await put(this.#client, namesIn(inputs), Object.fromEntries(body));
    this.forwarded.push(name);
    const { id = answer.id, ...outputs } = JSON.parse(JSON.stringify(made)) as WireObject & { id?: string };
    return { id, outputs: { ...answer.outputs, ...outputs } };
  }

  override async invoke(token: string, args: WireObject): Promise<WireObject> {
    const { group = '', namespace = '', queue = '', key = '' } = namesIn(args);
    const { namespaces, queues } = this.#client;
    if (token === `${PREFIX}listNamespaceKeys`) return { ...(await namespaces.listKeys(group, namespace, key)) };
    if (token === `${PREFIX}listQueueKeys`) return { ...(await queues.listKeys(group, namespace, queue, key)) };
    return super.invoke(token, args);
  }
}

function namesIn(inputs: WireObject): Names {
  const text = (value: Wire | undefined): string => (typeof value === 'string' ? value : '');
  return {
    group: text(inputs['resourceGroupName']),
    namespace: text(inputs['namespaceName']),
    queue: text(inputs['queueName']),
    topic: text(inputs['topicName']),
    subscription: text(inputs['subscriptionName']),
    key: text(inputs['authorizationRuleName']),
  };
}

/** The broker takes a shared access signature of its root rule as a bearer's token. */
function signedBy(
  key: string,
  endpoint: string,
): { getToken(): Promise<{ token: string; expiresOnTimestamp: number }> } {
  return {
    getToken: () => {
      const expiresOnTimestamp = Date.now() + TOKEN_MS;
      const sr = encodeURIComponent(`${endpoint}/`);
      const se = Math.round(expiresOnTimestamp / 1000);
      const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64'));
      const token = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=RootManageSharedAccessKey`;
      return Promise.resolve({ token, expiresOnTimestamp });
    },
  };
}
