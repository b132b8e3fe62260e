import { z } from 'zod';
import { describeExit, meaningOf } from './exit-code.ts';
import type { TrainerExit } from './exit-code.ts';
import type { Look } from './remote-run.ts';

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

/** Of a Job what is looked at. */
export const jobSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string(), deletionTimestamp: z.string().optional() }),
  status: z
    .looseObject({ conditions: z.array(conditionSchema).optional(), startTime: z.string().optional() })
    .optional(),
});
export type JobState = z.output<typeof jobSchema>;

const terminatedSchema = z.looseObject({
  exitCode: z.int(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

const containerStatusSchema = z.looseObject({
  name: z.string(),
  state: z
    .looseObject({
      waiting: z.looseObject({ reason: z.string().optional(), message: z.string().optional() }).optional(),
      running: z.looseObject({}).optional(),
      terminated: terminatedSchema.optional(),
    })
    .optional(),
});

/** Of a pod what is looked at. */
const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    creationTimestamp: z.string().optional(),
    deletionTimestamp: z.string().optional(),
  }),
  status: z
    .looseObject({
      reason: z.string().optional(),
      message: z.string().optional(),
      conditions: z.array(conditionSchema).optional(),
      containerStatuses: z.array(containerStatusSchema).optional(),
      initContainerStatuses: z.array(containerStatusSchema).optional(),
    })
    .optional(),
});
export type PodState = z.output<typeof podSchema>;
export const podListSchema = z.looseObject({ items: z.array(podSchema) });

/** Reasons of a pod's status for which not the training is to blame, in releases that give no `DisruptionTarget`. */
const DISRUPTIONS: ReadonlySet<string> = new Set(['Evicted', 'NodeLost', 'NodeShutdown', 'Preempting', 'Terminated']);
/** The image has no such command: it will have none the next time. */
const CANNOT_RUN: ReadonlySet<string> = new Set(['StartError', 'ContainerCannotRun']);
const SIGKILLED = 137;
/** The kubelet cuts what a container leaves for its status. */
const TERMINATION_MESSAGE_MAX = 4096;

/** Of a run's pods the newest; there is more than one only when somebody else made it. */
export function newestPod(pods: readonly PodState[]): PodState | undefined {
  const age = ({ metadata }: PodState): string => metadata.creationTimestamp ?? '';
  return pods.toSorted((a, b) => age(a).localeCompare(age(b))).at(-1);
}

/** Whether the container has begun, so that there is a log to be read. */
export function hasLog(pod: PodState, container: string): boolean {
  const { running, terminated } = statusOf(pod, container)?.state ?? {};
  return running !== undefined || terminated !== undefined;
}

/** What a Job and its pod say about the run; `container` is the one that trains. */
export function lookAtJob(job: JobState, pod: PodState | undefined, container: string): Look {
  const conditions = job.status?.conditions ?? [];
  const held = (type: string) => conditions.find((condition) => condition.type === type && condition.status === 'True');
  if (held('Complete')) return { state: 'succeeded', result: resultOf(pod, container) };
  const failed = held('Failed');
  if (!failed) return { state: 'running' };
  if (failed.reason === 'DeadlineExceeded') {
    const waits = pod && waitingReason(pod);
    const why = waits === undefined ? '' : `; its container was still waiting: ${waits}`;
    return { state: 'failed', meaning: 'retry', reason: `the Job ran longer than its activeDeadlineSeconds${why}` };
  }
  if (!pod) return interrupted(`the Job's pod is gone (${failed.reason}: ${failed.message})`);
  return failureOf(pod, container, `${failed.reason ?? 'Failed'}: ${failed.message ?? ''}`);
}

function failureOf(pod: PodState, container: string, jobReason: string): Look {
  const disruption = pod.status?.conditions?.find(
    ({ type, status }) => type === 'DisruptionTarget' && status === 'True',
  );
  if (disruption) return interrupted(`the pod was disrupted (${disruption.reason}: ${disruption.message ?? ''})`);
  const { reason = '', message = '' } = pod.status ?? {};
  if (DISRUPTIONS.has(reason)) return interrupted(`the pod was disrupted (${reason}: ${message})`);
  const terminated = statusOf(pod, container)?.state?.terminated;
  if (!terminated || terminated.exitCode === 0) {
    const other = otherFailure(pod, container) ?? jobReason;
    return {
      state: 'failed',
      meaning: 'retry',
      reason: oneLine(`container ${container} did not fail by itself: ${other}`),
    };
  }
  const exit: TrainerExit = { kind: 'exited', code: terminated.exitCode };
  const named = terminated.reason === undefined || terminated.reason === 'Error' ? '' : ` (${terminated.reason})`;
  const why = oneLine(`container ${container}: ${describeExit(exit)}${named}`);
  if (CANNOT_RUN.has(terminated.reason ?? ''))
    return { state: 'failed', meaning: 'permanent', reason: oneLine(`${why}: ${terminated.message ?? ''}`), exit };
  // Somebody deleted the pod, and its grace period was over.
  if (
    terminated.exitCode === SIGKILLED &&
    terminated.reason !== 'OOMKilled' &&
    pod.metadata.deletionTimestamp !== undefined
  )
    return { ...interrupted(`${why}: the pod was deleted`), exit };
  const meaning = meaningOf(exit);
  return { state: 'failed', meaning: meaning === 'success' ? 'retry' : meaning, reason: why, exit };
}

function interrupted(reason: string): Extract<Look, { state: 'failed' }> {
  return { state: 'failed', meaning: 'interrupted', reason: oneLine(reason) };
}

function resultOf(pod: PodState | undefined, container: string): unknown {
  const message = pod && statusOf(pod, container)?.state?.terminated?.message;
  if (message === undefined || Buffer.byteLength(message) < TERMINATION_MESSAGE_MAX) return message;
  return `${message}\n(cut: of a termination message ${TERMINATION_MESSAGE_MAX} bytes are kept)`;
}

function statusOf(pod: PodState, container: string) {
  return pod.status?.containerStatuses?.find(({ name }) => name === container);
}

/** Why a container other than the one that trains has failed. */
function otherFailure(pod: PodState, container: string): string | undefined {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const failed = all.find(({ name, state }) => name !== container && (state?.terminated?.exitCode ?? 0) !== 0);
  return failed && `container ${failed.name} ended with exit code ${failed.state?.terminated?.exitCode}`;
}

function waitingReason(pod: PodState): string | undefined {
  const waiting = pod.status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting;
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const { reason, message } = waiting ?? unscheduled ?? {};
  return reason === undefined ? undefined : oneLine(`${reason} ${message ?? ''}`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 1000);
}
