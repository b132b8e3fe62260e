import { RetrainError } from '../../errors.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { RETRY_BACKOFF, backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { DEFAULT_QUEUE, checkedConnection, toRetrainError } from '../connection.ts';
import type { Connection } from '../connection.ts';
import type { LedgerEvent } from './ledger.ts';
import type { Ledger } from './ledger-record.ts';
import { OutcomeLog } from '../outcome-log.ts';
import { checkPolicy } from './policy-check.ts';
import type { Registry } from '../registries/registry.ts';
import { messageOf } from './session-errors.ts';
import { SessionLease, jittered } from './session-lease.ts';
import { TakeOverWatch, ownProcess } from './session-takeover.ts';
import { SessionWork } from './session-work.ts';
import { WorkerConnection } from './worker-connection.ts';
import type { ModelPolicy, WorkerContext } from './worker-context.ts';
import type { WorkerLog } from './worker-log.ts';
import { Outcomes } from './worker-outcomes.ts';

/** Models worked on at the same time by one process, at most. */
export const CONCURRENCY_MAX = 64;
const DEFAULT_CONCURRENCY = 1;
const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_MARGIN_MS = 5000;
const DEFAULT_OPERATION_MS = 5000;
/** Beyond the trainers' grace period, how long a shutdown waits for accepts to end and sessions to be released. */
const STOP_MARGIN_MS = 10_000;
/** Share of the lock duration for which a slot leaves alone what another worker holds. */
const LEFT_SHARE = 1 / 8;
/** Between two accepts that find nothing, at least: a broker that refuses at once instead of waiting is not asked in a loop. */
const IDLE_MIN_MS = 250;
/** How long a slot keeps away from a session that another slot is about to release. */
const REFUSED_MS = 250;
/** Between two tries to reach a broker that does not answer. */
const UNREACHABLE_BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };

export interface WorkerOptions {
  /** Of Azure Service Bus or of `retrain broker`: a connection string, or what `credentialConnection` gives. */
  readonly connection: Connection | string;
  /** Default: the connection string's EntityPath, or `model-retraining-queue`. It must have sessions and duplicate detection. */
  readonly queue?: string;
  /** How a model is retrained; undefined when it is not this worker's business: its requests are dead-lettered `UnknownModel`. */
  readonly policyOf: (model: string) => ModelPolicy | undefined;
  readonly registry: Registry;
  /** Queue or topic for outcome events. */
  readonly outcomes?: string;
  /** Folder for the local log of outcome events. */
  readonly outcomeFolder?: string;
  /** Models worked on at the same time, 1 to 64. Default 1. */
  readonly concurrency?: number;
  /** Milliseconds that a trainer has between SIGTERM and SIGKILL when the worker shuts down. Default 30,000. */
  readonly graceMs?: number;
  /** The queue's lock duration, milliseconds; by default it is taken from each session's lock. */
  readonly lockDurationMs?: number;
  /** Beyond the lock duration, how long another's run is left alone and a lost session is asked for. Default 5,000. */
  readonly marginMs?: number;
  /** Milliseconds that the broker has to answer an operation, and that it may hold an idle accept: a shutdown waits for it. Default 5,000. */
  readonly operationMs?: number;
  /** Between attempts. Default: 30 seconds, doubling up to an hour, with full jitter. */
  readonly backoff?: Backoff;
  readonly log?: WorkerLog;
  /** Called synchronously around every change of a model's ledger. */
  readonly onLedgerWrite?: (moment: 'before' | 'after', event: LedgerEvent, ledger: Ledger) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly files?: Files;
}

/**
 * Answers retraining requests: a pool of slots, each of which works on one model's session at a time. It runs from `start`
 * until `stop`, whatever happens to broker and connection.
 */
