import * as servicebus from '@pulumi/azure-native/servicebus';
import * as pulumi from '@pulumi/pulumi';
import type { Entity, Topology } from '../rendered-topology';

export interface MessagingArgs {
  readonly resourceGroupName: pulumi.Input<string>;
  readonly location: string;
  /** Undefined: `retrain-<stack>` with a suffix that the provider draws, as names of namespaces are unique on all of Azure. */
  readonly namespaceName: string | undefined;
  readonly sku: 'Basic' | 'Standard' | 'Premium';
  /** Messaging units; undefined unless sku is Premium. */
  readonly capacity: number | undefined;
  readonly zoneRedundant: boolean;
  readonly disableLocalAuth: boolean;
  /** Whether it is reached from anywhere but a private endpoint. */
  readonly publicNetworkAccess: 'Enabled' | 'Disabled';
  readonly tags: Readonly<Record<string, string>>;
  readonly topology: Topology;
  /** Refuse to delete or replace namespace, queues and topics. */
  readonly protect: boolean;
}

/**
 * Decided when a queue or topic is made. Azure refuses to change them; with these options Pulumi says in the preview that the entity would be
 * replaced, and refuses it while the entity is protected.
 */
const FIXED_PROPERTIES = ['requiresSession', 'requiresDuplicateDetection', 'enablePartitioning'];

/**
 * The namespace with its queues, topics and subscriptions, each by its role.
 *
 * Messages are kept by `protect`, not by `retainOnDelete`: that would leave a namespace behind of which no stack knows. Names of entities are
 * fixed, so one that is replaced goes before its successor comes.
 */
export class Messaging extends pulumi.ComponentResource {
  readonly namespace: servicebus.Namespace;
  readonly queues: Readonly<Record<string, servicebus.Queue>>;
  readonly topics: Readonly<Record<string, servicebus.Topic>>;
  readonly subscriptions: Readonly<Record<string, servicebus.Subscription>>;
  /** Host name of the namespace, which clients connect to. */
  readonly fullyQualifiedNamespace: pulumi.Output<string>;

  constructor(name: string, args: MessagingArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Messaging', name, {}, opts);
    const { resourceGroupName, topology, protect } = args;
    this.namespace = this.#makeNamespace(args);
    const inNamespace = { resourceGroupName, namespaceName: this.namespace.name };
    const options = { parent: this, protect, replaceOnChanges: FIXED_PROPERTIES, deleteBeforeReplace: true };

    this.queues = mapRecord(
      topology.queues,
      (role, queue) =>
        new servicebus.Queue(role, { ...inNamespace, queueName: queue.name, ...queue.properties }, options),
    );
    this.topics = mapRecord(
      topology.topics,
      (role, topic) =>
        new servicebus.Topic(role, { ...inNamespace, topicName: topic.name, ...topic.properties }, options),
    );
    const subscriptions = Object.entries(topology.topics).flatMap(([topicRole, topic]) =>
      Object.entries(topic.subscriptions).map(
        ([role, part]) => [role, this.#makeSubscription(role, part, topicRole, inNamespace)] as const,
      ),
    );
    this.subscriptions = Object.fromEntries(subscriptions);
    this.fullyQualifiedNamespace = hostOf(this.namespace);
    this.registerOutputs({ namespaceName: this.namespace.name, fullyQualifiedNamespace: this.fullyQualifiedNamespace });
  }

  #makeNamespace(args: MessagingArgs): servicebus.Namespace {
    const { sku, capacity, zoneRedundant, publicNetworkAccess, namespaceName } = args;
    return new servicebus.Namespace(
      namePrefix(),
      {
        resourceGroupName: args.resourceGroupName,
        location: args.location,
        ...(namespaceName !== undefined && { namespaceName }),
        sku: { name: sku, tier: sku, ...(capacity !== undefined && { capacity }) },
        minimumTlsVersion: '1.2',
        disableLocalAuth: args.disableLocalAuth,
        // Other tiers have no such choice.
        ...(sku === 'Premium' && { zoneRedundant }),
        publicNetworkAccess,
        tags: args.tags,
      },
      { parent: this, protect: args.protect, ...(namespaceName !== undefined && { deleteBeforeReplace: true }) },
    );
  }

  #makeSubscription(
    role: string,
    { name, properties }: Entity,
    topicRole: string,
    inNamespace: { readonly resourceGroupName: pulumi.Input<string>; readonly namespaceName: pulumi.Input<string> },
  ): servicebus.Subscription {
    const topic = this.topics[topicRole];
    if (topic === undefined) throw new Error(`subscription ${role} has no topic ${topicRole}`);
    return new servicebus.Subscription(
      role,
      { ...inNamespace, topicName: topic.name, subscriptionName: name, ...properties },
      { parent: this, replaceOnChanges: FIXED_PROPERTIES, deleteBeforeReplace: true },
    );
  }
}

/** Azure takes 50 letters, digits and hyphens, and the provider's suffix has eight. */
const NAME_PREFIX_MAX = 42;

/** Begins the namespace's name, so that a host name says whose it is. */
function namePrefix(): string {
  const stack = pulumi.getStack().replace(/[^A-Za-z0-9]/g, '-');
  return `retrain-${stack}`.slice(0, NAME_PREFIX_MAX);
}

/** As Azure says it, because clouds have suffixes of their own. */
function hostOf(namespace: servicebus.Namespace): pulumi.Output<string> {
  return pulumi
    .all([namespace.name, namespace.serviceBusEndpoint])
    .apply(([name, endpoint]) => /^https:\/\/([^/:]+)/.exec(endpoint ?? '')?.[1] ?? `${name}.servicebus.windows.net`);
}

function mapRecord<A, B>(
  record: Readonly<Record<string, A>>,
  make: (key: string, value: A) => B,
): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(key, value)]));
}
