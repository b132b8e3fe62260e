import { RetrainError } from '../errors.ts';
import type { StackOutputs } from './deploy-automation.ts';
import type { Profile } from './profile.ts';

/** What is shown in the place of a secret. */
const HIDDEN = '[secret]';

/** The outputs by name; secrets only when they were asked for. */
export function shownOutputs(
  outputs: StackOutputs,
  { showSecrets = false }: { showSecrets?: boolean } = {},
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { value, secret }]) => [name, secret && !showSecrets ? HIDDEN : value]),
  );
}

/**
 * The connection profile that a stack's outputs make (infra/README.md has them). Where no rule was made for worker and producer,
 * both use the primary one, and where there is none at all, Entra ID.
 *
 * @throws RetrainError `DEPLOY_FAILED` when the outputs are those of another program
 */
export function profileOf(stack: string, outputs: StackOutputs): Profile {
  const text = (name: string): string | undefined => {
    const value = outputs[name]?.value;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const needed = (name: string): string => {
    const value = text(name);
    if (value !== undefined) return value;
    throw new RetrainError(
      'DEPLOY_FAILED',
      `stack ${stack} has no output ${name}, so there is nothing to connect to: bring it up with the program of this release`,
    );
  };
  const primary = text('primary_connection_string');
  const worker = text('worker_connection_string') ?? primary;
  const producer = text('producer_connection_string') ?? primary;
  const [intake, topic] = [text('intake_queue_name'), text('outcome_topic_name')];
  const [statusSubscription, notifySubscription] = [text('status_subscription_name'), text('notify_subscription_name')];
  const registryContainerUrl = text('registry_container_url');
  return {
    version: 1,
    stack,
    fullyQualifiedNamespace: text('fully_qualified_namespace') ?? `${needed('namespace_name')}.servicebus.windows.net`,
    ...(worker !== undefined && producer !== undefined && { connectionStrings: { worker, producer } }),
    queues: {
      requests: needed('queue_name'),
      sessions: outputs['sessions']?.value === true,
      ...(intake !== undefined && { intake }),
    },
    ...(topic !== undefined &&
      statusSubscription !== undefined &&
      notifySubscription !== undefined && { outcomes: { topic, statusSubscription, notifySubscription } }),
    ...(registryContainerUrl !== undefined && { registryContainerUrl }),
  };
}
