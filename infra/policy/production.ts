import type { PolicyConfigSchema, StackValidationArgs } from '@pulumi/policy';
import { knownObject, knownText, type Properties } from './resources';

const DEFAULT_STACKS = ['prod', 'premium'];

/** Of every policy that asks more of production. */
export const PRODUCTION_SCHEMA: PolicyConfigSchema = {
  properties: {
    productionStacks: {
      type: 'array',
      items: { type: 'string' },
      default: DEFAULT_STACKS,
      description:
        'Names of stacks for production; others are when they, or a resource of theirs, have the tag environment: production',
    },
  },
};

/** Ends a policy as not applicable unless the stack is for production: by its name, by its own tag, or by a tag of one of its resources. */
export function onlyInProduction(args: StackValidationArgs): void {
  const { productionStacks = DEFAULT_STACKS } = args.getConfig<{ productionStacks?: string[] }>();
  const stack = stackOf(args);
  const tagged = args.resources.some(({ props }) => isForProduction(knownObject(props, 'tags')));
  if (productionStacks.includes(stack) || args.stackTags.get('environment') === 'production' || tagged) return;
  args.notApplicable(
    `the stack ${stack} is not for production: it is none of ${productionStacks.join(', ')} and has no tag environment: production`,
  );
}

/** Names of tags have no case on Azure. */
function isForProduction(tags: Properties): boolean {
  return Object.keys(tags).some(
    (name) => name.toLowerCase() === 'environment' && knownText(tags, name).toLowerCase() === 'production',
  );
}

/** As the URNs of its resources have it: urn:pulumi:STACK::PROJECT::TYPES::NAME. */
export function stackOf({ resources }: StackValidationArgs): string {
  return resources[0]?.urn.split(':')[2] ?? '';
}
