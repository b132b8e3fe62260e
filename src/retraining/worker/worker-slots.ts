import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { closeClient, toRetrainError } from '../connection.ts';
import type { LedgerEvent } from './ledger.ts';
import type { Ledger } from './ledger-record.ts';
import { messageOf } from './session-errors.ts';
import { SessionLease, jittered } from './session-lease.ts';
import type { SessionLink, SessionSource } from './session-link.ts';
import type { TakeOverWatch } from './session-takeover.ts';
import { SessionWork } from './session-work.ts';
import type { Visit } from './visit.ts';
import type { WorkerContext } from './worker-context.ts';

/** Share of the lock duration for which a slot leaves alone what another worker holds. */
const LEFT_SHARE = 1 / 8;
/** Between two accepts that find nothing, at least: a broker that refuses at once instead of waiting is not asked in a loop. */
const IDLE_MIN_MS = 250;
/** How long a slot keeps away from a session that another slot is about to release. */
const REFUSED_MS = 250;
/** Between two tries to reach a broker that does not answer. */
const UNREACHABLE_BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };

export interface WorkerSlotsOptions {
  readonly context: WorkerContext;
  readonly watch: TakeOverWatch;
  readonly sessions: SessionSource;
  readonly host: string;
  readonly queue: string;
  readonly lockDurationMs: number | undefined;
  readonly marginMs: number;
  /** How long the broker has to answer a settlement, milliseconds. */
  readonly settlementMs: number;
  /** Aborts when nothing is waited for any more: then every session counts as lost. */
  readonly giveUp: AbortSignal;
  readonly onLedgerWrite: ((moment: 'before' | 'after', event: LedgerEvent, ledger: Ledger) => void) | undefined;
}

/** How a slot's turn at a session went. */
type Turn =
  | { readonly kind: 'worked'; readonly runs: number }
  /** It is another worker's. */
  | { readonly kind: 'left' }
  /** Another slot of this worker has it, or is about to release it. */
  | { readonly kind: 'handed-over'; readonly adopted: boolean }
  | { readonly kind: 'failed'; readonly reason: string; readonly code: ErrorCode | undefined };

/** The slots of a worker, each of which works on one model's session at a time. */
export class WorkerSlots {
  readonly #options: WorkerSlotsOptions;
  /** Sessions that this process holds or is accepting again. */
  readonly #leases = new Map<string, SessionLease>();
  #replacing: Promise<void> | undefined;
  /** Whether the last accept of any slot failed. */
  #unreached = false;

  constructor(options: WorkerSlotsOptions) {
    this.#options = options;
  }

