import type { ListenerFact } from '../retraining/listener/listener-log.ts';
import type { MonitorFact } from '../retraining/monitors/monitor-log.ts';
import type { ProducerFact } from '../retraining/producer-log.ts';
import type { LedgerEvent } from '../retraining/worker/ledger.ts';
import type { WorkerFact } from '../retraining/worker/worker-log.ts';
import type { Clock } from '../runtime/clock.ts';
import { factLogger } from './fact-logger.ts';
import { factLine as monitorLine, isRoutine } from './monitor-output.ts';
import { WorkerOutput } from './worker-output.ts';

export type UpFact = WorkerFact | MonitorFact | ProducerFact | ListenerFact;

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
      print(`${new Date(clock.wallMs()).toISOString().slice(0, 19).replace('T', ' ')} ${line}`);
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
    if (isListenerFact(fact)) return this.#listener(fact);
    if (isOfMonitors(fact)) {
      if (this.#verbose || !isRoutine(fact)) this.#print(monitorLine(fact));
      return;
    }
    this.#worker.tell(fact);
  }

  /** Takes what a ledger has acknowledged. */
  written(event: LedgerEvent, model: string): void {
    this.#worker.written(event, model);
  }

  #listener(fact: ListenerFact): void {
    if (fact.fact === 'http-failed')
      this.#print(`HTTP ${fact.method} ${fact.path} answered with ${fact.status}: ${fact.reason}`);
    else if (fact.fact === 'request-taken') this.#print(`${fact.model}: request ${fact.id} taken by HTTP`);
    else if (this.#verbose) this.#print(JSON.stringify(fact));
  }
}

const LISTENER_FACTS: ReadonlySet<string> = new Set<ListenerFact['fact']>([
  'listening',
  'http-failed',
  'http-refused',
  'request-taken',
  'cancel-taken',
  'listener-stopped',
]);

function isListenerFact(fact: UpFact): fact is ListenerFact {
  return LISTENER_FACTS.has(fact.fact);
}

function isOfMonitors(fact: UpFact): fact is MonitorFact | ProducerFact {
  return 'monitor' in fact || fact.fact.startsWith('outbox-') || fact.fact === 'request-queued';
}
