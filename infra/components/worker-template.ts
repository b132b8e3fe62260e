import type { app as inputs } from '@pulumi/azure-native/types/input';
import * as pulumi from '@pulumi/pulumi';
import type { WorkerSettings } from '../settings/settings';

/** Where retrain.yaml is in a container, whether the image has it or the job. */
const CONFIGURATION_FOLDER = '/etc/retrain';
const CONFIGURATION_FILE = 'retrain.yaml';
const CONFIGURATION_SECRET = 'retrain-yaml';
/**
 * Folder for what a worker writes while it runs: folders of runs, the local log of outcomes. It goes with the container; what
 * has to survive is in the queue and in the registry.
 */
const STATE_FOLDER = '/var/lib/retrain';

/** Resource ids of the identities of a job. */
interface Identities {
  /** Of the container, which also pulls its image. */
  readonly worker: pulumi.Input<string>;
  /** Of the scale rule. */
  readonly scaler: pulumi.Input<string>;
}

export interface JobConfigurationParts {
  readonly worker: WorkerSettings;
  readonly namespaceName: pulumi.Input<string>;
  /** Queue whose messages start executions. */
  readonly queue: string;
  /** Active messages for each execution. */
  readonly messagesEach: number;
  readonly maxExecutions: number;
  /** Seconds after which the platform ends a replica. */
  readonly timeoutSeconds: number;
  readonly identities: Identities;
}

/**
 * When executions start, and what they may. The scaler's identity belongs to the job, as the platform wants it, but is
 * available in none of its containers: what a trainer runs as cannot read or purge the whole namespace.
 */
export function jobConfiguration(parts: JobConfigurationParts): inputs.JobConfigurationArgs {
  const { worker, namespaceName, queue, messagesEach, maxExecutions, timeoutSeconds, identities } = parts;
  const { image, imageRegistryId, configuration, pollingIntervalSeconds } = worker;
  return {
    triggerType: 'Event',
    replicaTimeout: timeoutSeconds,
    replicaRetryLimit: 0,
    eventTriggerConfig: {
      parallelism: 1,
      replicaCompletionCount: 1,
      scale: {
        minExecutions: 0,
        maxExecutions,
        pollingInterval: pollingIntervalSeconds,
        rules: [
          {
            name: 'waiting-messages',
            type: 'azure-servicebus',
            metadata: { namespace: namespaceName, queueName: queue, messageCount: String(messagesEach) },
            identity: identities.scaler,
          },
        ],
      },
    },
    identitySettings: [
      { identity: identities.worker, lifecycle: 'All' },
      { identity: identities.scaler, lifecycle: 'None' },
    ],
    ...(imageRegistryId !== undefined && {
      registries: [{ server: registryServer(image), identity: identities.worker }],
    }),
    ...(configuration !== undefined && {
      secrets: [{ name: CONFIGURATION_SECRET, value: pulumi.secret(configuration) }],
    }),
  };
}

export interface JobTemplateParts {
  /** Of retrain, run once. */
  readonly command: 'worker' | 'intake';
  /** Of that command alone. */
  readonly flags: readonly string[];
  readonly image: string;
  /** Whether the job has a retrain.yaml of its own. */
  readonly configured: boolean;
  readonly size: { readonly cpu: number; readonly memory: string };
  /** Variables; those that are undefined are left out. */
  readonly environment: Readonly<Record<string, pulumi.Input<string> | undefined>>;
}

/** What an execution runs: the arguments follow the image's entry point, which is `retrain`. */
export function jobTemplate({
  command,
  flags,
  image,
  configured,
  size,
  environment,
}: JobTemplateParts): inputs.JobTemplateArgs {
  const env = { ...environment, RETRAIN_STATE: STATE_FOLDER };
  return {
    containers: [
      {
        name: command,
        image,
        args: [command, '--once', ...flags, '--json', '--config', `${CONFIGURATION_FOLDER}/${CONFIGURATION_FILE}`],
        resources: { cpu: size.cpu, memory: size.memory },
        env: Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
        volumeMounts: [
          { volumeName: 'state', mountPath: STATE_FOLDER },
          ...(configured ? [{ volumeName: 'configuration', mountPath: CONFIGURATION_FOLDER }] : []),
        ],
      },
    ],
    volumes: [
      { name: 'state', storageType: 'EmptyDir' },
      ...(configured
        ? [
            {
              name: 'configuration',
              storageType: 'Secret',
              secrets: [{ secretRef: CONFIGURATION_SECRET, path: CONFIGURATION_FILE }],
            },
          ]
        : []),
    ],
  };
}

/** As myregistry.azurecr.io of myregistry.azurecr.io/retrain-worker:1. */
function registryServer(image: string): string {
  const [server = image] = image.split('/');
  return server;
}
