import type { StackValidationPolicy } from '@pulumi/policy';
import { onlyInProduction, PRODUCTION_SCHEMA, stackOf } from './production';
import { known, knownText, NAMESPACE, STACK, STORAGE_ACCOUNT } from './resources';

const DEFAULT_ROOT_KEY_STACKS = ['seed'];
const ROOT_KEY = 'SharedAccessKeyName=RootManageSharedAccessKey';

/** Who signs in, and with what. */
export const signIn: StackValidationPolicy[] = [
  {
    name: 'entra-only',
    description: 'In production namespace and storage account are entered by Microsoft Entra ID only.',
    remediationSteps: 'pulumi config set disableLocalAuth true',
    configSchema: PRODUCTION_SCHEMA,
    validateStack: (args, violation) => {
      onlyInProduction(args);
      for (const { type, props, name, urn } of args.resources) {
        if (type === NAMESPACE && known(props, 'disableLocalAuth') !== true)
          violation(`disableLocalAuth of ${name} has to be true.`, urn);
        if (type === STORAGE_ACCOUNT && known(props, 'allowSharedKeyAccess') !== false)
          violation(`allowSharedKeyAccess of ${name} has to be false.`, urn);
      }
    },
  },
  {
    name: 'root-key-stays',
    description: "No output has the root rule's key, which may do everything.",
    remediationSteps: 'pulumi config set primaryConnectionString worker',
    configSchema: {
      properties: {
        rootKeyStacks: {
          type: 'array',
          items: { type: 'string' },
          default: DEFAULT_ROOT_KEY_STACKS,
          description: 'Names of stacks that may have it, as the stack of the beginning does',
        },
      },
    },
    validateStack: (args, violation) => {
      const { rootKeyStacks = DEFAULT_ROOT_KEY_STACKS } = args.getConfig<{ rootKeyStacks?: string[] }>();
      if (rootKeyStacks.includes(stackOf(args)))
        args.notApplicable(`the stack ${stackOf(args)} may have the root rule's key`);
      for (const { props, urn } of args.resources.filter(({ type }) => type === STACK))
        for (const output of Object.keys(props))
          if (knownText(props, output).includes(ROOT_KEY))
            violation(`The output ${output} has the root rule's key.`, urn);
    },
  },
];
