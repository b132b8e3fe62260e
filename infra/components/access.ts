import * as servicebus from '@pulumi/azure-native/servicebus';
import * as pulumi from '@pulumi/pulumi';
import type { Messaging } from './messaging';
import { assignRole, type RoleAssignmentArgs, type ROLES } from './role-assignment';

/** The rule that Azure makes with every namespace: it may do everything, Manage included. */
const ROOT_RULE = 'RootManageSharedAccessKey';

export interface AccessArgs {
  readonly resourceGroupName: pulumi.Input<string>;
  readonly messaging: Messaging;
  /** Microsoft Entra ID only: neither rules nor connection strings. */
  readonly disableLocalAuth: boolean;
  /** Rules of producers and workers are made; the queue of the beginning has the root's only. */
  readonly rules: boolean;
  /** Whose connection string is the primary one. */
  readonly primary: 'none' | 'worker' | 'root';
  readonly producerPrincipalIds: readonly string[];
  readonly workerPrincipalIds: readonly string[];
}

/** What each of them may do, and where: entities by role in the topology. Nobody may manage the namespace. */
const MAY = {
  producer: [{ on: 'requests', role: 'serviceBusDataSender' }],
  worker: [
    { on: 'requests', role: 'serviceBusDataReceiver' },
    // Postponed requests go back to their queue.
    { on: 'requests', role: 'serviceBusDataSender' },
    { on: 'intake', role: 'serviceBusDataReceiver' },
    // Subscriptions have no roles of their own: the topic's are theirs.
    { on: 'outcomes', role: 'serviceBusDataReceiver' },
    { on: 'outcomes', role: 'serviceBusDataSender' },
  ],
} as const satisfies Record<string, readonly { on: string; role: keyof typeof ROLES }[]>;

/**
 * Who may send requests and who may receive them: by keys, one rule for each, or by roles of Microsoft Entra ID.
 *
 * A worker's rule is the namespace's, because one connection string opens queue, intake queue and topic; a producer's is its queue's.
 */
export class Access extends pulumi.ComponentResource {
  /** Secrets; absent where the arguments ask for none. */
  readonly connectionStrings: {
    readonly primary?: pulumi.Output<string>;
    readonly producer?: pulumi.Output<string>;
    readonly worker?: pulumi.Output<string>;
  };

  constructor(name: string, args: AccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Access', name, {}, opts);
    this.#assignRoles(args);
    this.connectionStrings = args.disableLocalAuth ? {} : this.#makeRules(args);
    this.registerOutputs({});
  }

  /** A principal that is producer and worker has each role once: Azure refuses the same assignment twice. */
  #assignRoles({ messaging, producerPrincipalIds, workerPrincipalIds }: AccessArgs): void {
    const assignments = new Map<string, RoleAssignmentArgs>();
    for (const [kind, principals] of [
      ['producer', producerPrincipalIds] as const,
      ['worker', workerPrincipalIds] as const,
    ]) {
      for (const principalId of principals.map((id) => id.toLowerCase())) {
        for (const { on, role } of MAY[kind]) {
          const entity = messaging.queues[on] ?? messaging.topics[on];
          if (entity === undefined) continue;
          const what = role === 'serviceBusDataSender' ? 'sender' : 'receiver';
          assignments.set(`${on}-${what}-${principalId}`, { scope: entity.id, role, principalId });
        }
      }
    }
    for (const [name, assignment] of assignments) assignRole(name, assignment, { parent: this });
  }

  #makeRules({ resourceGroupName, messaging, rules, primary }: AccessArgs): Access['connectionStrings'] {
    const namespaceName = messaging.namespace.name;
    const worker = rules ? this.#workerRule({ resourceGroupName, messaging }) : undefined;
    const producer = rules ? this.#producerRule({ resourceGroupName, messaging }) : undefined;
    const root =
      primary === 'root'
        ? connectionString(
            servicebus.listNamespaceKeysOutput({ resourceGroupName, namespaceName, authorizationRuleName: ROOT_RULE }),
          )
        : undefined;
    const first = primary === 'worker' ? worker : root;
    return { ...(first && { primary: first }), ...(producer && { producer }), ...(worker && { worker }) };
  }

  #workerRule({
    resourceGroupName,
    messaging,
  }: Pick<AccessArgs, 'resourceGroupName' | 'messaging'>): pulumi.Output<string> {
    const namespaceName = messaging.namespace.name;
    const rule = new servicebus.NamespaceAuthorizationRule(
      'worker',
      { resourceGroupName, namespaceName, authorizationRuleName: 'worker', rights: ['Listen', 'Send'] },
      { parent: this },
    );
    return connectionString(
      servicebus.listNamespaceKeysOutput({ resourceGroupName, namespaceName, authorizationRuleName: rule.name }),
    );
  }

  #producerRule({
    resourceGroupName,
    messaging,
  }: Pick<AccessArgs, 'resourceGroupName' | 'messaging'>): pulumi.Output<string> {
    const queue = messaging.queues['requests'];
    if (queue === undefined) throw new Error('the topology has no queue of the role requests');
    const at = { resourceGroupName, namespaceName: messaging.namespace.name, queueName: queue.name };
    const rule = new servicebus.QueueAuthorizationRule(
      'producer',
      { ...at, authorizationRuleName: 'producer', rights: ['Send'] },
      { parent: this },
    );
    return connectionString(servicebus.listQueueKeysOutput({ ...at, authorizationRuleName: rule.name }));
  }
}

/** Azure's answer is no secret by itself. */
function connectionString(keys: pulumi.Output<{ readonly primaryConnectionString: string }>): pulumi.Output<string> {
  return pulumi.secret(keys.primaryConnectionString);
}
