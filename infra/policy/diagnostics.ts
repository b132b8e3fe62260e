import type { StackValidationPolicy } from '@pulumi/policy';
import { onlyInProduction, PRODUCTION_SCHEMA } from './production';
import { DIAGNOSTIC_SETTING, known, knownItems, NAMESPACE } from './resources';

/** What happened can be looked up. */
export const diagnostics: StackValidationPolicy[] = [
  {
    name: 'diagnostics',
    description: 'In production the logs of every namespace are kept.',
    remediationSteps: 'pulumi config set diagnostics true',
    configSchema: PRODUCTION_SCHEMA,
    validateStack: (args, violation) => {
      onlyInProduction(args);
      const settings = args.resources
        .filter(({ type }) => type === DIAGNOSTIC_SETTING)
        .filter(({ props }) => knownItems(props, 'logs').some((log) => known(log, 'enabled') === true));
      for (const { urn, name } of args.resources.filter(({ type }) => type === NAMESPACE)) {
        const kept = settings.some(({ propertyDependencies }) =>
          propertyDependencies['resourceUri']?.some((from) => from.urn === urn),
        );
        if (!kept) violation(`No diagnostic setting keeps the logs of ${name}.`, urn);
      }
    },
  },
];
