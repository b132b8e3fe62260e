import { endOfGathering } from '../gather-window.ts';
import { judge } from '../gate.ts';
import type { GateResult } from '../gate.ts';
import { requestId } from '../identity.ts';
import { createWatch } from '../monitors/create-watch.ts';
import type { Watch } from '../monitors/watch.ts';
import { takeForPlan } from '../plan.ts';
import type { PlanRequest } from '../plan.ts';
import { parseRequest } from '../request.ts';
import type { Trigger } from '../request.ts';
import type { Random } from '../../runtime/random.ts';
import { countUntil, gateMetrics } from './error-source.ts';
import type { ErrorSource, GateWindow, TrainedModel } from './error-source.ts';
import type { Policy } from './policy.ts';
import { ErrorScore } from './error-score.ts';
import type { Scored, ScoreOptions } from './error-score.ts';
import { RunLedger } from './run-ledger.ts';

/** One training of a replay. Times are RFC 3339. */
export interface ReplayedRun {
  readonly startedAt: string;
  readonly endedAt: string;
  /** Requests that it answers. */
  readonly requests: number;
  readonly verdict: GateResult['verdict'];
  readonly reason: string;
  /** Why: of the newest request. */
  readonly trigger: Trigger;
}

export interface PolicyResult extends Scored {
  readonly policy: string;
  readonly requests: number;
  readonly runs: readonly ReplayedRun[];
  readonly promoted: number;
  readonly rejected: number;
  /** Requests that were answered by a run together with others. */
  readonly coalesced: number;
  /** Requests that had to wait, once for each time. */
  readonly postponed: { readonly coolDown: number; readonly budget: number };
  /** Runs of which the gate had nothing to compare; they are promoted. */
  readonly ungated: number;
  /** Requests that were not answered at the end of the history. */
  readonly open: number;
}

export interface ReplayOptions extends ScoreOptions {
  /** Name of the model; the gather window's phase hangs on it. */
  readonly model: string;
  readonly metric: string;
  /** Observations that the gate compares on: the newest so many, or those of the newest so many milliseconds. */
  readonly gateWindow: { readonly count: number } | { readonly ms: number };
  readonly signal?: AbortSignal;
}

interface Waiting extends PlanRequest {
  activeAtMs: number;
}

interface Running<Model> {
  readonly startedAtMs: number;
  readonly endsAtMs: number;
  readonly challenger: Model | undefined;
  readonly taken: readonly Waiting[];
}

const SOURCE = '/retrain/backtest';
/** A replay is the same each time: nothing in it may hang on chance. */
const NO_RANDOM: Random = { bytes: (length) => Buffer.alloc(length), fraction: () => 0.5 };

/**
 * Lives through the history under one policy, with the code that monitors, producer and worker run: the watch of the monitor, ids that drop
 * doubles, the gather window, the choice of a plan's requests, the ledger with cool-down and budget, and the gate. Only the errors after a retraining
 * come from the source. Event time is the clock.
 */
export async function replayPolicy<Model extends TrainedModel>(
  policy: Policy,
  source: ErrorSource<Model>,
  options: ReplayOptions,
): Promise<PolicyResult> {
  return new PolicyReplay(policy, source, options).run();
}

class PolicyReplay<Model extends TrainedModel> {
  readonly #policy: Policy;
  readonly #source: ErrorSource<Model>;
  readonly #options: ReplayOptions;
  readonly #watch: Watch | undefined;
  readonly #ledger: RunLedger;
  readonly #score: ErrorScore;
  readonly #seen = new Set<string>();
  readonly #runs: ReplayedRun[] = [];
  readonly #postponed = { coolDown: 0, budget: 0 };
  #champion: Model;
  #waiting: Waiting[] = [];
  /** The least of those that wait. */
  #nextActiveAtMs = Infinity;
  #running: Running<Model> | undefined;
  /** When the newest run ended. */
  #freeAtMs = -Infinity;
  #nextTickMs: number;
  #requests = 0;
  #coalesced = 0;
  #ungated = 0;

  constructor(policy: Policy, source: ErrorSource<Model>, options: ReplayOptions) {
    const { asking } = policy;
    this.#policy = policy;
    this.#source = source;
    this.#options = options;
    this.#champion = source.first;
    this.#watch = asking.by === 'monitor' ? createWatch(asking.settings) : undefined;
    this.#nextTickMs = asking.by === 'schedule' ? (source.times[0] ?? 0) + asking.everyMs : Infinity;
    this.#ledger = new RunLedger(options.model, policy);
    this.#score = new ErrorScore(options);
  }

