import type { CancelEvent, RequestEvent } from '../envelope.ts';
import { planKey, requestKey } from '../identity.ts';
import type { StartedRun } from './ledger-record.ts';
import { outcomeEvent, planRequestOf, runData } from '../outcome.ts';
import { coalesce } from '../plan.ts';
import type { PlanChampion } from '../plan.ts';
import type { Champion, RegistryState } from '../registries/registry.ts';
import type { SessionLease } from './session-lease.ts';
import type { StopCause, TrainerEnd, TrainerHandle, TrainerProgress } from '../trainers/trainer.ts';
import type { ModelPolicy, WorkerContext } from './worker-context.ts';
import { isTarget } from './worker-sort.ts';

export interface ExecutionOptions {
  readonly context: WorkerContext;
  readonly lease: SessionLease;
  readonly policy: ModelPolicy;
  readonly run: StartedRun;
  /** The requests of the run that are at hand, 1 or more. */
  readonly events: readonly RequestEvent[];
  readonly registryState: RegistryState;
}

/** One execution of the trainer for a run. It ends by itself, or because of a cancel, a shutdown or the loss of the session. */
export class RunExecution {
  readonly runId: string;
  readonly epoch: number;
  /** Of the champion that the trainer was given, 0 for none. */
  readonly championEpoch: number;
  readonly #options: ExecutionOptions;
  readonly #cancelled = new Set<string>();
  #handle: TrainerHandle | undefined;
  #halt: StopCause | undefined;
  #end: TrainerEnd | undefined;
  #progress = 0;
  #reports = 0;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.runId = options.run.runId;
    this.epoch = options.run.epoch;
    const { run, policy, registryState } = options;
    // One that lives elsewhere was given it when it was started, perhaps by another worker, before this champion.
    const begunWith = policy.trainer.reattaches ? run.championEpoch : undefined;
    this.championEpoch = begunWith ?? registryState.epoch;
  }

  get halt(): StopCause | undefined {
    return this.#halt;
  }

  /** The best progress that was told, 0 to 1. */
  get progress(): number {
    return this.#progress;
  }

  /** Settles when nothing of the run is left running. A second call gives the same end and trains nothing. */
  async end(): Promise<TrainerEnd> {
    this.#end ??= await this.#execute();
    return this.#end;
  }

  /** Takes a control event that arrived while the trainer runs. A cancel of a part of the plan comes too late. */
  cancel(event: CancelEvent): void {
    const { requests } = this.#options.run;
    for (const request of requests) if (isTarget(event, request)) this.#cancelled.add(requestKey(request));
    if (requests.every((request) => this.#cancelled.has(requestKey(request)))) this.#stop('cancelled');
  }

  async #execute(): Promise<TrainerEnd> {
    const { context, lease, policy, run, events, registryState } = this.#options;
    const { shutdown } = context;
    const { reattaches = false } = policy.trainer;
    // Of a run that lives elsewhere more may be there than this worker knows: it has to be told that it is cancelled.
    if (this.#halt && !(reattaches && this.#halt === 'cancelled')) return stoppedBeforeStart(this.#halt, reattaches);
    const { champion } = registryState;
    const { runId, epoch } = run;
    const observed = context.telemetry.runs.begin({ model: lease.model, runId, epoch, from: events });
    const asked = events.find((event) => event.traceparent !== undefined);
    const { traceparent, tracestate } = observed.traceContext ?? asked ?? {};
    const handle = observed.inside(() =>
      policy.trainer.start({
        plan: {
          ...coalesce(events.map(planRequestOf)),
          runId,
          epoch,
          champion: champion ? championOf(champion) : null,
        },
        planKey: planKey(run.requests),
        ...(traceparent !== undefined && { traceparent }),
        ...(tracestate !== undefined && { tracestate }),
        onProgress: (progress) => this.#tellProgress(progress),
      }),
    );
    this.#handle = handle;
    if (this.#halt) this.#stop(this.#halt);
    const onShutdown = (): void => this.#stop('shutdown');
    const onLost = (): void => this.#stop('lost');
    for (const [signal, react] of [[shutdown, onShutdown] as const, [lease.lost, onLost] as const])
      if (signal.aborted) react();
      else signal.addEventListener('abort', react, { once: true });
    try {
      const end = await handle.result;
      if (end.kind === 'succeeded') observed.end('succeeded');
      else observed.end(end.meaning, end.reason);
      return end;
    } finally {
      shutdown.removeEventListener('abort', onShutdown);
      lease.lost.removeEventListener('abort', onLost);
    }
  }

  #stop(halt: StopCause): void {
    // Losing the session outweighs everything: then nothing may be written.
    this.#halt = halt === 'lost' ? halt : (this.#halt ?? halt);
    this.#handle?.stop(this.#options.context.graceMs, halt);
  }

  #tellProgress({ progress, metrics }: TrainerProgress): void {
    const { context, lease, run } = this.#options;
    this.#progress = Math.max(this.#progress, progress ?? 0);
    this.#reports++;
    const notes = metrics === undefined ? undefined : JSON.stringify(metrics);
    const data = {
      ...runData(lease.model, run),
      ...(progress !== undefined && { progress }),
      ...(notes !== undefined && { notes }),
    };
    const step = `${run.epoch}.${this.#reports}`;
    void context.outcomes.tellOnce(outcomeEvent('progressed', { data, atMs: context.clock.wallMs(), step }));
  }
}

function stoppedBeforeStart(halt: StopCause, goesOn: boolean): TrainerEnd {
  const reason = `${halt} before the trainer was started`;
  const end = { kind: 'failed', meaning: 'interrupted', reason, stderrTail: '', logFile: '' } as const;
  return goesOn ? { ...end, goesOn } : end;
}

/** What was measured when it was promoted: there it was the challenger. */
export function championOf({ artifact, epoch, metrics }: Champion): PlanChampion {
  return { artifact, epoch, metrics: metrics.challenger };
}
