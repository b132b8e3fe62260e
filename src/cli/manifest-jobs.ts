import { allModels, clusterTrainers } from './manifest-checks.ts';
import type { KubernetesObject, Manifest } from './manifest-object.ts';
import { configurationAnnotation, labelsOf, podTemplate } from './manifest-pod.ts';
import type { PodPart } from './manifest-pod.ts';
import { SCALER_KEY } from './manifest-settings.ts';
import type { ManifestSettings } from './manifest-settings.ts';
import { knownHere } from './manifest-source.ts';

/** What a run may take when its model does not say it, seconds (docs/configuration.md, maxRuntime). */
const DEFAULT_MAX_RUNTIME_S = 86_400;
/**
 * For so long a job of the worker accepts models, one after the other, so that the last of them has the time of its longest run, too.
 * The margin below is beyond it, because the worker's time begins when its container runs. Minutes.
 */
const ACCEPT_FOR_MIN = 10;
/** Beyond that, the longest run and the grace period: for a node, the image, the champion's and the result's files. Seconds. */
const DEADLINE_MARGIN_S = 1_800;
/** Beyond the trainer's grace period: for what the worker does after it, sessions and connection. Seconds. */
const GRACE_MARGIN_S = 30;
/** An intake stops within 10 seconds. */
const INTAKE_GRACE_S = 30;
/** Events that a full queue does not take are held for so long, and then given back. Seconds. */
const INTAKE_DEADLINE_S = 3_600;
/** Jobs of the intake: one takes four events at a time, and what waits when it looks again. */
const INTAKE_REPLICAS = 4;
/** Waiting events for which there is one more. */
const INTAKE_EVENTS_PER_JOB = 100;
/** Finished Jobs that are kept, for their logs. */
const JOBS_KEPT = 5;

export function workerGraceS({ source }: ManifestSettings): number {
  return Math.ceil(source.configuration.worker.grace / 1_000) + GRACE_MARGIN_S;
}

/** How KEDA signs in to look into the queues. */
export function triggerAuthentication(settings: ManifestSettings): Manifest {
  const { scaler } = settings;
  const object = namespaced(settings, {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'TriggerAuthentication',
    metadata: { name: authenticationName(settings), labels: labelsOf(settings.name, 'scaler') },
    spec:
      scaler.by === 'workload-identity'
        ? {
            podIdentity: {
              provider: 'azure-workload',
              ...(scaler.identityId !== undefined && { identityId: scaler.identityId }),
            },
          }
        : { secretTargetRef: [{ parameter: 'connection', name: scaler.secret, key: SCALER_KEY }] },
  });
  const comment =
    scaler.by === 'workload-identity'
      ? `KEDA reads the queues' counts by an identity of its own${scaler.identityId === undefined ? ", that of KEDA's operator" : ''}: it needs the role
Azure Service Bus Data Owner on the namespace. No pod of retrain gets that identity.`
      : `KEDA reads the queues' counts through the admin API, which asks for a key with the right to manage. It is a key of the Secret that no
container gets: the worker's own needs no more than Listen and Send.`;
  return { object, comment };
}