export class RetrainingWorker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #queue: string;
  readonly #connection: WorkerConnection;
  readonly #host: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: WorkerLog;
  readonly #stopping = new AbortController();
  readonly #givingUp = new AbortController();
  /** Sessions that this process holds or is accepting again. */
  readonly #leases = new Map<string, SessionLease>();
  #slots: Promise<unknown> | undefined;
  #stopped: Promise<void> | undefined;
  #replacing: Promise<void> | undefined;
  /** Whether the last accept of any slot failed. */
  #unreached = false;

  /** Raises `CONNECTION_STRING_INVALID` and `CONFIGURATION_INVALID`; nothing is connected yet. */
  constructor(options: WorkerOptions) {
    const { concurrency = DEFAULT_CONCURRENCY, operationMs = DEFAULT_OPERATION_MS } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX)
      throw new RetrainError('CONFIGURATION_INVALID', `concurrency = ${concurrency}: use 1 to ${CONCURRENCY_MAX}`);
    const connection = checkedConnection(options.connection);
    this.#options = options;
    this.#host = connection.host;
    this.#queue = options.queue ?? connection.entityPath ?? DEFAULT_QUEUE;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#log = options.log ?? (() => undefined);
    this.#connection = new WorkerConnection({ connection, queue: this.#queue, operationMs, clock: this.#clock });
  }

  /** Begins to accept sessions; a second call does nothing. */
  async start(): Promise<void> {
    if (this.#slots) return;
    const { concurrency = DEFAULT_CONCURRENCY } = this.#options;
    const context = this.#context(await ownProcess({ random: this.#random }));
    const watch = new TakeOverWatch(context.me);
    this.#log({ fact: 'worker-started', queue: this.#queue, slots: concurrency });
    this.#slots = Promise.all(Array.from({ length: concurrency }, () => this.#slot(context, watch)));
  }

  /**
   * Accepts no more, tells trainers to stop, waits the grace period, and releases the sessions without settling: what was
   * not finished is delivered to another worker. Resolves when nothing of this worker runs any more.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    const { graceMs = DEFAULT_GRACE_MS } = this.#options;
    this.#log({ fact: 'worker-stopping' });
    this.#stopping.abort();
    const ended = new AbortController();
    const slots = (this.#slots ?? Promise.resolve()).finally(() => ended.abort());
    await Promise.race([slots, pause(this.#clock, graceMs + STOP_MARGIN_MS, ended.signal)]);
    // A broker that is not there must not hold the process for a lock duration: whoever has the sessions next goes on.
    this.#givingUp.abort();
    await this.#connection.close();
    await slots;
    this.#log({ fact: 'worker-stopped' });
  }

  #context(me: WorkerContext['me']): WorkerContext {
    const { policyOf, registry, outcomes, outcomeFolder, graceMs = DEFAULT_GRACE_MS } = this.#options;
    const { backoff = RETRY_BACKOFF, files = systemFiles } = this.#options;
    const [clock, random, log] = [this.#clock, this.#random, this.#log];
    const kept = outcomeFolder === undefined ? undefined : new OutcomeLog({ folder: outcomeFolder, files });
    return {
      me,
      policyOf: (model) => {
        const policy = policyOf(model);
        return policy && checkPolicy(model, policy);
      },
      registry,
      graceMs,
      executed: new Set(),
      backoff,
      files,
      clock,
      random,
      log,
      outcomes: new Outcomes({
        send: outcomes === undefined ? undefined : (message) => this.#connection.send(outcomes, message),
        keep: kept && ((event) => kept.append(event)),
        clock,
        random,
        log,
      }),
      send: (message) => this.#connection.send(this.#queue, message),
      shutdown: this.#stopping.signal,
    };
  }

  async #slot(context: WorkerContext, watch: TakeOverWatch): Promise<void> {
    const signal = this.#stopping.signal;
    for (let failures = 0; !signal.aborted;) {
      try {
        const begunMs = this.#clock.monotonicMs();
        const next = await this.#connection.acceptNext();
        failures = 0;
        if (this.#unreached) this.#log({ fact: 'reachable' });
        this.#unreached = false;
        if (next.kind === 'idle') {
          await pause(this.#clock, Math.max(0, begunMs + IDLE_MIN_MS - this.#clock.monotonicMs()), signal);
          continue;
        }
        if (signal.aborted) return await next.receiver.close();
        const waitMs = await this.#work(next.receiver, context, watch);
        await pause(this.#clock, waitMs, signal);
      } catch (error) {
        failures++;
        await this.#unreachable(error, failures);
      }
    }
  }

  /** Works on a session; returns how long the slot should keep away from it. */
  async #work(
    receiver: Parameters<SessionLease['adopt']>[0],
    context: WorkerContext,
    watch: TakeOverWatch,
  ): Promise<number> {
    const live = this.#leases.get(receiver.sessionId);
    if (live) return (await live.adopt(receiver)) ? 0 : jittered(REFUSED_MS, context.random);
    const { clock, random, log, me } = context;
    const { lockDurationMs, marginMs = DEFAULT_MARGIN_MS, onLedgerWrite } = this.#options;
    const lease = new SessionLease({
      receiver,
      me,
      lockDurationMs,
      marginMs,
      giveUp: this.#givingUp.signal,
      clock,
      random,
      log,
      accept: (model) => this.#connection.accept(model),
      onWrite: onLedgerWrite,
    });
    const { model } = lease;
    this.#leases.set(model, lease);
    log({ fact: 'session-accepted', model, lockDurationMs: Math.round(lease.lockDurationMs) });
    const awayMs = jittered(lease.lockDurationMs * LEFT_SHARE, random);
    try {
      const unchangedForMs = lease.lockDurationMs + marginMs;
      const { left } = await new SessionWork({ context, lease, watch, unchangedForMs }).work();
      if (!left) return 0;
      log({ fact: 'session-left', model, runId: left.runId, retryInMs: Math.round(awayMs) });
      return awayMs;
    } catch (error) {
      const code = error instanceof RetrainError ? { code: error.code } : {};
      log({ fact: 'session-failed', model, reason: messageOf(error), ...code });
      return awayMs;
    } finally {
      this.#leases.delete(model);
      log({ fact: 'session-released', model });
    }
  }

  async #unreachable(error: unknown, failures: number): Promise<void> {
    const known = toRetrainError(error, { host: this.#host, entity: this.#queue });
    // A connection that is closed before it is open raises an error of no particular kind.
    const code = known instanceof RetrainError ? known.code : 'UNREACHABLE';
    const reason = known instanceof RetrainError ? known.message : `${this.#host} failed (${messageOf(known)})`;
    const retryInMs = backoffMs(failures, UNREACHABLE_BACKOFF, this.#random);
    this.#unreached = true;
    this.#log({ fact: 'unreachable', reason, code, retryInMs });
    if (error instanceof RetrainError && error.code === 'UNREACHABLE') await this.#replaceClient(error.message);
    await pause(this.#clock, retryInMs, this.#stopping.signal);
  }

  /** Several slots notice a stuck client at once; it is replaced once. */
  async #replaceClient(reason: string): Promise<void> {
    this.#replacing ??= this.#connection.replace().finally(() => {
      this.#replacing = undefined;
      this.#log({ fact: 'client-replaced', reason });
    });
    await this.#replacing;
  }
}
