import type { LedgerEvent } from '../retraining/worker/ledger.ts';
import type { WorkerFact } from '../retraining/worker/worker-log.ts';
import { FactOutput } from './fact-output.ts';
import { secondsText } from './age-text.ts';
import { counted } from './counted.ts';

/** What becomes of a run, as the ledger has it. */
export type RunEnd =
  | {
      readonly fact: 'decided';
      readonly model: string;
      readonly verdict: 'promote' | 'reject';
      readonly reason: string;
    }
  | {
      readonly fact: 'run-stopped';
      readonly model: string;
      readonly resolution: 'retry' | 'split' | 'dead-letter' | 'cancel';
      readonly reason: string;
      /** When its requests become active again, RFC 3339. */
      readonly retryAt?: string;
    };

/** What the worker tells, and what becomes of its runs. */
export class WorkerOutput<F extends { readonly fact: string } = never> extends FactOutput<WorkerFact | RunEnd | F> {
  /** Takes what the ledger has acknowledged; of it, only the ends of runs are told by no fact. */
  written(event: LedgerEvent, model: string): void {
    if (event.type === 'decided') this.tell({ fact: 'decided', model, verdict: event.verdict, reason: event.reason });
    if (event.type !== 'stopped') return;
    const { resolution, reason, retryAtMs } = event;
    const retryAt = retryAtMs === undefined ? {} : { retryAt: new Date(retryAtMs).toISOString() };
    this.tell({ fact: 'run-stopped', model, resolution, reason, ...retryAt });
  }
}

/** A fact in one line for a person, or undefined for what only matters when something is to be found out. */
export function workerLine(fact: WorkerFact | RunEnd): string | undefined {
  const text = factText(fact);
  if (text === undefined) return undefined;
  return 'model' in fact ? `${fact.model}: ${text}` : text;
}

function factText(fact: WorkerFact | RunEnd): string | undefined {
  switch (fact.fact) {
    case 'unreachable':
      return `${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'reachable':
      return 'the broker answers again';
    case 'queue-without-sessions':
      return `queue ${fact.queue} has no sessions: this has to be its only worker, with the lesser guarantee of docs/plain-queues.md`;
    case 'session-left':
      return `run ${fact.runId} belongs to another worker; left alone`;
    case 'session-failed':
      return `given back (${fact.reason})`;
    case 'session-lost':
      return `session lost (${fact.reason})`;
    case 'renewal-failed':
      return `the lock could not be renewed (${fact.reason}), ${secondsText(fact.leftMs)} left`;
    case 'run-taken-over':
      return `run ${fact.runId} taken over at stage ${fact.stage} (${fact.why})`;
    case 'run-started':
      return `run ${fact.runId} started for ${counted(fact.requests, 'request')}`;
    case 'trainer-ended':
      return fact.result === 'succeeded' ? undefined : `${fact.reason}; see ${fact.logFile}`;
    case 'run-stopped':
      return fact.retryAt === undefined ? undefined : `tried again at ${fact.retryAt}`;
    case 'registry-failed':
      return `run ${fact.runId}: ${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'run-aborted':
      return `run ${fact.runId} aborted (${fact.reason})`;
    case 'run-cancelled':
      return `run ${fact.runId} cancelled`;
    case 'decided':
      return `${fact.verdict === 'promote' ? 'promoted' : 'rejected'}, ${fact.reason}`;
    case 'dead-lettered':
      return `dead-lettered, ${fact.reason}: ${fact.description}`;
    case 'postponed':
      return `${fact.requests} postponed until ${new Date(fact.untilMs).toISOString()}`;
    case 'cancelled':
      return `request ${fact.id} cancelled`;
    case 'settlement-failed':
      return `a message was not settled (${fact.reason}); it comes again`;
    case 'outcome-untold':
      return `outcome ${fact.outcome} not told (${fact.reason})`;
    default:
      return undefined;
  }
}
