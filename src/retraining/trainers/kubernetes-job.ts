import { createHash } from 'node:crypto';
import { z } from 'zod';
import { modelPath } from '../model-name.ts';
import type { TrainerRun } from './trainer.ts';

/** Of a Job's name: it becomes a label of its pods (RFC 1123 label). */
const NAME_MAX_LENGTH = 63;
/** A longer run id, or one that is no label, is written as so many hex digits of its SHA-256. */
const RUN_MAX_LENGTH = 24;
const RUN_HASH_LENGTH = 16;
const MODEL_HASH_LENGTH = 16;
/** Of a ConfigMap the API server takes 1 MiB. */
export const PLAN_MAX_BYTES = 1_000_000;

/** Where the plan is in the container. */
const PLAN_FOLDER = '/etc/retrain';
const PLAN_FILE = 'request.json';
const PLAN_VOLUME = 'retrain-plan';
/** The kubelet puts what is written there, 4,096 bytes at most, into the container's status. */
const TERMINATION_LOG = '/dev/termination-log';

/** On a Job's pods, so that they are found by a name that no release of Kubernetes changes. */
export const JOB_LABEL = 'retrain/job';

const containerSchema = z.looseObject({
  name: z.string().min(1),
  env: z.array(z.looseObject({ name: z.string() })).optional(),
  volumeMounts: z.array(z.looseObject({})).optional(),
  terminationMessagePath: z.string().optional(),
});

const metadataSchema = z.looseObject({
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** What of a template this needs to understand; the API server checks the rest. */
export const jobTemplateSchema = z.looseObject({
  apiVersion: z.literal('batch/v1').optional(),
  kind: z.literal('Job').optional(),
  metadata: metadataSchema.optional(),
  spec: z.looseObject({
    parallelism: z.literal(1).optional(),
    completions: z.literal(1).optional(),
    activeDeadlineSeconds: z.number().positive().optional(),
    template: z.looseObject({
      metadata: metadataSchema.optional(),
      spec: z.looseObject({
        containers: z.array(containerSchema).min(1),
        volumes: z.array(z.looseObject({})).optional(),
        terminationGracePeriodSeconds: z.number().nonnegative().optional(),
        restartPolicy: z.literal('Never').optional(),
      }),
    }),
  }),
});
export type JobTemplate = z.output<typeof jobTemplateSchema>;

/**
 * The name of a run's Job: `retrain-<slug of the model>-<hash of the model>-<run>`, at most 63 of `a-z 0-9 -`. It is made of
 * model and run id only, so that every worker finds the Job of a run.
 */
export function jobName({ plan }: Pick<TrainerRun, 'plan'>): string {
  const { runId } = plan;
  const isLabel = runId.length <= RUN_MAX_LENGTH && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(runId);
  const run = isLabel ? runId : createHash('sha256').update(runId).digest('hex').slice(0, RUN_HASH_LENGTH);
  const path = modelPath(plan.model.name);
  const hash = path.slice(-MODEL_HASH_LENGTH);
  const room = NAME_MAX_LENGTH - 'retrain-'.length - MODEL_HASH_LENGTH - run.length - 2;
  const slug = path
    .slice(0, -MODEL_HASH_LENGTH - 1)
    .slice(0, room)
    .replace(/-+$/, '');
  return `retrain-${slug}-${hash}-${run}`;
}

export interface JobOptions {
  readonly run: TrainerRun;
  readonly namespace: string;
  /** The container that trains; the first when absent. */
  readonly container?: string | undefined;
  readonly graceMs: number;
  readonly maxRunMs: number;
  /** How long the Job is kept when it has ended. */
  readonly keepFinishedMs: number;
}

/** The container of a template that trains; undefined when it has none of that name. */
export function trainingContainer(
  { spec }: JobTemplate,
  name?: string,
): JobTemplate['spec']['template']['spec']['containers'][number] | undefined {
  const { containers } = spec.template.spec;
  return name === undefined ? containers[0] : containers.find((container) => container.name === name);
}

/** The Job of a run, out of the template: one pod, started once, with the plan and the trainer contract's variables. */
export function jobManifest(template: JobTemplate, options: JobOptions): Record<string, unknown> {
  const { run, namespace, graceMs, maxRunMs, keepFinishedMs } = options;
  const name = jobName(run);
  const { metadata, spec } = template;
  const { template: pod } = spec;
  const labels = { 'app.kubernetes.io/managed-by': 'retrain', 'retrain/model': modelPath(run.plan.model.name) };
  const trains = trainingContainer(template, options.container);
  const deadline = Math.ceil(maxRunMs / 1000);
  return {
    ...template,
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...metadata,
      name,
      namespace,
      labels: { ...metadata?.labels, ...labels },
      annotations: { ...metadata?.annotations, ...annotationsOf(run) },
    },
    spec: {
      ...spec,
      // The worker decides about another attempt: it knows the exit codes, and gives the next one another name and epoch.
      backoffLimit: 0,
      parallelism: 1,
      completions: 1,
      activeDeadlineSeconds: Math.min(spec.activeDeadlineSeconds ?? deadline, deadline),
      ttlSecondsAfterFinished: Math.ceil(keepFinishedMs / 1000),
      template: {
        ...pod,
        metadata: { ...pod.metadata, labels: { ...pod.metadata?.labels, ...labels, [JOB_LABEL]: name } },
        spec: {
          terminationGracePeriodSeconds: Math.ceil(graceMs / 1000),
          ...pod.spec,
          restartPolicy: 'Never',
          volumes: [...(pod.spec.volumes ?? []), { name: PLAN_VOLUME, configMap: { name } }],
          containers: pod.spec.containers.map((container) =>
            container === trains ? withPlan(container, run) : container,
          ),
        },
      },
    },
  };
}

/** The plan, owned by the Job: it goes when the Job goes. */
export function planConfigMap(
  run: TrainerRun,
  { namespace, jobUid }: { namespace: string; jobUid: string },
): Record<string, unknown> {
  const name = jobName(run);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'retrain' },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid: jobUid }],
    },
    immutable: true,
    data: { [PLAN_FILE]: JSON.stringify(run.plan, undefined, 2) },
  };
}