  /**
   * Works in so many slots until the worker shuts down or, on a visit, until nothing is available or nothing more is to be
   * accepted. It never rejects.
   */
  async work(slots: number, visit?: Visit): Promise<void> {
    await Promise.all(Array.from({ length: slots }, () => this.#slot(visit)));
  }

  async #slot(visit: Visit | undefined): Promise<void> {
    const { sessions, context } = this.#options;
    const { clock, log, shutdown: signal } = context;
    for (let [unreached, failed] = [0, 0]; !signal.aborted;) {
      // A broker that is away is tried on as ever: a visit that has seen nothing must not end as if nothing were there.
      if (unreached === 0 && visit?.accepts === false) return;
      try {
        const begunMs = clock.monotonicMs();
        const next = await sessions.acceptNext();
        unreached = 0;
        if (this.#unreached) log({ fact: 'reachable' });
        this.#unreached = false;
        if (next.kind === 'idle') {
          if (visit) return;
          await pause(clock, Math.max(0, begunMs + IDLE_MIN_MS - clock.monotonicMs()), signal);
          continue;
        }
        if (signal.aborted || this.#comesTooLate(next.receiver, visit))
          return await closeClient(next.receiver, { clock });
        const { turn, awayMs } = await this.#work(next.receiver);
        if (turn.kind === 'worked') visit?.worked(turn.runs);
        failed = turn.kind === 'failed' ? failed + 1 : 0;
        if (turn.kind === 'failed' && visit?.failed(failed, turn)) return;
        await pause(clock, awayMs, signal);
      } catch (error) {
        unreached++;
        const why = this.#unreachable(error);
        if (visit?.unreached(unreached, why)) return;
        await this.#reachAgain(error, { ...why, retryInMs: backoffMs(unreached, UNREACHABLE_BACKOFF, context.random) });
      }
    }
  }

  /** Offered after a visit's time to accept; that of a run under way, which has lost its link, is taken all the same. */
  #comesTooLate({ sessionId }: SessionLink, visit: Visit | undefined): boolean {
    return visit?.accepts === false && !this.#leases.has(sessionId);
  }

  /** Works on a session; tells how long the slot should keep away from it. */
  async #work(receiver: SessionLink): Promise<{ turn: Turn; awayMs: number }> {
    const { context, watch, marginMs } = this.#options;
    const { random, log } = context;
    const live = this.#leases.get(receiver.sessionId);
    if (live) {
      const adopted = await live.adopt(receiver);
      return { turn: { kind: 'handed-over', adopted }, awayMs: adopted ? 0 : jittered(REFUSED_MS, random) };
    }
    const lease = this.#lease(receiver);
    const { model } = lease;
    this.#leases.set(model, lease);
    log({ fact: 'session-accepted', model, lockDurationMs: Math.round(lease.lockDurationMs) });
    const awayMs = jittered(lease.lockDurationMs * LEFT_SHARE, random);
    try {
      const unchangedForMs = lease.lockDurationMs + marginMs;
      const { left, runs } = await new SessionWork({ context, lease, watch, unchangedForMs }).work();
      if (!left) return { turn: { kind: 'worked', runs }, awayMs: 0 };
      log({ fact: 'session-left', model, runId: left.runId, retryInMs: Math.round(awayMs) });
      return { turn: { kind: 'left' }, awayMs };
    } catch (error) {
      const code = error instanceof RetrainError ? error.code : undefined;
      const reason = messageOf(error);
      log({ fact: 'session-failed', model, reason, ...(code && { code }) });
      return { turn: { kind: 'failed', reason, code }, awayMs };
    } finally {
      this.#leases.delete(model);
      log({ fact: 'session-released', model });
    }
  }

  #lease(receiver: SessionLink): SessionLease {
    const { context, sessions, lockDurationMs, marginMs, settlementMs, giveUp, onLedgerWrite } = this.#options;
    const { me, clock, random, log } = context;
    return new SessionLease({
      receiver,
      me,
      lockDurationMs,
      marginMs,
      settlementMs,
      giveUp,
      clock,
      random,
      log,
      accept: (model) => sessions.accept(model),
      onWrite: onLedgerWrite,
    });
  }

  #unreachable(error: unknown): { reason: string; code: ErrorCode } {
    const { host, queue } = this.#options;
    const known = toRetrainError(error, { host, entity: queue });
    if (known instanceof RetrainError) return { reason: known.message, code: known.code };
    // A connection that is closed before it is open raises an error of no particular kind.
    return { reason: `${host} failed (${messageOf(known)})`, code: 'UNREACHABLE' };
  }

  async #reachAgain(error: unknown, why: { reason: string; code: ErrorCode; retryInMs: number }): Promise<void> {
    const { clock, log, shutdown } = this.#options.context;
    this.#unreached = true;
    log({ fact: 'unreachable', ...why });
    if (error instanceof RetrainError && error.code === 'UNREACHABLE') await this.#replaceClient(error.message);
    await pause(clock, why.retryInMs, shutdown);
  }

  /** Several slots notice a stuck client at once; it is replaced once. */
  async #replaceClient(reason: string): Promise<void> {
    const { sessions, context } = this.#options;
    this.#replacing ??= sessions.replace().finally(() => {
      this.#replacing = undefined;
      context.log({ fact: 'client-replaced', reason });
    });
    await this.#replacing;
  }
}
