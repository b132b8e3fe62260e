import * as authorization from '@pulumi/azure-native/authorization';
import * as pulumi from '@pulumi/pulumi';

/**
 * A lock against deletion of a resource and of all that belongs to it, queues, rules and role assignments included. Whoever makes one names
 * in `dependsOn` everything beneath the resource: so `pulumi destroy` takes the lock away first.
 */
export function lockResource(
  name: string,
  { scope }: { readonly scope: pulumi.Input<string> },
  opts: pulumi.CustomResourceOptions,
): authorization.ManagementLockByScope {
  return new authorization.ManagementLockByScope(
    name,
    {
      scope,
      level: 'CanNotDelete',
      notes: 'Its messages or data are gone with it: pulumi config set retrain:lock false, if they may be.',
    },
    opts,
  );
}
