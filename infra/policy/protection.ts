import type { StackValidationPolicy } from '@pulumi/policy';
import { onlyInProduction, PRODUCTION_SCHEMA } from './production';
import { NAMESPACE, QUEUE, TOPIC } from './resources';

/** Messages go with what they are in. */
export const protection: StackValidationPolicy[] = [
  {
    name: 'messages-protected',
    description:
      'In production namespace, queues and topics cannot be deleted or replaced, and their messages with them.',
    remediationSteps: 'pulumi config set protect true',
    configSchema: PRODUCTION_SCHEMA,
    validateStack: (args, violation) => {
      onlyInProduction(args);
      for (const { type, name, urn, opts } of args.resources)
        if ([NAMESPACE, QUEUE, TOPIC].includes(type) && !opts.protect) violation(`${name} is not protected.`, urn);
    },
  },
];