function withPlan(container: z.output<typeof containerSchema>, run: TrainerRun): Record<string, unknown> {
  const { plan, planKey, traceparent, tracestate } = run;
  const terminationMessagePath = container.terminationMessagePath ?? TERMINATION_LOG;
  const variables: Record<string, string> = {
    RETRAIN_REQUEST: `${PLAN_FOLDER}/${PLAN_FILE}`,
    RETRAIN_RESULT: terminationMessagePath,
    RETRAIN_MODEL: plan.model.name,
    RETRAIN_RUN_ID: plan.runId,
    RETRAIN_EPOCH: String(plan.epoch),
    RETRAIN_PLAN_KEY: planKey,
    ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
    ...(tracestate !== undefined && { TRACESTATE: tracestate }),
  };
  const ours = Object.entries(variables).map(([name, value]) => ({ name, value }));
  return {
    ...container,
    terminationMessagePath,
    // First, so that the template's own may refer to them, as in $(RETRAIN_RUN_ID).
    env: [...ours, ...(container.env ?? []).filter(({ name }) => !(name in variables))],
    volumeMounts: [...(container.volumeMounts ?? []), { name: PLAN_VOLUME, mountPath: PLAN_FOLDER, readOnly: true }],
  };
}

function annotationsOf({ plan, planKey }: TrainerRun): Record<string, string> {
  return {
    'retrain/model': plan.model.name,
    'retrain/run-id': plan.runId,
    'retrain/epoch': String(plan.epoch),
    'retrain/plan-key': planKey,
  };
}
