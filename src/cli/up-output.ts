import type { IntakeFact } from '../retraining/intake/intake-log.ts';
import type { ListenerFact } from '../retraining/listener/listener-log.ts';
import type { MonitorFact } from '../retraining/monitors/monitor-log.ts';
import type { NotifyFact } from '../retraining/notify/notify-log.ts';
import type { ProducerFact } from '../retraining/producer-log.ts';
import type { LedgerEvent } from '../retraining/worker/ledger.ts';
import type { WorkerFact } from '../retraining/worker/worker-log.ts';
import type { Clock } from '../runtime/clock.ts';
import { factLogger } from './fact-logger.ts';
import { intakeLine } from './intake-output.ts';
import type { IntakeOutputFact } from './intake-output.ts';
import { factLine as monitorLine, isRoutine } from './monitor-output.ts';
import { isOfNotifier, notifyLine } from './notify-output.ts';
import { onOneLine } from './printable.ts';
import { WorkerOutput } from './worker-output.ts';

export type UpFact = WorkerFact | MonitorFact | ProducerFact | ListenerFact | IntakeFact | NotifyFact;

/**
 * Prints what all parts of `retrain up` tell: with `json` every fact as a line of JSON, otherwise one line with its time for each that matters
 * to a person; `verbose` adds the others.
 */
export class UpOutput {
  readonly #print: (line: string) => void;
  readonly #worker: WorkerOutput;
  readonly #log: ReturnType<typeof factLogger> | undefined;
  readonly #verbose: boolean;

  constructor(print: (line: string) => void, options: { json: boolean; verbose: boolean; clock: Clock }) {
    const { json, verbose, clock } = options;
    // It is meant to run for months.
    const stamped = (line: string): void =>
      print(onOneLine(`${new Date(clock.wallMs()).toISOString().slice(0, 19).replace('T', ' ')} ${line}`));
    this.#print = json ? () => undefined : stamped;
    this.#worker = new WorkerOutput(json ? print : stamped, options);
    this.#log = json ? factLogger(print, clock) : undefined;
    this.#verbose = verbose;
  }

  /** For people only. */
  say(line: string): void {
    this.#print(line);
  }

  tell(fact: UpFact): void {
    if (this.#log) return this.#log(fact);
    if (isOfMonitors(fact)) {
      if (this.#verbose || !isRoutine(fact)) this.#print(monitorLine(fact));
      return;
    }
    // Of the other two, each knows its own facts and has no line for those of the other.
    const line = isOfNotifier(fact) ? notifyLine(fact) : intakeLine(fact as IntakeOutputFact);
    if (line === undefined) this.#worker.tell(fact as WorkerFact);
    else this.#print(line);
  }

  /** Takes what a ledger has acknowledged. */
  written(event: LedgerEvent, model: string): void {
    this.#worker.written(event, model);
  }
}

function isOfMonitors(fact: UpFact): fact is MonitorFact | ProducerFact {
  return 'monitor' in fact || fact.fact.startsWith('outbox-') || fact.fact === 'request-queued';
}
