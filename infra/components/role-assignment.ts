import * as authorization from '@pulumi/azure-native/authorization';
import * as pulumi from '@pulumi/pulumi';

/** Built-in roles of Azure by what this program calls them (learn.microsoft.com/azure/role-based-access-control/built-in-roles). */
export const ROLES = {
  /** Azure Service Bus Data Owner. */
  serviceBusDataOwner: '090c5cfd-751d-490a-894a-3ce6f1109419',
  /** Azure Service Bus Data Receiver. */
  serviceBusDataReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0',
  /** Azure Service Bus Data Sender. */
  serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39',
  /** Storage Blob Data Contributor. */
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  /** Storage Blob Data Reader. */
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
  /** AcrPull. */
  containerRegistryPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
} as const;

export interface RoleAssignmentArgs {
  /** Resource id of what the role is for. */
  readonly scope: pulumi.Input<string>;
  readonly role: keyof typeof ROLES;
  readonly principalId: pulumi.Input<string>;
  /**
   * `ServicePrincipal` for an identity that the same program makes: Azure then does not look it up, which fails until it is known everywhere.
   * Left out for an id that somebody set, which may be a user's or a group's as well.
   */
  readonly principalType?: 'ServicePrincipal';
}

/** Gives a principal a role on one resource. The assignment's name, a GUID, is drawn by the provider and kept. */
export function assignRole(
  name: string,
  { scope, role, principalId, principalType }: RoleAssignmentArgs,
  opts: pulumi.CustomResourceOptions,
): authorization.RoleAssignment {
  const args = { scope, roleDefinitionId: roleDefinitionId(scope, role), principalId };
  return principalType === undefined
    ? new authorization.RoleAssignment(name, args, { ...opts, transformations: [leaveTypeToAzure] })
    : new authorization.RoleAssignment(name, { ...args, principalType }, opts);
}

/** The SDK puts User where no type is given, and Azure then refuses groups and identities (UnmatchedPrincipalType). */
const leaveTypeToAzure: pulumi.ResourceTransformation = ({ props, opts }) => ({
  props: { ...(props as object), principalType: undefined },
  opts,
});

/** Built-in roles are addressed in the subscription of what they are for. */
function roleDefinitionId(scope: pulumi.Input<string>, role: keyof typeof ROLES): pulumi.Output<string> {
  return pulumi.output(scope).apply((id) => {
    const subscription = /^\/subscriptions\/[^/]+/i.exec(id)?.[0] ?? '';
    return `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${ROLES[role]}`;
  });
}
