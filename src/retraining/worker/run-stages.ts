import { RetrainError } from '../../errors.ts';
import { abandon } from './abandoned-run.ts';
import { backoffMs } from '../backoff.ts';
import type { CancelEvent } from '../envelope.ts';
import { judge } from '../gate.ts';
import { planKey } from '../identity.ts';
import { INTERRUPTIONS_PER_ATTEMPT, advance } from './ledger.ts';
import type { LedgerEvent } from './ledger.ts';
import type { AppliedRun, DecidedRun, Run, StartedRun, StoppedRun, ToldRun, TrainedRun } from './ledger-record.ts';
import { answerOf, waitingOf } from './ledger-view.ts';
import { decisionEvents, stopEvents } from '../outcome.ts';
import { RunTelling } from './run-telling.ts';
import { RunExecution } from './run-execution.ts';
import type { RunResult } from '../trainers/run-result.ts';
import { keepResult } from './run-artifact.ts';
import { failedEnd, verdictOn } from './run-verdict.ts';
import type { FailedEnd } from './run-verdict.ts';
import type { Disposals } from './session-disposals.ts';
import { messageOf } from './session-errors.ts';
import type { SessionLease } from './session-lease.ts';
import type { Carrier, SessionMessages } from './session-messages.ts';
import { NOBODY, isSameOwner } from './session-takeover.ts';
import type { TrainerEnd } from '../trainers/trainer.ts';
import { EXECUTED_MAX, limitsOf } from './worker-context.ts';
import type { ModelPolicy, WorkerContext } from './worker-context.ts';
import { isExhausted, isOverdue } from './worker-sort.ts';

export interface RunStagesOptions {
  readonly context: WorkerContext;
  readonly lease: SessionLease;
  readonly messages: SessionMessages;
  readonly disposals: Disposals;
  /** Cancels that wait in the session, received or only peeked. */
  readonly cancels: () => readonly CancelEvent[];
}

/**
 * Does what follows each stage of the ledger, up to the next acknowledged write. Everything between two writes may have
 * happened already, before a crash or a lost link, and is done again with the same effect: see `advance` in ledger.ts.
 */
export class RunStages {
  readonly #context: WorkerContext;
  readonly #lease: SessionLease;
  readonly #messages: SessionMessages;
  readonly #disposals: Disposals;
  readonly #cancels: RunStagesOptions['cancels'];
  readonly #telling: RunTelling;
  #execution: RunExecution | undefined;
  #notBeforeMs = 0;
  #owesCompletions = false;
  #isLetGo = false;

  constructor({ context, lease, messages, disposals, cancels }: RunStagesOptions) {
    this.#context = context;
    this.#lease = lease;
    this.#messages = messages;
    this.#disposals = disposals;
    this.#cancels = cancels;
    this.#telling = new RunTelling({ context, lease, messages });
  }

  /** The trainer that was executed last in this session. */
  get execution(): RunExecution | undefined {
    return this.#execution;
  }

  /** After an interruption: when the next run may start, wall-clock milliseconds. */
  get notBeforeMs(): number {
    return this.#notBeforeMs;
  }

  /** Whether messages of the settled run were not at hand to be completed: they will be delivered, and are answered. */
  get owesCompletions(): boolean {
    return this.#owesCompletions;
  }

  /** Whether the run goes on without this worker: it is nobody's, and whoever has the session next attaches to it. */
  get isLetGo(): boolean {
    return this.#isLetGo;
  }

  async follow(run: Run): Promise<void> {
    switch (run.stage) {
      case 'started':
        return this.#train(run);
      case 'trained':
        return this.#decide(run);
      case 'decided':
        return this.#apply(run);
      case 'applied':
        return this.#tell(run);
      case 'told':
        return this.#settle(run);
      case 'stopped':
        return this.#windUp(run);
    }
  }

