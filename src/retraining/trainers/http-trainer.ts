import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { modelPath } from '../model-name.ts';
import { meaningOf } from './exit-code.ts';
import { REASON_MAX_LENGTH, readStatusSchema } from './http-contract.ts';
import type { RunStatusBody, StartOrderBody } from './http-contract.ts';
import { NoAnswer, exchange, shownUrl } from './http-request.ts';
import type { HttpAnswer, HttpRequest } from './http-request.ts';
import { DEFAULT_GRACE_MS, DEFAULT_MAX_RUN_MS } from './local-run.ts';
import { RemoteFault, RemoteRun } from './remote-run.ts';
import type { Look, RemoteWork } from './remote-run.ts';
import type { Trainer, TrainerHandle, TrainerRun } from './trainer.ts';

export interface HttpTrainerOptions {
  /** Where the service keeps runs. */
  readonly url: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where run folders are made, for the logs. */
  readonly folder: string;
  /** Milliseconds between two looks. Default 5,000. */
  readonly pollMs?: number;
  /** Milliseconds of one exchange. Default 30,000. */
  readonly timeoutMs?: number;
  /** Milliseconds for which a start is tried again. Default 120,000. */
  readonly startWithinMs?: number;
  readonly graceMs?: number;
  readonly maxRunMs?: number;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** Parts of a log that are read at one look; what is printed faster than that is read later, or skipped by the service. */
const LOG_READS_MAX = 40;
/**
 * Answers after which the same may succeed, besides all of 5xx: request time-out, too early, too many requests; and what is
 * repaired in the settings of either side, such as a token that has expired: no request is to be lost for that.
 */
const PASSING_STATUS: ReadonlySet<number> = new Set([401, 403, 404, 408, 425, 429]);

/** Has every plan trained by a service, by the contract of docs/trainer-http.md. */
export class HttpTrainer implements Trainer {
  readonly reattaches = true;
  readonly #options: HttpTrainerOptions;

  constructor(options: HttpTrainerOptions) {
    this.#options = options;
  }