  async run(): Promise<PolicyResult> {
    const { times } = this.#source;
    for (const [index, timeMs] of times.entries()) {
      if (this.#options.signal?.aborted) break;
      this.#tick(timeMs);
      await this.#settleUntil(timeMs);
      const value = this.#source.errorOf(this.#champion, index);
      this.#score.add(timeMs, value);
      if (value === undefined) continue;
      const trigger = this.#watch?.observe({ timeMs, value })?.trigger;
      if (!trigger) continue;
      this.#request(trigger, timeMs);
      // A request that becomes active at once is trained before the next observation.
      await this.#settleUntil(timeMs);
    }
    return this.#result();
  }

  #tick(nowMs: number): void {
    const { asking } = this.#policy;
    if (asking.by !== 'schedule') return;
    for (; this.#nextTickMs <= nowMs; this.#nextTickMs += asking.everyMs) {
      const at = instant(this.#nextTickMs);
      this.#request({ kind: 'schedule', window: { from: at, to: at } }, this.#nextTickMs);
    }
  }

  #request(trigger: Trigger, nowMs: number): void {
    const { model } = this.#options;
    const request = parseRequest({ model: { name: model }, trigger });
    const time = instant(nowMs);
    const id = requestId(request, { time, random: NO_RANDOM });
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#requests += 1;
    const { gatherWindowMs: windowMs } = this.#policy;
    const activeAtMs = windowMs === 0 ? nowMs : endOfGathering(model, { windowMs, nowMs });
    this.#nextActiveAtMs = Math.min(this.#nextActiveAtMs, activeAtMs);
    this.#waiting.push({ source: SOURCE, id, time, seq: String(this.#requests), request, activeAtMs });
  }

  /** Ends and begins all runs that end and begin until then. */
  async #settleUntil(nowMs: number): Promise<void> {
    for (;;) {
      if (this.#running) {
        if (this.#running.endsAtMs > nowMs) return;
        this.#end(this.#running);
        continue;
      }
      const startMs = Math.max(this.#freeAtMs, this.#nextActiveAtMs);
      if (startMs > nowMs) return;
      await this.#begin(startMs);
    }
  }

  async #begin(nowMs: number): Promise<void> {
    const due = this.#waiting.filter(({ activeAtMs }) => activeAtMs <= nowMs);
    const later = this.#ledger.startAfter(nowMs);
    if (later) {
      for (const waiting of due) waiting.activeAtMs = later.atMs;
      this.#postponed[later.why] += due.length;
      this.#findNextActive();
      return;
    }
    const { taken } = takeForPlan(due, () => false, this.#policy.maxRequests);
    const gone = new Set(taken);
    this.#waiting = this.#waiting.filter((waiting) => !gone.has(waiting));
    this.#findNextActive();
    this.#coalesced += taken.length > 1 ? taken.length : 0;
    this.#ledger.start(taken, nowMs);
    this.#running = {
      startedAtMs: nowMs,
      endsAtMs: nowMs + this.#policy.trainingMs,
      challenger: await this.#source.train(nowMs, this.#champion),
      taken,
    };
  }

  #findNextActive(): void {
    this.#nextActiveAtMs = this.#waiting.reduce((least, { activeAtMs }) => Math.min(least, activeAtMs), Infinity);
  }

  #end({ startedAtMs, endsAtMs, challenger, taken }: Running<Model>): void {
    const { verdict, reason } = this.#judge(challenger, startedAtMs);
    this.#ledger.end(verdict, reason, endsAtMs);
    const { asking } = this.#policy;
    if (verdict === 'promote' && challenger) {
      this.#champion = challenger;
      if (asking.by === 'monitor') this.#watch?.rebase(asking.settings.afterPromotion);
    }
    this.#running = undefined;
    this.#freeAtMs = endsAtMs;
    const trigger = taken.at(-1)?.request.trigger ?? { kind: 'manual' };
    const [startedAt, endedAt] = [instant(startedAtMs), instant(endsAtMs)];
    this.#runs.push({ startedAt, endedAt, requests: taken.length, verdict, reason, trigger });
  }

  #judge(challenger: Model | undefined, startedAtMs: number): GateResult {
    const { gate } = this.#policy;
    if (!challenger) return { verdict: 'reject', reason: 'there is no model that was trained since the champion' };
    if (!gate) return { verdict: 'promote', reason: 'without a gate' };
    const numbers = this.#source.compare(challenger, this.#champion, this.#gateWindow(startedAtMs));
    if (numbers) {
      const metrics = gateMetrics(gate.metric, numbers);
      return judge(gate, metrics, { metrics });
    }
    this.#ungated += 1;
    return {
      verdict: 'promote',
      reason: 'the errors on the newest window are not known: nothing for the gate to compare',
    };
  }

  #gateWindow(startedAtMs: number): GateWindow {
    const { gateWindow } = this.#options;
    const { times } = this.#source;
    const to = countUntil(times, startedAtMs);
    const from = 'count' in gateWindow ? to - gateWindow.count : countUntil(times, startedAtMs - gateWindow.ms);
    return { from: Math.max(0, from), to };
  }

  #result(): PolicyResult {
    const promoted = this.#runs.filter(({ verdict }) => verdict === 'promote').length;
    return {
      policy: this.#policy.name,
      ...this.#score.result(),
      requests: this.#requests,
      runs: this.#runs,
      promoted,
      rejected: this.#runs.length - promoted,
      coalesced: this.#coalesced,
      postponed: this.#postponed,
      ungated: this.#ungated,
      open: this.#waiting.length + (this.#running?.taken.length ?? 0),
    };
  }
}

function instant(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
