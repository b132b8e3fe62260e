import type { PolicyResource, StackValidationPolicy } from '@pulumi/policy';
import { onlyInProduction, PRODUCTION_SCHEMA } from './production';
import { known, knownItems, knownObject, METRIC_ALERT, NAMESPACE } from './resources';

/** The metric of Microsoft.ServiceBus/namespaces that counts dead letters. */
const DEAD_LETTERS = 'DeadletteredMessages';

/** Somebody is told. */
export const alerts: StackValidationPolicy[] = [
  {
    name: 'dead-letter-alert',
    description: 'In production an alert watches the dead-letter queues of every namespace.',
    remediationSteps: 'pulumi config set alerts true',
    configSchema: PRODUCTION_SCHEMA,
    validateStack: (args, violation) => {
      onlyInProduction(args);
      const watching = args.resources.filter(countsDeadLetters);
      for (const { urn, name } of args.resources.filter(({ type }) => type === NAMESPACE)) {
        const watched = watching.some(({ propertyDependencies }) =>
          propertyDependencies['scopes']?.some((scope) => scope.urn === urn),
        );
        if (!watched) violation(`No alert that is enabled watches ${DEAD_LETTERS} of ${name}.`, urn);
      }
    },
  },
];

function countsDeadLetters({ type, props }: PolicyResource): boolean {
  if (type !== METRIC_ALERT || known(props, 'enabled') === false) return false;
  return knownItems(knownObject(props, 'criteria'), 'allOf').some(({ metricName }) => metricName === DEAD_LETTERS);
}
