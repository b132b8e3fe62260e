import { RatioMonitor } from '../monitoring/ratio-monitor.ts';
import type { MetricWindow } from '../monitoring/tumbling-windows.ts';
import type { ClosedWindow, DecayEvent } from '../monitoring/windowed-monitor.ts';
import type { GateRule } from '../retraining/gate.ts';
import { absolutePercentageError, parseModel } from './births-model.ts';
import type { BirthsModel } from './births-model.ts';
import { civilDate, DAY_MS } from './calendar.ts';
import type { BirthDay } from './features.ts';
import { ErrorTally } from './error-tally.ts';
import type { YearErrors } from './error-tally.ts';
import { FIRST_SERVED_DAY, TRAINING_DAYS, WINDOW_DAYS } from './training.ts';
import type { TrainingParameters } from './training-run.ts';

/** The champion that serves, as the registry knows it. */
export interface ServingChampion {
  readonly epoch: number;
  /** The artifact's text. */
  readonly artifact: string;
  /** Where it came from; goes into messages. */
  readonly origin: string;
}

/** Trigger and parameters of one retraining request. */
export interface ReplayRequest {
  readonly trigger: DecayEvent & { readonly kind: 'performance-decay'; readonly baseline: number };
  readonly parameters: TrainingParameters;
}

/** What became of a request. The metrics are MAPE in percent on the window of the gate, where they are known. */
export interface ReplayOutcome {
  readonly verdict: ReplayVerdict;
  readonly challengerMape?: number;
  readonly championMape?: number;
  /** One line: why, in the words of the gate or of the dead-letter queue. */
  readonly reason?: string;
}
export const REPLAY_VERDICTS = ['promoted', 'rejected', 'dead-lettered', 'cancelled'] as const;
export type ReplayVerdict = (typeof REPLAY_VERDICTS)[number];

export interface AnsweredRequest extends ReplayRequest {
  readonly number: number;
  readonly outcome: ReplayOutcome;
}

/** One window of the monitor with both errors, in percent. */
export interface ReplayWindow {
  readonly window: MetricWindow;
  readonly frozenMape: number;
  readonly liveMape: number;
  readonly verdict: ClosedWindow['kind'];
  /** Epoch of the champion that served it. */
  readonly epoch: number;
}

export type ReplayProgress =
  | { readonly kind: 'window'; readonly window: ReplayWindow; /** 0 to 1. */ readonly progress: number }
  | { readonly kind: 'requested'; readonly number: number; readonly request: ReplayRequest }
  | { readonly kind: 'answered'; readonly request: AnsweredRequest };

export interface ReplayResult {
  /** The trigger's ratio. */
  readonly ratio: number;
  readonly windowDays: number;
  readonly windows: readonly ReplayWindow[];
  readonly years: readonly YearErrors[];
  readonly requests: readonly AnsweredRequest[];
  readonly totals: ReplayTotals;
}

export interface ReplayTotals {
  readonly requests: number;
  readonly promoted: number;
  readonly rejected: number;
  readonly deadLettered: number;
  /** Forecast days, and over all of them the two errors in percent. */
  readonly days: number;
  readonly mapeFrozen: number;
  readonly mapeLive: number;
}

export interface ReplayOptions {
  /** All days that can be forecast; what lies before 1972 is skipped, the first model was fitted on it. */
  readonly days: readonly BirthDay[];
  /** The model that is never retrained. */
  readonly frozen: BirthsModel;
  /** A window that is worse than the reference by this factor is decay, for example 1.5. */
  readonly ratio: number;
  readonly windowDays?: number;
  readonly trainingDays?: number;
  /** Called whenever a window has closed and its request, if any, is answered: the registry is the truth for who serves. */
  readonly champion: () => Promise<ServingChampion>;
  /** Sends a request and resolves when it is answered. */
  readonly request: (request: ReplayRequest) => Promise<ReplayOutcome>;
  /** Ends the replay between two windows; what ran until then is the result. */
  readonly signal?: AbortSignal;
}

const ISO_DAY_LENGTH = 'yyyy-mm-dd'.length;

/** Windows whose mean is the reference: one window alone could be the best season of the year. */
export const BASELINE_WINDOWS = 3;
/** After a decay the next window is not judged: what the gate has just refused it would refuse again. */
export const COOL_DOWN_WINDOWS = 1;
/** The gate of the demo, in percentage points of MAPE: without a margin, models of the same worth would take turns. */
export const BIRTHS_GATE: GateRule = { metric: 'mape', direction: 'minimize', minImprovement: 0.2 };