  start(run: TrainerRun): TrainerHandle {
    const { folder, pollMs = 5_000, startWithinMs = 120_000 } = this.#options;
    const { graceMs = DEFAULT_GRACE_MS, maxRunMs = DEFAULT_MAX_RUN_MS } = this.#options;
    const { files = systemFiles, clock = systemClock, random = systemRandom } = this.#options;
    const limits = { graceMs, maxRunMs };
    return new RemoteRun(run, {
      folder,
      ...limits,
      pollMs,
      startWithinMs,
      files,
      clock,
      random,
      open: (onLog) => new HttpWork(run, { ...this.#options, ...limits, clock }, onLog),
      progressInLog: false,
    });
  }
}

/** The name of a run at a service: of model and run id only. */
export function httpRunKey({ plan }: TrainerRun): string {
  return `${modelPath(plan.model.name)}-${plan.runId}`;
}

type WorkOptions = HttpTrainerOptions & { readonly graceMs: number; readonly maxRunMs: number; readonly clock: Clock };

class HttpWork implements RemoteWork {
  readonly #run: TrainerRun;
  readonly #options: WorkOptions;
  readonly #onLog: (chunk: Buffer) => Promise<void>;
  readonly #url: string;
  #logAt = '';
  #told = '{}';

  constructor(run: TrainerRun, options: WorkOptions, onLog: (chunk: Buffer) => Promise<void>) {
    this.#run = run;
    this.#options = options;
    this.#onLog = onLog;
    const url = new URL(options.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${encodeURIComponent(httpRunKey(run))}`;
    this.#url = url.href;
  }

  async begin(signal: AbortSignal): Promise<void> {
    const { graceMs, maxRunMs } = this.#options;
    const { plan, planKey } = this.#run;
    const body: StartOrderBody = {
      version: 1,
      run: httpRunKey(this.#run),
      plan: { ...plan },
      planKey,
      maxRuntimeSeconds: maxRunMs / 1000,
      graceSeconds: graceMs / 1000,
    };
    const answer = await this.#ask('PUT', this.#url, { body: JSON.stringify(body), signal });
    // 409: it is there already, whoever started it.
    if (answer.status !== 409) checkAnswer('PUT', this.#url, answer);
  }

  async look(signal?: AbortSignal): Promise<Look> {
    for (let reads = 1; ; reads++) {
      const status = await this.#status(signal);
      if (!status) return { state: 'gone', reason: `the service no longer knows the run at ${shownUrl(this.#url)}` };
      const { log } = status;
      if (log) {
        if (log.text !== '') await this.#onLog(Buffer.from(log.text));
        const moved = log.next !== this.#logAt;
        this.#logAt = log.next;
        if (log.more === true && moved && reads < LOG_READS_MAX) continue;
      }
      return { ...this.#news(status), ...lookOf(status) };
    }
  }

  async end(graceMs: number): Promise<void> {
    const url = new URL(this.#url);
    url.searchParams.set('grace', String(graceMs / 1000));
    const answer = await this.#ask('DELETE', url.href);
    if (answer.status !== 404 && answer.status !== 410 && answer.status !== 409)
      checkAnswer('DELETE', this.#url, answer);
  }

  async #status(signal?: AbortSignal): Promise<RunStatusBody | undefined> {
    const url = new URL(this.#url);
    if (this.#logAt !== '') url.searchParams.set('log', this.#logAt);
    const answer = await this.#ask('GET', url.href, { signal });
    if (answer.status === 404 || answer.status === 410) return undefined;
    checkAnswer('GET', this.#url, answer);
    let value: unknown;
    try {
      value = JSON.parse(answer.text);
    } catch {
      throw new RemoteFault('refused', `GET ${shownUrl(this.#url)} is answered with no JSON: ${excerpt(answer.text)}`);
    }
    const parsed = readStatusSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') || 'the whole';
    throw new RemoteFault(
      'refused',
      `GET ${shownUrl(this.#url)} is answered against the contract: ${field}: ${issue?.message}`,
    );
  }

  /** What has changed since the last look. */
  #news({ progress, metrics }: RunStatusBody): Pick<Look, 'told'> {
    const told = { ...(progress !== undefined && { progress }), ...(metrics && { metrics }) };
    const text = JSON.stringify(told);
    if (text === this.#told) return {};
    this.#told = text;
    return { told };
  }

  async #ask(
    method: HttpRequest['method'],
    url: string,
    { body, signal }: { body?: string; signal?: AbortSignal | undefined } = {},
  ): Promise<HttpAnswer> {
    const { token, headers, timeoutMs = DEFAULT_TIMEOUT_MS, clock } = this.#options;
    const { traceparent, tracestate } = this.#run;
    try {
      return await exchange({
        method,
        url,
        headers: {
          accept: 'application/json',
          ...headers,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(traceparent !== undefined && { traceparent }),
          ...(tracestate !== undefined && { tracestate }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
        timeoutMs,
        clock,
        signal,
      });
    } catch (error) {
      if (error instanceof NoAnswer) throw new RemoteFault('passing', error.message, { cause: error });
      throw error;
    }
  }
}

function lookOf({ state, startedAt, result, failure }: RunStatusBody): Look {
  switch (state) {
    case 'queued':
    case 'running':
      return { state: 'running', ...(startedAt !== undefined && { startedAtMs: Date.parse(startedAt) }) };
    case 'succeeded':
      return { state, result };
    case 'cancelled':
      return { state: 'failed', meaning: 'interrupted', reason: 'the service cancelled the run' };
    case 'failed': {
      const { exitCode, meaning, reason = 'the service gave no reason' } = failure ?? {};
      const exit = exitCode === undefined ? undefined : ({ kind: 'exited', code: exitCode } as const);
      const byCode = exit ? meaningOf(exit) : 'retry';
      return {
        state,
        meaning: meaning ?? (byCode === 'success' ? 'retry' : byCode),
        reason: reason.replace(/\s+/g, ' ').slice(0, REASON_MAX_LENGTH),
        ...(exit && { exit }),
      };
    }
  }
}

/** Raises for everything but 2xx. */
function checkAnswer(method: string, url: string, { status, text, retryAfterMs = 0 }: HttpAnswer): void {
  if (status >= 200 && status < 300) return;
  const passing = status >= 500 || PASSING_STATUS.has(status);
  const how = status >= 300 && status < 400 ? ' (redirects are not followed: configure the address itself)' : '';
  throw new RemoteFault(
    passing ? 'passing' : 'refused',
    `${method} ${shownUrl(url)} is answered with ${status}${how}: ${excerpt(text)}`,
    { retryAfterMs },
  );
}

/** Of a problem document what it says, otherwise the beginning. */
function excerpt(text: string): string {
  let said = text;
  try {
    const { detail, title, error } = JSON.parse(text) as { detail?: unknown; title?: unknown; error?: unknown };
    const found = [detail, title, error].find((value) => typeof value === 'string');
    if (typeof found === 'string') said = found;
  } catch {
    // No JSON: as it is.
  }
  return said.replace(/\s+/g, ' ').trim().slice(0, 300) || 'without a reason';
}
