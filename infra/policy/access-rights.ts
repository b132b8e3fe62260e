import type { Policies, PolicyResource } from '@pulumi/policy';
import {
  AUTHORIZATION_RULES,
  IDENTITY,
  JOB,
  known,
  knownItems,
  knownText,
  NAMESPACE,
  ROLE_ASSIGNMENT,
} from './resources';

/** Roles that may manage a namespace, by their ids (learn.microsoft.com/azure/role-based-access-control/built-in-roles). */
const MANAGING_ROLES: Readonly<Record<string, string>> = {
  '090c5cfd-751d-490a-894a-3ce6f1109419': 'Azure Service Bus Data Owner',
  '8e3af657-a8ff-443c-a75c-2fe8c4bcb635': 'Owner',
  'b24988ac-6180-42a0-ab88-20f7382dd24c': 'Contributor',
};
const DEFAULT_SCALERS = ['scaler-identity'];

/** Producers and workers send and listen; nobody but the scale rule, which has to count messages, may manage the namespace. */
export const accessRights: Policies = [
  {
    name: 'no-manage-key',
    description: 'No authorization rule has the right Manage.',
    remediationSteps: "Give a producer's rule Send, and a worker's Listen and Send.",
    validateResource: ({ type, props }, violation) => {
      if (!AUTHORIZATION_RULES.includes(type)) return;
      const rights = known(props, 'rights');
      if (Array.isArray(rights) && rights.includes('Manage'))
        violation('The rule has the right Manage: its key could make, change and delete queues.');
    },
  },
  {
    name: 'no-managing-role',
    description: "Nobody but the scale rule's identity is given a role that may manage the namespace.",
    remediationSteps: 'Give Azure Service Bus Data Sender or Data Receiver on the queue instead.',
    configSchema: {
      properties: {
        scalerIdentities: {
          type: 'array',
          items: { type: 'string' },
          default: DEFAULT_SCALERS,
          description: 'Logical names of the identities that scale rules use',
        },
      },
    },
    validateStack: (args, violation) => {
      const { scalerIdentities = DEFAULT_SCALERS } = args.getConfig<{ scalerIdentities?: string[] }>();
      for (const assignment of args.resources.filter(({ type }) => type === ROLE_ASSIGNMENT)) {
        const role = MANAGING_ROLES[knownText(assignment.props, 'roleDefinitionId').split('/').at(-1) ?? ''];
        const principals = origins(assignment, 'principalId', IDENTITY);
        const scaler = principals.length > 0 && principals.every(({ name }) => scalerIdentities.includes(name));
        const onlyCounts = scaler && role === 'Azure Service Bus Data Owner' && isOnNamespace(assignment);
        if (role !== undefined && !onlyCounts)
          violation(
            `${assignment.name} gives the role ${role} to ${principals[0]?.name ?? 'a principal'}.`,
            assignment.urn,
          );
      }
    },
  },
  {
    name: 'scaler-out-of-reach',
    description: "The scale rule's identity is in none of the job's containers.",
    remediationSteps: "List it in configuration.identitySettings with lifecycle: 'None'.",
    validateResource: ({ type, props }, violation) => {
      if (type !== JOB) return;
      const configuration = known(props, 'configuration') as Record<string, unknown> | undefined;
      const settings = knownItems(configuration ?? {}, 'identitySettings');
      if (usesScaleIdentity(configuration) && !settings.some((setting) => known(setting, 'lifecycle') === 'None'))
        violation(
          'A container of the job can sign in as the identity of the scale rule, which may manage the namespace.',
        );
    },
  },
];

function origins({ propertyDependencies }: PolicyResource, property: string, type: string): PolicyResource[] {
  return (propertyDependencies[property] ?? []).filter((resource) => resource.type === type);
}

function isOnNamespace(assignment: PolicyResource): boolean {
  return origins(assignment, 'scope', NAMESPACE).length === 1;
}

function usesScaleIdentity(configuration: Record<string, unknown> | undefined): boolean {
  const trigger = known(configuration ?? {}, 'eventTriggerConfig') as Record<string, unknown> | undefined;
  const scale = known(trigger ?? {}, 'scale') as Record<string, unknown> | undefined;
  return knownItems(scale ?? {}, 'rules').some((rule) => 'identity' in rule);
}
