import type { Policies, PolicyResource } from '@pulumi/policy';
import {
  AUTHORIZATION_RULES,
  IDENTITY,
  JOB,
  known,
  knownItems,
  knownObject,
  knownText,
  NAMESPACE,
  type Properties,
  ROLE_ASSIGNMENT,
} from './resources';

/** Roles that may manage a namespace, or give a role that may, by their ids (learn.microsoft.com/azure/role-based-access-control/built-in-roles). */
const MANAGING_ROLES: Readonly<Record<string, string>> = {
  '090c5cfd-751d-490a-894a-3ce6f1109419': 'Azure Service Bus Data Owner',
  '8e3af657-a8ff-443c-a75c-2fe8c4bcb635': 'Owner',
  'b24988ac-6180-42a0-ab88-20f7382dd24c': 'Contributor',
  '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9': 'User Access Administrator',
  'f58310d9-a9f6-439a-9e8d-f62e7b41a168': 'Role Based Access Control Administrator',
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
        const id = knownText(assignment.props, 'roleDefinitionId').toLowerCase();
        const role = MANAGING_ROLES[id.split('/').at(-1) ?? ''];
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
      const configuration = knownObject(props, 'configuration');
      const settings = knownItems(configuration, 'identitySettings');
      if (scaleIdentities(configuration).some((identity) => !isInNoContainer(identity, settings)))
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

/** Of each scale rule that signs in with one; undefined before it is made. */
function scaleIdentities(configuration: Properties): (string | undefined)[] {
  const scale = knownObject(knownObject(configuration, 'eventTriggerConfig'), 'scale');
  return knownItems(scale, 'rules')
    .filter((rule) => 'identity' in rule)
    .map((rule) => knownText(rule, 'identity').toLowerCase() || undefined);
}

/** Before it is known which identity is which, one that is in no container may be the one. */
function isInNoContainer(identity: string | undefined, settings: readonly Properties[]): boolean {
  const isKept = (setting: Properties): boolean => known(setting, 'lifecycle') === 'None';
  if (identity === undefined) return settings.some(isKept);
  const own = settings.filter((setting) => knownText(setting, 'identity').toLowerCase() === identity);
  return own.length > 0 && own.every(isKept);
}
