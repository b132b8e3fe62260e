import { resolve } from 'node:path';
import { parse } from 'yaml';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { KubernetesClient } from './kubernetes-client.ts';
import type { ApiAnswer } from './kubernetes-client.ts';
import {
  JOB_LABEL,
  PLAN_MAX_BYTES,
  jobManifest,
  jobName,
  jobTemplateSchema,
  planConfigMap,
  trainingContainer,
} from './kubernetes-job.ts';
import type { JobTemplate } from './kubernetes-job.ts';
import { hasLog, jobSchema, lookAtJob, newestPod, podListSchema } from './kubernetes-look.ts';
import type { JobState, PodState } from './kubernetes-look.ts';
import { DEFAULT_GRACE_MS, DEFAULT_MAX_RUN_MS } from './local-run.ts';
import { PodLog } from './pod-log.ts';
import { RemoteFault, RemoteRun } from './remote-run.ts';
import type { Look, RemoteWork } from './remote-run.ts';
import type { Trainer, TrainerHandle, TrainerRun } from './trainer.ts';

export interface KubernetesTrainerOptions {
  /** A manifest of batch/v1 Job, or the path of a file with one, YAML or JSON, which is read at every start. */
  readonly jobTemplate: string | Readonly<Record<string, unknown>>;
  /** Default: the namespace of the kubeconfig's context, or of the pod. */
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** The container that trains; the first of the template when absent. */
  readonly container?: string;
  /** Where run folders are made, for the logs. */
  readonly folder: string;
  /** Milliseconds between two looks. Default 5,000. */
  readonly pollMs?: number;
  /** Milliseconds of one exchange. Default 30,000. */
  readonly timeoutMs?: number;
  /** Milliseconds for which a start is tried again. Default 120,000. */
  readonly startWithinMs?: number;
  /** Milliseconds for which a finished Job is kept. Default a day. */
  readonly keepFinishedMs?: number;
  /** Whether the log is followed. Default true. */
  readonly logs?: boolean;
  readonly graceMs?: number;
  readonly maxRunMs?: number;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

const DEFAULT_KEEP_MS = 24 * 3600 * 1000;
/** The Job's own deadline comes first; this is for a cluster that does not keep it. */
const DEADLINE_MARGIN_MS = 60_000;
/** Pods of one Job; more than one only when somebody else makes them. */
const PODS_MAX = 10;
/** See `PASSING_STATUS` of the HTTP trainer: rights and quotas are repaired elsewhere. */
const PASSING_STATUS: ReadonlySet<number> = new Set([401, 403, 404, 408, 409, 425, 429]);

/** Trains every plan in a Job of a Kubernetes cluster: docs/trainer-kubernetes.md. */
export class KubernetesTrainer implements Trainer {
  readonly reattaches = true;
  readonly #options: KubernetesTrainerOptions;
  readonly #client: KubernetesClient;

  constructor(options: KubernetesTrainerOptions) {
    const { kubeconfig, context, timeoutMs = 30_000, clock = systemClock } = options;
    this.#options = options;
    this.#client = new KubernetesClient({
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
      timeoutMs,
      clock,
    });
  }

  start(run: TrainerRun): TrainerHandle {
    const { folder, pollMs = 5_000, startWithinMs = 120_000, logs = true } = this.#options;
    const { graceMs = DEFAULT_GRACE_MS, maxRunMs = DEFAULT_MAX_RUN_MS } = this.#options;
    const { files = systemFiles, clock = systemClock, random = systemRandom } = this.#options;
    return new RemoteRun(run, {
      folder,
      graceMs,
      maxRunMs: maxRunMs + DEADLINE_MARGIN_MS,
      pollMs,
      startWithinMs,
      files,
      clock,
      random,
      open: (onLog) =>
        new JobWork(run, {
          client: this.#client,
          options: { ...this.#options, graceMs, maxRunMs, files, clock },
          onLog: logs ? onLog : undefined,
        }),
      progressInLog: true,
    });
  }
}

type JobWorkOptions = KubernetesTrainerOptions & {
  readonly graceMs: number;
  readonly maxRunMs: number;
  readonly files: Files;
  readonly clock: Clock;
};

class JobWork implements RemoteWork {
  readonly #run: TrainerRun;
  readonly #client: KubernetesClient;
  readonly #options: JobWorkOptions;
  readonly #onLog: ((chunk: Buffer) => Promise<void>) | undefined;
  readonly #name: string;
  #log: PodLog | undefined;
  #template: JobTemplate | undefined;

  constructor(
    run: TrainerRun,
    parts: {
      client: KubernetesClient;
      options: JobWorkOptions;
      onLog: ((chunk: Buffer) => Promise<void>) | undefined;
    },
  ) {
    this.#run = run;
    this.#client = parts.client;
    this.#options = parts.options;
    this.#onLog = parts.onLog;
    this.#name = jobName(run);
  }