  /** Executes the trainer again for the same run, under a new epoch, so that what may be left of the first is fenced. */
  async restart(): Promise<void> {
    const { me, registry, executed, policyOf } = this.#context;
    const { model, ledger } = this.#lease;
    const { epoch } = await registry.read(model);
    const { run } = ledger;
    const event: LedgerEvent = {
      type: 'restarted',
      owner: me,
      epoch: Math.max(ledger.epoch, epoch) + 1,
      atMs: this.#nowMs(),
      // Of its own runs this process knows whether the trainer was executed; another's may have taken its worker down with it.
      // One that lives elsewhere goes on, and is only attached to.
      interrupted:
        policyOf(model)?.trainer.reattaches !== true &&
        (!run || !isSameOwner(run.owner, me) || executed.has(executionKey(run))),
    };
    if (run && event.interrupted) {
      const reason = 'its worker ended, or lost the session or the artifact: the run begins again';
      await this.#telling.interrupted(run, { event, reason });
    }
    if (!run || !this.#exhausts(event, run)) return this.#lease.write(event);
    await this.#lease.write({ type: 'leased', owner: me });
    const often = `interrupted ${INTERRUPTIONS_PER_ATTEMPT} times in a row without progress`;
    const reason = `the trainer was ${often}, at last when its worker ended or lost the session`;
    return this.#fail(run, failedEnd('retry', reason), this.#context.policyOf(model));
  }

  /** Whether an interruption uses up the attempts of one of the run's requests. */
  #exhausts(event: LedgerEvent, { requests }: Run): boolean {
    const policy = this.#context.policyOf(this.#lease.model);
    if (!policy) return false;
    const after = advance(this.#lease.ledger, event);
    return requests.some((request) => isExhausted(after, request, limitsOf(policy)));
  }

  async #train(run: StartedRun): Promise<void> {
    const policy = this.#context.policyOf(this.#lease.model);
    if (!policy) return this.#fail(run, failedEnd('permanent', 'no trainer is configured for the model any more'));
    if (this.#execution?.runId !== run.runId || this.#execution.epoch !== run.epoch) {
      const atHand = [...(await this.#carriers(run)).values()].map(({ event }) => event);
      // A deadline that passes while the trainer runs changes nothing; one that has passed before leaves the run.
      const events = atHand.filter((event) => !isOverdue(event, this.#nowMs()));
      // Every message expired while nobody held the session: there is nothing left to answer.
      if (events.length === 0) {
        await abandon(policy.trainer, { model: this.#lease.model, run, graceMs: this.#context.graceMs });
        return this.#lease.write({ type: 'interrupted', progress: 0 });
      }
      // What is not at hand is not in the plan, and must not be answered by it; when it comes, it has its turn.
      if (events.length < run.requests.length) return this.#lease.write({ type: 'narrowed', requests: events });
      await this.#telling.started(run, events);
      const registryState = await this.#context.registry.read(this.#lease.model);
      this.#execution = new RunExecution({
        context: this.#context,
        lease: this.#lease,
        policy,
        run,
        events,
        registryState,
      });
      // Nothing is awaited in between: a cancel that is peeked from now on meets this execution.
      for (const event of this.#cancels()) this.#execution.cancel(event);
    }
    const execution = this.#execution;
    this.#noteExecution(run);
    const end = await execution.end();
    this.#logEnd(run, end);
    if (this.#lease.lost.aborted) {
      const reason = 'the session is lost: nothing is settled, whoever has it now goes on';
      this.#context.log({ fact: 'run-aborted', model: this.#lease.model, runId: run.runId, reason });
      throw this.#lease.lost.reason;
    }
    if (end.kind === 'succeeded') return this.#trained(run, { result: end.result, logFile: end.logFile, policy });
    if (execution.halt === 'cancelled') return this.#cancelled(run);
    if (end.goesOn) {
      await this.#lease.write({ type: 'leased', owner: NOBODY });
      this.#isLetGo = true;
      return;
    }
    if (end.meaning === 'interrupted') return this.#interrupted(run, { end, execution, policy });
    return this.#fail(run, end, policy);
  }

  #noteExecution(run: StartedRun): void {
    const { executed } = this.#context;
    executed.add(executionKey(run));
    const oldest = executed.keys().next();
    if (executed.size > EXECUTED_MAX && !oldest.done) executed.delete(oldest.value);
  }

  async #trained(
    run: StartedRun,
    { result, logFile, policy }: { result: RunResult; logFile: string; policy: ModelPolicy },
  ): Promise<void> {
    const { metrics, notes } = result;
    const { model, lost } = this.#lease;
    const championEpoch = this.#execution?.championEpoch ?? 0;
    const keeping = await keepResult(this.#context, { model, run, result, logFile, championEpoch, lost });
    if (keeping.kind === 'failed') return this.#fail(run, keeping.end, policy);
    if (keeping.kind === 'fenced') return this.#runAgain(run, keeping.reason);
    const { artifact, digest } = keeping.challenger;
    try {
      await this.#lease.write({
        type: 'trained',
        atMs: this.#nowMs(),
        metrics,
        artifact,
        digest,
        ...(notes && { notes }),
      });
    } catch (error) {
      if (isTrainersFault(error)) return this.#fail(run, failedEnd('permanent', error.message, logFile), policy);
      throw error;
    }
  }

  async #decide(run: TrainedRun): Promise<void> {
    const { model } = this.#lease;
    const policy = this.#context.policyOf(model);
    if (!policy) return this.#fail(run, failedEnd('permanent', 'no gate is configured for the model any more'));
    if (!(await this.#context.registry.verify(model, run))) return this.restart();
    const { champion, challenger, epoch: registryEpoch } = await this.#context.registry.read(model);
    // What the trainer measured of the champion says nothing about another one: somebody has rolled back meanwhile.
    const compared = challenger?.runId === run.runId ? challenger.championEpoch : registryEpoch;
    if (compared !== registryEpoch && run.metrics.champion && champion?.runId !== run.runId)
      return this.#runAgain(
        run,
        `the trainer compared with the champion of epoch ${compared}, now it is ${registryEpoch}`,
      );
    let verdict;
    try {
      verdict =
        champion?.runId === run.runId
          ? ({ verdict: 'promote', reason: 'this run is the champion already' } as const)
          : judge(policy.gate, run.metrics, champion);
    } catch (error) {
      if (!isTrainersFault(error)) throw error;
      await this.#context.registry.reject(model, run);
      return this.#fail(run, failedEnd('permanent', error.message), policy);
    }
    await this.#lease.write({
      type: 'decided',
      atMs: this.#nowMs(),
      ...verdict,
      registryEpoch,
      previousChampion: champion
        ? { runId: champion.runId, epoch: champion.epoch, artifact: champion.artifact, digest: champion.digest }
        : null,
      pendingEvents: decisionEvents(verdict.verdict),
    });
  }

