import type { WorkerFact } from '../retraining/worker-log.ts';

/**
 * A fact about the worker's work in one line for a person, or undefined for what only matters when something is to be found
 * out (`--verbose` or `--json` shows everything).
 */
export function workerLine(fact: WorkerFact): string | undefined {
  const text = factText(fact);
  if (text === undefined) return undefined;
  return 'model' in fact ? `${fact.model}: ${text}` : text;
}

function factText(fact: WorkerFact): string | undefined {
  switch (fact.fact) {
    case 'unreachable':
      return `${fact.reason}; next try in ${seconds(fact.retryInMs)}`;
    case 'session-left':
      return `run ${fact.runId} belongs to another worker; left alone`;
    case 'session-failed':
      return `given back (${fact.reason})`;
    case 'session-lost':
      return `session lost (${fact.reason})`;
    case 'renewal-failed':
      return `the lock could not be renewed (${fact.reason}), ${seconds(fact.leftMs)} left`;
    case 'run-taken-over':
      return `run ${fact.runId} taken over at stage ${fact.stage} (${fact.why})`;
    case 'run-started':
      return `run ${fact.runId} started for ${fact.requests} ${fact.requests === 1 ? 'request' : 'requests'}`;
    case 'trainer-ended':
      return fact.result === 'succeeded' ? undefined : `${fact.reason}; see ${fact.logFile}`;
    case 'run-aborted':
      return `run ${fact.runId} aborted (${fact.reason})`;
    case 'run-cancelled':
      return `run ${fact.runId} cancelled`;
    case 'stage':
      return fact.stage === 'settled' ? `run ${fact.runId} settled` : undefined;
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

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
