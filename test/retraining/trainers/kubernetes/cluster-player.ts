import type { ServerResponse } from 'node:http';
import type { Training } from '../trainer-suite.ts';
import { ApiClient } from './api-client.ts';
import type { ApiAccess, ApiObject } from './api-client.ts';

const TICK_MS = 25;
/** The container runtime cuts lines there. */
const LINE_BYTES = 16 * 1024;

interface PlayedPod {
  readonly name: string;
  readonly job: ApiObject;
  readonly startedMs: number;
  readonly log: { readonly stamp: string; readonly text: string }[];
  isOver: boolean;
  endsAtMs?: number;
  isDeadlineExceeded?: boolean;
}

/**
 * Plays what of a cluster stands around its API server: the controller of Jobs, which makes a pod for each and writes how the
 * Job is, and the kubelet, which runs the pod (here: does what the training says), and has its log.
 */
export class ClusterPlayer {
  readonly api: ApiClient;
  readonly #namespace: string;
  readonly #training: Training;
  /** By uid of their Jobs. */
  readonly #pods = new Map<string, PlayedPod>();
  #released = false;
  #isClosed = false;
  #playing: Promise<void>;
  #failure: unknown;

  constructor(access: ApiAccess, { namespace, training }: { namespace: string; training: Training }) {
    this.api = new ApiClient(access);
    this.#namespace = namespace;
    this.#training = training;
    this.#playing = this.#play();
  }

  get begun(): number {
    return this.#pods.size;
  }

  get atWork(): number {
    return [...this.#pods.values()].filter(({ isOver }) => !isOver).length;
  }

  get names(): string[] {
    return [...this.#pods.values()].map(({ name }) => name);
  }

  release(): void {
    this.#released = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#playing;
    if (this.#failure) throw this.#failure;
  }

  /** As the kubelet answers the question for a container's log. */
  writeLog(name: string, query: URLSearchParams, response: ServerResponse): void {
    const pod = [...this.#pods.values()].find((one) => one.name === name);
    const since = query.get('sinceTime') ?? '';
    let at = 0;
    const write = (): void => {
      const lines = pod?.log.slice(at) ?? [];
      at += lines.length;
      for (const { stamp, text } of lines) {
        if (stamp >= since) response.write(query.get('timestamps') === 'true' ? `${stamp} ${text}\n` : `${text}\n`);
      }
      if (pod?.isOver !== false || response.destroyed || query.get('follow') !== 'true') response.end();
      else setTimeout(write, TICK_MS);
    };
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    write();
  }

  /** Ends a pod in a way of the cluster's own. */
  async disrupt(status: Record<string, unknown>): Promise<void> {
    for (const pod of this.#pods.values())
      await this.#end(pod, { phase: 'Failed', ...status }, failedJob('BackoffLimitExceeded'));
  }

  async #play(): Promise<void> {
    while (!this.#isClosed) {
      try {
        for (const job of await this.api.list(this.#path('jobs'))) await this.#attend(job);
      } catch (error) {
        this.#failure ??= error;
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  #path(kind: 'jobs' | 'pods' | 'configmaps', rest = ''): string {
    return `${kind === 'jobs' ? '/apis/batch/v1' : '/api/v1'}/namespaces/${this.#namespace}/${kind}${rest}`;
  }

  async #attend(job: ApiObject): Promise<void> {
    const { uid, deletionTimestamp } = job.metadata;
    const pod = this.#pods.get(uid);
    if (deletionTimestamp !== undefined) return this.#clear(job, pod);
    if (!pod) return this.#start(job);
    if (pod.isOver) return;
    const limitMs = Number(job['spec'].activeDeadlineSeconds) * 1000;
    if (performance.now() - pod.startedMs >= limitMs) pod.isDeadlineExceeded = true;
    if (pod.isDeadlineExceeded) {
      if (this.#isToldToEnd(pod)) await this.#end(pod, terminated(143), failedJob('DeadlineExceeded'));
    } else if (this.#training.does === 'wait' && this.#released) await this.#succeed(pod, this.#training.result);
  }

  /** Whether the pod has ended, now that it is told to: at once, or with its grace period. */
  #isToldToEnd(pod: PlayedPod): boolean {
    const graceMs = Number(pod.job['spec'].template.spec.terminationGracePeriodSeconds) * 1000;
    const isDeaf = this.#training.does === 'hang' && this.#training.deaf === true;
    pod.endsAtMs ??= performance.now() + (isDeaf ? graceMs : 0);
    return performance.now() >= pod.endsAtMs;
  }

  /** Deletion in the foreground: the pod goes first. */
  async #clear(job: ApiObject, pod: PlayedPod | undefined): Promise<void> {
    if (pod && !pod.isOver) {
      if (!this.#isToldToEnd(pod)) return;
      pod.isOver = true;
    }
    if (pod)
      await this.api.call('DELETE', this.#path('pods', `/${pod.name}`), {
        body: { gracePeriodSeconds: 0 },
        also: [404],
      });
    const body = { metadata: { finalizers: null } };
    await this.api.call('PATCH', this.#path('jobs', `/${job.metadata.name}`), { body, also: [404] });
  }

  async #start(job: ApiObject): Promise<void> {
    const { name, uid } = job.metadata;
    // The kubelet waits for what the pod's volumes are made of.
    const plan = await this.api.call('GET', this.#path('configmaps', `/${name}`), { also: [404] });
    if (plan.status === 404) return;
    const { metadata, spec } = job['spec'].template;
    const pod: PlayedPod = {
      name: `${name.slice(0, 57)}-abcde`,
      job,
      startedMs: performance.now(),
      log: [],
      isOver: false,
    };
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true };
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod.name, labels: metadata.labels, ownerReferences: [owner] },
      spec: { ...spec, nodeName: 'node-1' },
    };
    await this.api.call('POST', this.#path('pods'), { body });
    await this.#patch('pods', pod.name, {
      phase: 'Running',
      containerStatuses: [this.#container(pod, { running: {} })],
    });
    await this.#patch('jobs', name, { active: 1, startTime: now() });
    this.#pods.set(uid, pod);
    await this.#train(pod);
  }

  async #train(pod: PlayedPod): Promise<void> {
    const training = this.#training;
    switch (training.does) {
      case 'succeed':
        for (const line of training.prints ?? []) this.#print(pod, line);
        return this.#succeed(pod, training.result);
      case 'fail': {
        this.#print(pod, training.says);
        return this.#end(pod, terminated(training.code), failedJob('BackoffLimitExceeded'));
      }
      case 'babble':
        return this.#succeed(pod, training.result);
      case 'shout':
        for (let left = training.bytes; left > 0; left -= LINE_BYTES) this.#print(pod, 'x'.repeat(LINE_BYTES));
        return this.#succeed(pod, training.result);
      case 'introduce itself': {
        const env: { name: string; value: string }[] = pod.job['spec'].template.spec.containers[0].env;
        const of = (name: string): string | undefined => env.find((one) => one.name === name)?.value;
        const [traceparent, tracestate] = [of('TRACEPARENT'), of('TRACESTATE')];
        const epoch = Number(of('RETRAIN_EPOCH'));
        const notes = JSON.stringify({
          model: of('RETRAIN_MODEL'),
          runId: of('RETRAIN_RUN_ID'),
          epoch,
          traceparent,
          tracestate,
        });
        return this.#succeed(pod, { metrics: { challenger: {} }, artifact: 'https://example.net/m', notes });
      }
      case 'wait':
        for (const line of training.prints ?? []) this.#print(pod, line);
        return undefined;
      case 'hang':
        return undefined;
    }
  }

  #print(pod: PlayedPod, text: string): void {
    const at = `${new Date().toISOString().slice(0, 19)}.${String(pod.log.length).padStart(9, '0')}Z`;
    pod.log.push({ stamp: at, text });
  }

  #succeed(pod: PlayedPod, result: unknown): Promise<void> {
    const message = typeof result === 'string' || result === undefined ? result : JSON.stringify(result);
    return this.#end(pod, terminated(0, message), {
      succeeded: 1,
      completionTime: now(),
      conditions: [condition('SuccessCriteriaMet', 'CompletionsReached'), condition('Complete', 'CompletionsReached')],
    });
  }

