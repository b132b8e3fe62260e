import { relative } from 'node:path';
import type { ReplayOutcome, ReplayResult, ReplayVerdict } from '../demo/replay.ts';
import { requestTable, totalsText, yearTable } from '../demo/tables.ts';
import { outcomeOf } from '../retraining/outcome.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import type { TextStream } from './terminal.ts';
import { wantsColour } from './terminal.ts';
import { counted } from './counted.ts';

/** The verdict of an outcome event that ends a request, where the two have different words. */
const VERDICTS: Partial<Record<string, ReplayVerdict>> = { deadlettered: 'dead-lettered' };

/** What the worker's answer means to the replay; `metric` is the one that the gate compared. */
export function outcomeFrom(event: OutcomeEvent, metric: string): ReplayOutcome {
  const { metrics, reason } = event.data;
  const outcome = outcomeOf(event);
  const challengerMape = metrics?.challenger[metric];
  const championMape = metrics?.champion?.[metric];
  return {
    verdict: VERDICTS[outcome] ?? (outcome as ReplayVerdict),
    ...(challengerMape !== undefined && { challengerMape }),
    ...(championMape !== undefined && { championMape }),
    ...(reason !== undefined && { reason }),
  };
}

/** A demo that ran to its end. */
export interface FinishedDemo {
  readonly result: ReplayResult;
  /** Training runs that the worker started, as its events tell. */
  readonly runs: number;
  readonly report: string;
  readonly stateFolder: string;
}

/** What `--json` prints. Errors are in percent. */
export function demoSummary({ result: { totals, years }, runs, report }: FinishedDemo): object {
  const { requests, promoted, rejected, deadLettered, mapeFrozen, mapeLive } = totals;
  return { requests, promoted, rejected, deadLettered, runs, mapeFrozen, mapeLive, years, report };
}

export function showDemo({ result, runs, report, stateFolder }: FinishedDemo, stream: TextStream): void {
  const options = { color: wantsColour(stream) };
  stream.write(`
${yearTable(result, options)}

${requestTable(result, options)}

${totalsText(result)}
${counted(runs, 'training run')}, each in a process of its own

report  ${shownPath(report)}
runs    retrain status --state ${shownPath(stateFolder)}
`);
}

/** Relative where that is shorter. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}
