import type { PolicyResult } from '../retraining/backtest/policy-replay.ts';
import { spanText } from '../retraining/configuration/span.ts';
import { shortNumber } from './monitor-output.ts';
import { table } from './terminal.ts';
import type { Terminal } from './terminal.ts';
import { counted } from './counted.ts';

/** What `--json` prints. */
export interface BacktestReport {
  readonly history: {
    readonly path: string;
    readonly observations: number;
    readonly badRows: number;
    readonly firstBad?: string;
    readonly from: string;
    readonly to: string;
  };
  readonly metric: string;
  readonly direction: 'minimize' | 'maximize';
  /** Where the errors after a retraining come from. */
  readonly assumption: string;
  readonly trainingMs: number;
  /** On which the gate compares, and of which the worst is told. */
  readonly window: { readonly every?: number | undefined; readonly count?: number | undefined };
  readonly policies: readonly PolicyResult[];
}

/** Dates of one policy that are shown to people. */
const DATES_SHOWN = 60;

const TITLES = ['Policy', ' Requests', ' Trainings', ' Rejected', ' Postponed', ' Mean', ' Worst', 'Worst window'];

export function showBacktest(report: BacktestReport, terminal: Terminal): void {
  const { history, metric, assumption, trainingMs, window, policies } = report;
  const { path, observations, from, to, badRows, firstBad } = history;
  terminal.line(`${counted(observations, 'observation')} of ${metric} from ${day(from)} to ${day(to)} in ${path}`);
  if (badRows > 0) terminal.line(`${counted(badRows, 'bad row')} left out; the first: ${firstBad ?? ''}`);
  terminal.line(assumption);
  const windows = window.count === undefined ? spanText(window.every ?? 0) : counted(window.count, 'observation');
  terminal.line(
    `A training takes ${trainingMs === 0 ? 'no time' : spanText(trainingMs)} and never fails. The gate compares on the newest ${windows}; so long is the worst window, too.`,
  );
  terminal.line();
  for (const line of table(TITLES, policies.map(rowOf))) terminal.line(line);
  for (const policy of policies) {
    if (policy.runs.length > 0) {
      terminal.line();
      terminal.line(terminal.paint('bold', policy.policy));
      terminal.line(`  ${datesOf(policy)}`);
    }
    for (const remark of remarksOf(policy)) terminal.line(`  ${remark}`);
  }
}

function rowOf({ policy, requests, runs, rejected, postponed, mean, worst }: PolicyResult): string[] {
  return [
    policy,
    String(requests),
    String(runs.length),
    String(rejected),
    String(postponed.coolDown + postponed.budget),
    mean === null ? '–' : shortNumber(mean),
    worst ? shortNumber(worst.mean) : '–',
    worst ? `${day(worst.window.from)} to ${day(worst.window.to)}` : '–',
  ];
}

function datesOf({ runs }: PolicyResult): string {
  const dates = runs
    .slice(0, DATES_SHOWN)
    .map(({ startedAt, verdict }) => `${day(startedAt)}${verdict === 'reject' ? ' (rejected)' : ''}`);
  const more = runs.length > DATES_SHOWN ? ` and ${runs.length - DATES_SHOWN} more (--json tells all)` : '';
  return `${dates.join(', ')}${more}`;
}

function remarksOf({ ungated, open, unknown, postponed, coalesced }: PolicyResult): string[] {
  return [
    postponed.coolDown > 0 && `${counted(postponed.coolDown, 'time')} a request waited for the cool-down`,
    postponed.budget > 0 &&
      `${counted(postponed.budget, 'time')} a request waited for the next day, the budget was spent`,
    coalesced > 0 && `${counted(coalesced, 'request')} answered by runs together with others`,
    ungated > 0 &&
      `${counted(ungated, 'training')} promoted without the gate: the errors on their newest window are not known`,
    unknown > 0 && `${counted(unknown, 'observation')} left out: the error of the model that served is not known`,
    open > 0 && `${counted(open, 'request')} not answered when the history ended`,
  ].filter((remark) => remark !== false);
}

function day(instant: string): string {
  return instant.slice(0, 10);
}
