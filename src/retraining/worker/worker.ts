import { RetrainError } from '../../errors.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { RETRY_BACKOFF } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import type { ServiceBusMessage } from '@azure/service-bus';
import { WorkerTelemetry } from '../telemetry/worker-telemetry.ts';
import { DEFAULT_QUEUE, checkedConnection } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { DetectedSessions } from './detected-sessions.ts';
import type { LedgerEvent } from './ledger.ts';
import type { Ledger } from './ledger-record.ts';
import { OutcomeLog } from '../outcome-log.ts';
import { checkPolicy } from './policy-check.ts';
import type { Registry } from '../registries/registry.ts';
import type { Trainer } from '../trainers/trainer.ts';
import { PlainSessions } from './plain-sessions.ts';
import { TakeOverWatch, ownProcess } from './session-takeover.ts';
import { Visit } from './visit.ts';
import type { OnceOptions, OnceResult } from './visit.ts';
import { WorkerConnection } from './worker-connection.ts';
import type { ModelPolicy, WorkerContext } from './worker-context.ts';
import type { WorkerLog } from './worker-log.ts';
import { Outcomes } from './worker-outcomes.ts';
import { WorkerSlots } from './worker-slots.ts';

/** Models worked on at the same time by one process, at most. */
export const CONCURRENCY_MAX = 64;
const DEFAULT_CONCURRENCY = 1;
const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_MARGIN_MS = 5000;
const DEFAULT_OPERATION_MS = 5000;
/** Beyond the trainers' grace period, how long a shutdown waits for accepts to end and sessions to be released. */
const STOP_MARGIN_MS = 10_000;
/** Trainers that are closed at the stop; whoever makes one anew for every look at a policy closes it. */
const TRAINERS_CLOSED_MAX = 10_000;

export interface WorkerOptions {
  /** Of Azure Service Bus or of `retrain broker`: a connection string, or what `credentialConnection` gives. */
  readonly connection: Connection | string;
  /**
   * Default: the connection string's EntityPath, or `model-retraining-queue`. It must have duplicate detection, and sessions
   * unless there is a `ledgerFolder`.
   */
  readonly queue?: string;
  /** Absolute, local folder for the ledgers of a queue without sessions: then this is the only worker (docs/plain-queues.md). */
  readonly ledgerFolder?: string;
  /** Whether the queue has sessions. Default: with a `ledgerFolder` the broker is asked, without one it must have some. */
  readonly sessions?: boolean;
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
  readonly #telemetry: WorkerTelemetry;
  readonly #stopping = new AbortController();
  readonly #givingUp = new AbortController();
  #starting: Promise<void> | undefined;
  #slots: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #locals: DetectedSessions | undefined;
  /** Those that keep something for later runs. */
  readonly #trainers = new Set<Trainer>();