/**
 * Replays the days as a monitor would have lived through them: each day both models forecast one day ahead, the live model's
 * error goes to the monitor, and when a window decays a retraining is requested and its answer awaited before the next day.
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<ReplayProgress, ReplayResult> {
  const state = await Replay.start(options);
  const days = options.days.filter(({ day }) => day >= FIRST_SERVED_DAY);
  for (const [index, day] of days.entries()) {
    const closed = state.live(day);
    if (!closed) continue;
    yield { kind: 'window', window: state.record(closed), progress: (index + 1) / days.length };
    if (closed.kind === 'decayed') {
      const request = state.next(closed.decay);
      yield { kind: 'requested', ...request };
      yield { kind: 'answered', request: await state.send(request) };
    }
    if (options.signal?.aborted) break;
    await state.refreshChampion();
  }
  return state.result();
}

interface NumberedRequest {
  readonly number: number;
  readonly request: ReplayRequest;
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #windowDays: number;
  readonly #monitor: RatioMonitor;
  readonly #tally = new ErrorTally();
  readonly #windows: ReplayWindow[] = [];
  readonly #requests: AnsweredRequest[] = [];
  #champion: { readonly epoch: number; readonly model: BirthsModel };
  #frozenSum = 0;

  private constructor(options: ReplayOptions, champion: ServingChampion) {
    this.#options = options;
    this.#windowDays = options.windowDays ?? WINDOW_DAYS;
    this.#monitor = new RatioMonitor({
      metric: 'mape',
      ratio: options.ratio,
      window: { by: 'count', count: this.#windowDays },
      baselineWindows: BASELINE_WINDOWS,
      coolDownWindows: COOL_DOWN_WINDOWS,
    });
    this.#champion = { epoch: champion.epoch, model: parseModel(champion.artifact, champion.origin) };
  }

  static async start(options: ReplayOptions): Promise<Replay> {
    return new Replay(options, await options.champion());
  }

  /** One day: both models forecast it, and the monitor hears how wrong the live one was. */
  live(day: BirthDay): ClosedWindow | undefined {
    const frozen = absolutePercentageError(this.#options.frozen, day);
    const live = absolutePercentageError(this.#champion.model, day);
    this.#tally.add(civilDate(day.day).year, { frozen, live });
    this.#frozenSum += frozen;
    return this.#monitor.observe({ timeMs: day.day * DAY_MS, value: live });
  }

  record({ kind, observed, window }: ClosedWindow): ReplayWindow {
    const recorded: ReplayWindow = {
      window,
      frozenMape: this.#frozenSum / window.count,
      liveMape: observed,
      verdict: kind,
      epoch: this.#champion.epoch,
    };
    this.#frozenSum = 0;
    this.#windows.push(recorded);
    return recorded;
  }

  next(decay: DecayEvent): NumberedRequest {
    return {
      number: this.#requests.length + 1,
      request: {
        // A ratio is told of a reference only.
        trigger: { kind: 'performance-decay', ...decay, baseline: decay.baseline ?? Number.NaN },
        parameters: {
          trainUntil: decay.window.to.slice(0, ISO_DAY_LENGTH),
          windowDays: this.#windowDays,
          trainingDays: this.#options.trainingDays ?? TRAINING_DAYS,
        },
      },
    };
  }

  async send({ number, request }: NumberedRequest): Promise<AnsweredRequest> {
    const answered = { ...request, number, outcome: await this.#options.request(request) };
    this.#requests.push(answered);
    return answered;
  }

  /** Another epoch is another model: what was normal for the one before it means nothing any more. */
  async refreshChampion(): Promise<void> {
    const { epoch, artifact, origin } = await this.#options.champion();
    if (epoch === this.#champion.epoch) return;
    this.#champion = { epoch, model: parseModel(artifact, origin) };
    this.#monitor.rebase();
  }

  result(): ReplayResult {
    const count = (verdict: ReplayVerdict): number =>
      this.#requests.filter(({ outcome }) => outcome.verdict === verdict).length;
    return {
      ratio: this.#options.ratio,
      windowDays: this.#windowDays,
      windows: this.#windows,
      years: this.#tally.years(),
      requests: this.#requests,
      totals: {
        requests: this.#requests.length,
        promoted: count('promoted'),
        rejected: count('rejected'),
        deadLettered: count('dead-lettered'),
        ...this.#tally.overall(),
      },
    };
  }
}