  async #end(pod: PlayedPod, podStatus: Record<string, unknown>, jobStatus: Record<string, unknown>): Promise<void> {
    pod.isOver = true;
    const { state, ...rest } = podStatus;
    const containers = state === undefined ? {} : { containerStatuses: [this.#container(pod, state)] };
    await this.#patch('pods', pod.name, { ...rest, ...containers });
    await this.#patch('jobs', pod.job.metadata.name, { active: null, ready: 0, ...jobStatus });
  }

  #container(pod: PlayedPod, state: unknown): unknown {
    const { name, image } = pod.job['spec'].template.spec.containers[0];
    return { name, image, imageID: '', ready: false, restartCount: 0, state };
  }

  async #patch(kind: 'jobs' | 'pods', name: string, status: Record<string, unknown>): Promise<void> {
    await this.api.call('PATCH', this.#path(kind, `/${name}/status`), { body: { status }, also: [404] });
  }
}

function terminated(exitCode: number, message?: string): Record<string, unknown> {
  const reason = exitCode === 0 ? 'Completed' : exitCode === 137 ? 'OOMKilled' : 'Error';
  const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
  return { phase, state: { terminated: { exitCode, reason, ...(message !== undefined && { message }) } } };
}

function failedJob(reason: string): Record<string, unknown> {
  return { failed: 1, conditions: [condition('FailureTarget', reason), condition('Failed', reason)] };
}

function condition(type: string, reason: string): Record<string, unknown> {
  return { type, status: 'True', reason, message: `said by the test: ${reason}`, lastTransitionTime: now() };
}

/** As the API server writes times. */
function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '');
}