/** The worker in job mode. */
export function workerJob(settings: ManifestSettings): Manifest {
  const { configuration } = settings.source;
  const runtimesS = allModels(configuration).map(({ maxRuntime }) =>
    maxRuntime === undefined ? DEFAULT_MAX_RUNTIME_S : Math.ceil(maxRuntime / 1_000),
  );
  const graceS = workerGraceS(settings);
  const object = scaledJob(settings, 'worker', {
    queue: knownHere(configuration.queues.requests, 'queues.requests'),
    messagesPerJob: 1,
    maxReplicas: settings.maxReplicas,
    deadlineS: ACCEPT_FOR_MIN * 60 + Math.max(...runtimesS) + graceS + DEADLINE_MARGIN_S,
    pod: {
      containers: [
        {
          name: 'worker',
          args: ['worker', '--once', '--accept-for', `${ACCEPT_FOR_MIN}m`, '--json'],
          resources: { cpu: settings.cpu, memory: settings.memory },
        },
      ],
      graceS,
      restartPolicy: 'Never',
      asksCluster: clusterTrainers(configuration).length > 0,
    },
  });
  return {
    object,
    comment: `The worker: jobs that take what waits, and end. KEDA counts messages, not sessions, and a message counts until its run is over; a model's
requests are one session, which one worker has at a time. So the count is an upper bound for the jobs that find work: those
that are too many leave at once, and are started again at each polling while the messages are there.`,
    remarks: [
      {
        path: ['spec', 'jobTargetRef', 'backoffLimit'],
        text: 'No retries by the platform: the queue delivers again, and the ledger knows what was done.',
      },
      {
        path: ['spec', 'jobTargetRef', 'activeDeadlineSeconds'],
        text: `The time to accept (--accept-for ${ACCEPT_FOR_MIN}m), the longest maxRuntime (${Math.max(...runtimesS)} s), the grace period, and ${DEADLINE_MARGIN_S} s for node, image and
files: also the last of several models that a job trains one after the other has the time it needs.`,
      },
      { path: ['spec', 'maxReplicaCount'], text: 'More than there are models never finds work.' },
      { path: ['spec', 'rollout'], text: 'gradual: a change does not end jobs that are running.' },
      {
        path: ['spec', 'scalingStrategy'],
        text: 'default takes running jobs away from the count: their messages are still in the queue, under locks.',
      },
      {
        path: ['spec', 'jobTargetRef', 'template', 'spec', 'terminationGracePeriodSeconds'],
        text: "More than the trainers' grace period (worker.grace).",
      },
    ],
  };
}

/** The intake in job mode. */
export function intakeJob(settings: ManifestSettings): Manifest {
  const object = scaledJob(settings, 'intake', {
    queue: knownHere(settings.source.configuration.queues.intake, 'queues.intake'),
    messagesPerJob: INTAKE_EVENTS_PER_JOB,
    maxReplicas: INTAKE_REPLICAS,
    deadlineS: INTAKE_DEADLINE_S,
    pod: {
      containers: [
        { name: 'intake', args: ['intake', '--once', '--json'], resources: { cpu: '100m', memory: '256Mi' } },
      ],
      graceS: INTAKE_GRACE_S,
      restartPolicy: 'Never',
      asksCluster: false,
    },
  });
  return { object, comment: 'The intake: jobs that turn the events that wait into requests, and end.' };
}

interface JobPart {
  readonly queue: string;
  readonly messagesPerJob: number;
  readonly maxReplicas: number;
  readonly deadlineS: number;
  readonly pod: PodPart;
}

function scaledJob(
  settings: ManifestSettings,
  component: string,
  { queue, messagesPerJob, maxReplicas, deadlineS, pod }: JobPart,
): KubernetesObject {
  const { name, serviceBus, pollingIntervalS } = settings;
  return namespaced(settings, {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledJob',
    metadata: {
      name: `${name}-${component}`,
      labels: labelsOf(name, component),
      annotations: configurationAnnotation(settings),
    },
    spec: {
      jobTargetRef: {
        parallelism: 1,
        completions: 1,
        backoffLimit: 0,
        activeDeadlineSeconds: deadlineS,
        template: podTemplate(settings, component, pod),
      },
      pollingInterval: pollingIntervalS,
      successfulJobsHistoryLimit: JOBS_KEPT,
      failedJobsHistoryLimit: JOBS_KEPT,
      maxReplicaCount: maxReplicas,
      rollout: { strategy: 'gradual' },
      scalingStrategy: { strategy: 'default' },
      triggers: [
        {
          type: 'azure-servicebus',
          metadata: {
            queueName: queue,
            ...(serviceBus && { namespace: serviceBus.namespace }),
            ...(serviceBus?.endpointSuffix !== undefined && {
              cloud: 'Private',
              endpointSuffix: serviceBus.endpointSuffix,
            }),
            messageCount: String(messagesPerJob),
          },
          authenticationRef: { name: authenticationName(settings) },
        },
      ],
    },
  });
}

function authenticationName({ name }: ManifestSettings): string {
  return `${name}-service-bus`;
}

/** Puts an object into the namespace, when there is to be one. */
export function namespaced({ namespace }: ManifestSettings, object: KubernetesObject): KubernetesObject {
  if (namespace === undefined) return object;
  const { name, ...rest } = object.metadata;
  return { ...object, metadata: { name, namespace, ...rest } };
}