  /**
   * The Job first, then its plan, which it owns: what is left of a start that was cut off is found by the next one, and the pod
   * waits for its plan meanwhile.
   */
  async begin(signal: AbortSignal): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(this.#run.plan, undefined, 2));
    if (bytes > PLAN_MAX_BYTES)
      throw new RemoteFault(
        'refused',
        `the plan takes ${bytes} bytes, a ConfigMap holds ${PLAN_MAX_BYTES}: lower maxRequests of the model`,
      );
    const namespace = await this.#namespace();
    const template = await this.#readTemplate();
    const { graceMs, maxRunMs, container, keepFinishedMs = DEFAULT_KEEP_MS } = this.#options;
    const manifest = jobManifest(template, { run: this.#run, namespace, container, graceMs, maxRunMs, keepFinishedMs });
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    let answer = await this.#client.ask({ method: 'POST', path, body: manifest, signal });
    if (answer.status === 409)
      answer = await this.#client.ask({ method: 'GET', path: `${path}/${this.#name}`, signal });
    const job = jobSchema.parse(checked('POST', path, answer));
    if (job.metadata.deletionTimestamp !== undefined)
      throw new RemoteFault('passing', `the Job ${this.#name} of this run is being deleted`);
    const plans = `/api/v1/namespaces/${namespace}/configmaps`;
    const plan = planConfigMap(this.#run, { namespace, jobUid: job.metadata.uid });
    const planned = await this.#client.ask({ method: 'POST', path: plans, body: plan, signal });
    if (planned.status !== 409) checked('POST', plans, planned);
  }

  async look(signal?: AbortSignal): Promise<Look> {
    const namespace = await this.#namespace();
    const job = await this.#job(namespace, signal);
    if (!job) return { state: 'gone', reason: `the Job ${this.#name} is gone: somebody deleted it` };
    const pod = await this.#pod(namespace, signal);
    const container = await this.#container();
    const look = lookAtJob(job, pod, container);
    if (!this.#onLog || !pod || !hasLog(pod, container)) return look;
    const { clock } = this.#options;
    this.#log ??= new PodLog(this.#client, { namespace, container, clock }, this.#onLog);
    if (look.state === 'running') this.#log.follow(pod.metadata.name);
    else await this.#log.drain(pod.metadata.name);
    return look;
  }

  /** The pod has the grace period that the Job was started with. */
  async end(): Promise<void> {
    const path = this.#path(await this.#namespace());
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' };
    const answer = await this.#client.ask({ method: 'DELETE', path, body });
    if (answer.status !== 404) checked('DELETE', path, answer);
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  async #job(namespace: string, signal?: AbortSignal): Promise<JobState | undefined> {
    const path = this.#path(namespace);
    const answer = await this.#client.ask({ method: 'GET', path, signal });
    return answer.status === 404 ? undefined : jobSchema.parse(checked('GET', path, answer));
  }

  async #pod(namespace: string, signal?: AbortSignal): Promise<PodState | undefined> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = { labelSelector: `${JOB_LABEL}=${this.#name}`, limit: String(PODS_MAX) };
    const answer = await this.#client.ask({ method: 'GET', path, query, signal });
    return newestPod(podListSchema.parse(checked('GET', path, answer)).items);
  }

  #path(namespace: string): string {
    return `/apis/batch/v1/namespaces/${namespace}/jobs/${this.#name}`;
  }

  async #namespace(): Promise<string> {
    return this.#options.namespace ?? (await this.#client.namespace());
  }

  async #container(): Promise<string> {
    return this.#options.container ?? trainingContainer(await this.#readTemplate())?.name ?? '';
  }

  async #readTemplate(): Promise<JobTemplate> {
    this.#template ??= await readTemplate(this.#options);
    return this.#template;
  }
}

async function readTemplate({ jobTemplate, container, files }: JobWorkOptions): Promise<JobTemplate> {
  const named = typeof jobTemplate === 'string' ? `jobTemplate ${jobTemplate}` : 'jobTemplate';
  let given: unknown = jobTemplate;
  if (typeof jobTemplate === 'string') {
    const text = await files.readText(resolve(jobTemplate));
    if (text === undefined) throw new RemoteFault('refused', `${named} does not exist`);
    try {
      given = parse(text);
    } catch (cause) {
      throw new RemoteFault('refused', `${named} is no YAML: ${(cause as Error).message}`, { cause });
    }
  }
  const parsed = jobTemplateSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RemoteFault(
      'refused',
      `${named} is not a Job that can train: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  if (trainingContainer(parsed.data, container)) return parsed.data;
  throw new RemoteFault('refused', `${named} has no container ${container}`);
}

/** The body of an answer of 2xx. */
function checked(method: string, path: string, { status, value }: ApiAnswer): unknown {
  if (status >= 200 && status < 300) return value;
  const { message, reason } = (value ?? {}) as { message?: string; reason?: string };
  const kind = status >= 500 || PASSING_STATUS.has(status) ? 'passing' : 'refused';
  const why = (message ?? reason ?? 'without a reason').replace(/\s+/g, ' ').slice(0, 500);
  throw new RemoteFault(kind, `${method} ${path} is answered with ${status}: ${why}`);
}
