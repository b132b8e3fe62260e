import type { Run } from './ledger-record.ts';
import { nextRun, waitingOf } from './ledger-view.ts';
import { LockKeeper } from './lock-keeper.ts';
import { PeekedCancels } from './peeked-cancels.ts';
import { takeForPlan } from '../plan.ts';
import { RunStages } from './run-stages.ts';
import { Disposals } from './session-disposals.ts';
import { SessionRenewed } from './session-errors.ts';
import type { SessionLease } from './session-lease.ts';
import { SessionMessages } from './session-messages.ts';
import type { TakeOverWatch } from './session-takeover.ts';
import { limitsOf } from './worker-context.ts';
import type { WorkerContext } from './worker-context.ts';
import { isExhausted, sortOut } from './worker-sort.ts';
import type { Candidate } from './worker-sort.ts';

/** Random bytes in a run id; the epoch before them keeps two of them apart already, unless a ledger was cleared. */
const RUN_ID_BYTES = 6;

export interface SessionWorkOptions {
  readonly context: WorkerContext;
  readonly lease: SessionLease;
  readonly watch: TakeOverWatch;
  /** How long another's lease counter must stand still before its run is taken over, milliseconds. */
  readonly unchangedForMs: number;
}

/** What a slot does with a session it was given: at most one run, and everything that no run answers. */
export class SessionWork {
  readonly #options: SessionWorkOptions;
  readonly #keeper: LockKeeper;
  readonly #messages: SessionMessages;
  readonly #disposals: Disposals;
  readonly #stages: RunStages;
  readonly #peekedCancels = new PeekedCancels();
  #ran = false;

  constructor(options: SessionWorkOptions) {
    const { context, lease } = options;
    const { clock, log } = context;
    this.#options = options;
    this.#keeper = new LockKeeper({
      lease,
      clock,
      log,
      onCancel: (event) => {
        this.#peekedCancels.add(event);
        this.#stages.execution?.cancel(event);
      },
    });
    this.#messages = new SessionMessages({ lease, keeper: this.#keeper, context });
    this.#disposals = new Disposals({ context, lease, messages: this.#messages });
    this.#stages = new RunStages({
      context,
      lease,
      messages: this.#messages,
      disposals: this.#disposals,
      cancels: () => [...this.#peekedCancels, ...this.#messages.cancels()],
    });
  }

  /**
   * Works until there is nothing left to do or one run was settled (then other models get their turn), and releases the
   * session. Returns how many runs were settled, or the run that belongs to another worker when the session was left alone;
   * raises `LOCK_LOST` when it was lost.
   */
  async work(): Promise<{ left?: Run; runs: number }> {
    try {
      const left = await this.#takeOver();
      if (left) return { left, runs: 0 };
      while (await this.#step());
      if (this.#disposals.failure !== undefined) throw this.#disposals.failure;
      return { runs: this.#ran ? 1 : 0 };
    } finally {
      this.#keeper.stop();
      await this.#options.lease.release();
      await this.#keeper.stopped;
    }
  }

  /** A link that is lost meanwhile is no reason to give the session back: the ledger is read once more. */
  async #takeOver(): Promise<Run | undefined> {
    for (;;)
      try {
        return await this.#judge();
      } catch (error) {
        if (!(error instanceof SessionRenewed)) throw error;
      }
  }

  /** The ledger is read before anything is written. */
  async #judge(): Promise<Run | undefined> {
    const { context, lease, watch, unchangedForMs } = this.#options;
    const { run } = await lease.readLedger();
    if (!run) return undefined;
    const verdict = await watch.judge(lease.model, run, { nowMs: context.clock.monotonicMs(), unchangedForMs });
    if (!verdict.take) return run;
    const { runId, stage } = run;
    context.log({ fact: 'run-taken-over', model: lease.model, runId, stage, why: verdict.why });
    if (stage === 'started') await this.#stages.restart();
    else await lease.write({ type: 'leased', owner: context.me });
    return undefined;
  }

  /** One step, after which the ledger is looked at again; false when the session can be released. */
  async #step(): Promise<boolean> {
    const { lease } = this.#options;
    try {
      const { run } = lease.ledger;
      if (!run) return await this.#receive();
      await this.#stages.follow(run);
      if (this.#stages.isLetGo) return false;
      this.#ran ||= lease.ledger.run === null && run.stage !== 'started';
      return true;
    } catch (error) {
      if (error instanceof SessionRenewed) return true;
      throw error;
    }
  }

  async #receive(): Promise<boolean> {
    const { context, lease } = this.#options;
    if (context.shutdown.aborted) return false;
    if (this.#messages.held.length === 0 && !(await this.#more())) return false;
    const policy = context.policyOf(lease.model);
    const { disposals, candidates } = sortOut(this.#messages.held, {
      ledger: lease.ledger,
      nowMs: context.clock.wallMs(),
      modelKnown: policy !== undefined,
      seen: this.#messages.seen,
    });
    for (const disposal of disposals) {
      await this.#disposals.dispose(disposal);
      if (disposal.kind === 'cancel') this.#peekedCancels.delete(disposal.event);
    }
    if (this.#ran) return false;
    if (!policy || candidates.length === 0) return true;
    const spent = candidates.filter((candidate) => isExhausted(lease.ledger, candidate, limitsOf(policy)));
    for (const candidate of spent) await this.#disposals.giveUp(candidate);
    const wanted = candidates.filter((candidate) => !spent.includes(candidate));
    if (wanted.length === 0) return true;
    const { maxRunsPerDay = Infinity, cooldownMs = 0, maxRequests } = policy;
    const nowMs = context.clock.wallMs();
    const next = nextRun(lease.ledger, { nowMs, maxRunsPerDay, cooldownMs });
    const { notBeforeMs } = this.#stages;
    const wait = notBeforeMs > next.atMs ? ({ atMs: notBeforeMs, cause: 'interruption' } as const) : next;
    if (wait.atMs > nowMs) await this.#disposals.postpone(wanted, { untilMs: wait.atMs, cause: wait.cause });
    else await this.#start(takeForPlan(wanted, (request) => waitingOf(lease.ledger, request).alone, maxRequests).taken);
    return true;
  }

  /** After a run only its own messages are still of interest: after a take-over they may not have been received yet. */
  async #more(): Promise<boolean> {
    if (this.#ran && !this.#stages.owesCompletions) return false;
    return this.#messages.receive();
  }

  async #start(taken: readonly Candidate<unknown>[]): Promise<void> {
    const { context, lease } = this.#options;
    const { model } = lease;
    const registryState = await context.registry.read(model);
    const epoch = Math.max(lease.ledger.epoch, registryState.epoch) + 1;
    const runId = `${epoch}-${context.random.bytes(RUN_ID_BYTES).toString('hex')}`;
    const requests = taken.map(({ source, id, hop }) => ({ source, id, hop }));
    const [atMs, championEpoch] = [context.clock.wallMs(), registryState.epoch];
    await lease.write({ type: 'started', runId, epoch, owner: context.me, atMs, championEpoch, requests });
    context.log({ fact: 'run-started', model, runId, epoch, requests: requests.length });
  }
}