  /** Raises `CONNECTION_STRING_INVALID` and `CONFIGURATION_INVALID`; nothing is connected yet. */
  constructor(options: WorkerOptions) {
    const { concurrency = DEFAULT_CONCURRENCY, operationMs = DEFAULT_OPERATION_MS } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX)
      throw new RetrainError('CONFIGURATION_INVALID', `concurrency = ${concurrency}: use 1 to ${CONCURRENCY_MAX}`);
    if (options.sessions === false && options.ledgerFolder === undefined)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        'ledgerFolder is missing: a queue without sessions keeps no ledgers, name a folder for them',
      );
    const connection = checkedConnection(options.connection);
    this.#options = options;
    this.#host = connection.host;
    this.#queue = options.queue ?? connection.entityPath ?? DEFAULT_QUEUE;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    const place = { destination: this.#queue, host: this.#host, clock: this.#clock };
    this.#telemetry = new WorkerTelemetry(place);
    this.#log = (fact) => {
      this.#telemetry.runs.see(fact);
      options.log?.(fact);
    };
    this.#connection = new WorkerConnection({
      connection,
      queue: this.#queue,
      operationMs,
      clock: this.#clock,
      random: this.#random,
    });
  }

  /** Begins to accept sessions; a second call does nothing. */
  async start(): Promise<void> {
    await this.#start();
  }

  /**
   * Takes sessions until none is available within one wait, then ends by itself, as a job that is started for every backlog
   * does: a slot that finds nothing ends at once, whatever others still work on. It never rejects on account of the broker.
   * With `acceptForMs` it accepts no session after that time; what is under way goes on to its end.
   */
  async runOnce(options: OnceOptions = {}): Promise<OnceResult> {
    if (this.#starting)
      throw new RetrainError('ARGUMENT_INVALID', 'this worker was started already: make another one for runOnce');
    const visit = new Visit({ ...options, clock: this.#clock });
    await this.#start(visit);
    await this.#slots;
    const stopped = this.#stopping.signal.aborted;
    await this.stop();
    return visit.result({ stopped });
  }

  #start(visit?: Visit): Promise<void> {
    this.#starting ??= this.#open(visit);
    return this.#starting;
  }

  async #open(visit: Visit | undefined): Promise<void> {
    const { concurrency = DEFAULT_CONCURRENCY, lockDurationMs, marginMs = DEFAULT_MARGIN_MS } = this.#options;
    const sessions = this.#sessionsOf(this.#options) ?? this.#connection;
    const context = this.#context(await ownProcess({ random: this.#random }));
    const slots = new WorkerSlots({
      context,
      watch: new TakeOverWatch(context.me),
      sessions,
      host: this.#host,
      queue: this.#queue,
      lockDurationMs,
      marginMs,
      settlementMs: this.#connection.operationMs,
      giveUp: this.#givingUp.signal,
      onLedgerWrite: this.#options.onLedgerWrite,
    });
    this.#log({ fact: 'worker-started', queue: this.#queue, slots: concurrency });
    this.#slots = slots.work(concurrency, visit);
  }

  /**
   * Accepts no more, tells trainers to stop, waits the grace period, and releases the sessions without settling: what was
   * not finished is delivered to another worker. Its trainers are closed. Resolves when nothing of this worker runs any more.
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
    await this.#locals?.close();
    await this.#connection.close();
    await slots;
    await this.#closeTrainers();
    this.#log({ fact: 'worker-stopped' });
  }

  /** What they keep for later runs, such as idle processes, is of no more use; what becomes of it does not hold up the stop. */
  async #closeTrainers(): Promise<void> {
    const ended = new AbortController();
    const closed = Promise.allSettled([...this.#trainers].map(async (trainer) => trainer.close?.()));
    await Promise.race([closed.then(() => ended.abort()), pause(this.#clock, STOP_MARGIN_MS, ended.signal)]);
    ended.abort();
  }

  /** Sends to a queue or topic, seen by OpenTelemetry. */
  #sending(destination: string): (message: ServiceBusMessage) => Promise<void> {
    const telemetry = this.#telemetry.messaging.at(destination);
    return (message) => {
      const messageId = typeof message.messageId === 'string' ? message.messageId : undefined;
      const operation = { name: 'send', type: 'send', messageId, model: message.sessionId } as const;
      return telemetry.operate(operation, () => this.#connection.send(destination, message));
    };
  }

  /** What gives sessions of a queue that has none, or may have none; undefined when it must have some. */
  #sessionsOf({ ledgerFolder, sessions, operationMs: waitMs = DEFAULT_OPERATION_MS }: WorkerOptions) {
    if (ledgerFolder === undefined || sessions === true) return undefined;
    const { files = systemFiles } = this.#options;
    const connection = this.#connection;
    const [clock, log] = [this.#clock, this.#log];
    const plain = (): PlainSessions =>
      new PlainSessions({ connection, folder: ledgerFolder, waitMs, files, clock, log });
    const onPlain = (): void => log({ fact: 'queue-without-sessions', queue: this.#queue, ledgerFolder });
    this.#locals = new DetectedSessions({ connection, known: sessions, plain, onPlain });
    return this.#locals;
  }

  #context(me: WorkerContext['me']): WorkerContext {
    const { policyOf, registry, outcomes, outcomeFolder, graceMs = DEFAULT_GRACE_MS } = this.#options;
    const { backoff = RETRY_BACKOFF, files = systemFiles } = this.#options;
    const [clock, random, log] = [this.#clock, this.#random, this.#log];
    const kept = outcomeFolder === undefined ? undefined : new OutcomeLog({ folder: outcomeFolder, files });
    return {
      me,
      policyOf: (model) => {
        const given = policyOf(model);
        const policy = given && checkPolicy(model, given);
        if (policy?.trainer.close && this.#trainers.size < TRAINERS_CLOSED_MAX) this.#trainers.add(policy.trainer);
        return policy;
      },
      registry,
      graceMs,
      executed: new Set(),
      backoff,
      files,
      clock,
      random,
      log,
      telemetry: this.#telemetry,
      outcomes: new Outcomes({
        send: outcomes === undefined ? undefined : this.#sending(outcomes),
        keep: kept && ((event) => kept.append(event)),
        clock,
        random,
        log,
      }),
      queue: this.#queue,
      send: this.#sending(this.#queue),
      shutdown: this.#stopping.signal,
    };
  }
}