  async #apply(run: DecidedRun): Promise<void> {
    const { epoch, runId, artifact, digest, metrics, registryEpoch: expectedEpoch } = run;
    if (run.verdict === 'promote') {
      try {
        await this.#context.registry.promote(this.#lease.model, {
          expectedEpoch,
          epoch,
          runId,
          artifact,
          digest,
          metrics,
        });
      } catch (error) {
        if (isTrainersFault(error)) return this.restart();
        if (error instanceof RetrainError && error.code === 'REGISTRY_CONFLICT')
          return this.#runAgain(run, error.message);
        throw error;
      }
    } else await this.#context.registry.reject(this.#lease.model, { runId, epoch });
    await this.#lease.write({ type: 'applied' });
  }

  async #tell(run: AppliedRun): Promise<void> {
    await this.#telling.ended(run);
    await this.#lease.write({ type: 'told' });
  }

  async #settle(run: ToldRun): Promise<void> {
    await this.#lease.write({ type: 'settled', nextRunAtMs: this.#cooledDownAt(this.#nowMs()) });
    await this.#tidyUp(run);
    await this.#completeAll(run);
  }

  async #windUp(run: StoppedRun): Promise<void> {
    const carriers = [...(await this.#carriers(run)).values()];
    await this.#telling.ended(run);
    if (run.resolution === 'dead-letter') {
      const letter = { reason: 'TrainingFailed', description: descriptionOf(run) } as const;
      for (const { copies } of carriers) await this.#disposals.bury(copies, letter);
    }
    if (run.resolution === 'retry' || run.resolution === 'split')
      for (const { event, copies } of carriers) {
        const clone = this.#disposals.cloneOf(event);
        // A crash came after it was sent, and it has become active since.
        if (clone.hop > 0 && copies.some(({ hop }) => hop >= clone.hop)) continue;
        const letter = await this.#disposals.sendClone(event, clone);
        if (letter) await this.#disposals.deadLetter(copies, { ...letter, request: event });
      }
    await this.#lease.write({ type: 'settled', nextRunAtMs: this.#cooledDownAt(run.stoppedAtMs) });
    if (run.resolution !== 'retry') await this.#tidyUp(run);
    await this.#completeAll(run);
  }

  /** The plan comes back no more; what is left of it on a disk must not keep it from being completed. */
  async #tidyUp({ runId, requests }: Run): Promise<void> {
    const { model } = this.#lease;
    try {
      await this.#context.policyOf(model)?.trainer.settled?.({ model, planKey: planKey(requests) });
    } catch (error) {
      this.#context.log({ fact: 'tidying-failed', model, runId, reason: messageOf(error) });
    }
  }

  /** Completes what the run has answered, or what has a clone after it; the clone itself may be at hand already. */
  async #completeAll(run: Run): Promise<void> {
    const carriers = this.#messages.carriersOf(run.requests);
    this.#owesCompletions = carriers.size < run.requests.length;
    for (const { event, copies } of carriers.values()) {
      const waits = answerOf(this.#lease.ledger, event) === undefined;
      const clone = this.#disposals.cloneOf(event);
      for (const { message, hop } of copies) if (!waits || hop < clone.hop) await this.#messages.complete(message);
    }
  }

  async #fail(run: Run, end: FailedEnd, policy?: ModelPolicy): Promise<void> {
    const { random } = this.#context;
    const backoff = policy?.backoff ?? this.#context.backoff;
    const limits = policy ? limitsOf(policy) : { maxAttempts: 1, maxKills: 1 };
    const { ledger } = this.#lease;
    const cooldownMs = policy?.cooldownMs ?? 0;
    await this.#lease.write(verdictOn(end, { ledger, run, limits, backoff, cooldownMs, nowMs: this.#nowMs(), random }));
  }

  async #cancelled(run: StartedRun): Promise<void> {
    this.#context.log({ fact: 'run-cancelled', model: this.#lease.model, runId: run.runId });
    await this.#lease.write({
      type: 'stopped',
      atMs: this.#nowMs(),
      attempt: 'none',
      resolution: 'cancel',
      reason: 'every request of the run was cancelled',
      pendingEvents: stopEvents('cancel', run.requests),
    });
  }

  /** Somebody else promoted since the gate compared: the comparison is void, and so is the epoch. */
  async #runAgain(run: Run, reason: string): Promise<void> {
    await this.#context.registry.reject(this.#lease.model, run);
    const atMs = this.#nowMs();
    await this.#lease.write({
      type: 'stopped',
      atMs,
      attempt: 'none',
      resolution: 'retry',
      reason,
      retryAtMs: Math.max(atMs, this.#cooledDownAt(atMs)),
      pendingEvents: stopEvents('retry', run.requests),
    });
  }

  async #interrupted(
    run: StartedRun,
    { end, execution, policy }: { end: FailedEnd; execution: RunExecution; policy: ModelPolicy },
  ): Promise<void> {
    const { random } = this.#context;
    const { progress } = execution;
    const atMs = this.#nowMs();
    // A deploy or a scale-in is no reason to let the model wait: the next worker goes on at once.
    const nextRunAtMs = this.#context.shutdown.aborted ? undefined : this.#cooledDownAt(atMs);
    const event: LedgerEvent = { type: 'interrupted', progress, ...(nextRunAtMs !== undefined && { nextRunAtMs }) };
    await this.#telling.interrupted(run, { event, reason: end.reason, progress });
    if (this.#exhausts(event, run)) {
      const often = `interrupted ${INTERRUPTIONS_PER_ATTEMPT} times in a row without progress`;
      return this.#fail(run, { ...end, reason: `${often}, at last: ${end.reason}` }, policy);
    }
    await this.#lease.write(event);
    const inARow = Math.max(...run.requests.map((request) => waitingOf(this.#lease.ledger, request).interrupted));
    const { backoff = this.#context.backoff } = policy;
    this.#notBeforeMs = this.#nowMs() + backoffMs(Math.max(1, inARow), backoff, random);
  }

  /** Messages of the run's requests. After a take-over or on a new link they have to be received first. */
  async #carriers(run: Run): Promise<Map<string, Carrier>> {
    for (;;) {
      const carriers = this.#messages.carriersOf(run.requests);
      if (carriers.size >= run.requests.length || !(await this.#messages.receive())) return carriers;
    }
  }

  #logEnd({ runId }: StartedRun, end: TrainerEnd): void {
    const { model } = this.#lease;
    if (end.kind === 'succeeded') this.#context.log({ fact: 'trainer-ended', model, runId, result: 'succeeded' });
    else {
      const { meaning: result, reason, logFile } = end;
      this.#context.log({ fact: 'trainer-ended', model, runId, result, reason, logFile });
    }
  }

  /** When a run may start after one that ended at `endedAtMs`; 0 without a cool-down. */
  #cooledDownAt(endedAtMs: number): number {
    const { cooldownMs = 0 } = this.#context.policyOf(this.#lease.model) ?? {};
    return cooldownMs > 0 ? endedAtMs + cooldownMs : 0;
  }

  #nowMs(): number {
    return this.#context.clock.wallMs();
  }
}

/** What a dead letter says: why, and the last lines of the trainer's stderr. */
export function descriptionOf({ reason, outputTail }: StoppedRun): string {
  return outputTail === undefined ? reason : `${reason}\n${outputTail}`;
}

function executionKey({ runId, epoch }: Run): string {
  return `${runId} ${epoch}`;
}

function isTrainersFault(error: unknown): error is RetrainError {
  return error instanceof RetrainError && error.code === 'TRAINER_FAILED';
}
