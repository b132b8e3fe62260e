import { Command, Option } from 'commander';
import { readHistory } from '../retraining/backtest/history.ts';
import type { History } from '../retraining/backtest/history.ts';
import { AgeProfile } from '../retraining/backtest/age-profile.ts';
import { CommandErrors } from '../retraining/backtest/command-errors.ts';
import { ErrorMatrix } from '../retraining/backtest/error-matrix.ts';
import type { ErrorSource } from '../retraining/backtest/error-source.ts';
import { replayPolicy } from '../retraining/backtest/policy-replay.ts';
import type { PolicyResult, ReplayOptions } from '../retraining/backtest/policy-replay.ts';
import { RetrainError } from '../errors.ts';
import { fileReader } from '../runtime/read-file.ts';
import { basedOn } from './backtest-base.ts';
import type { BacktestBase } from './backtest-base.ts';
import { policiesOf } from './backtest-policies.ts';
import { showBacktest } from './backtest-report.ts';
import type { BacktestReport } from './backtest-report.ts';
import { decimals, spans, spansOrCounts, wholes } from './backtest-values.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { Interrupt } from './interrupt.ts';
import { count, instant, span } from './option.ts';
import { Terminal } from './terminal.ts';

/** Flags with several values are varied: every combination is a policy. */
export interface BacktestFlags {
  readonly config?: string;
  readonly model?: string;
  readonly monitor?: string;
  readonly metric?: string;
  readonly time?: string;
  readonly value?: string;
  readonly trainedAt?: string;
  readonly trained?: Date;
  readonly direction?: 'minimize' | 'maximize';
  readonly ratio?: readonly number[];
  readonly above?: readonly number[];
  readonly below?: readonly number[];
  readonly sigma?: readonly number[];
  readonly window?: readonly ({ readonly every: number } | { readonly count: number })[];
  readonly baselineWindows?: number;
  readonly coolDownWindows?: readonly number[];
  readonly coolDown?: readonly number[];
  readonly gatherWindow?: readonly number[];
  readonly budget?: readonly number[];
  readonly every?: readonly number[];
  readonly minImprovement?: readonly number[];
  readonly gate: boolean;
  readonly trainingTime: number;
  readonly json?: true;
}

export function backtestCommand(): Command {
  return new Command('backtest')
    .description(
      'Replays a metric history through monitors, cool-down, budget and gate: how many trainings, when, and what error.',
    )
    .argument('[history]', "CSV or JSON lines with a time and the metric (default: the monitor's own source)")
    .argument('[trainer...]', 'after --: a command that trains for each retraining and prints the errors')
    .option('--config <file>', `start from its model and monitor (default: ${CONFIGURATION_FILE}, if it is there)`)
    .option('--model <name>', 'the model of the configuration')
    .option('--monitor <name>', 'its monitor (default: the only one of a metric)')
    .option('--metric <name>', 'name of the metric, and of its column')
    .option('--time <column>', 'column with the time')
    .option('--value <column>', 'column with the metric, when it is not named like it')
    .option('--trained-at <column>', 'the history has errors of many models: column with the time of training')
    .option('--trained <time>', 'when the model of the history was trained (default: when it begins)', instant)
    .addOption(new Option('--direction <which>', 'which way is better').choices(['minimize', 'maximize']))
    .option('--ratio <n,…>', 'a window decays at so many times the reference', decimals)
    .option('--above <n,…>', 'a window decays above this', decimals)
    .option('--below <n,…>', 'a window decays below this', decimals)
    .option('--sigma <n,…>', 'a window decays so many standard deviations off', decimals)
    .option('--window <span|n,…>', 'windows such as 7d, or of so many observations', spansOrCounts)
    .option('--baseline-windows <n>', 'windows that make the reference', count)
    .option('--cool-down-windows <n,…>', 'windows that are not judged after a request', wholes)
    .option('--cool-down <span,…>', 'pause between two runs', spans)
    .option('--gather-window <span,…>', 'requests of one such window cost one run', spans)
    .option('--budget <n,…>', 'runs a day', wholes)
    .option('--every <span,…>', 'also: retrain by the calendar, for comparison', spans)
    .option('--min-improvement <n,…>', 'what the gate asks of a challenger', decimals)
    .option('--no-gate', 'promote every result')
    .addOption(new Option('--training-time <span>', 'how long a training takes').argParser(span).default(0, '0s'))
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(runBacktest);
}

const HELP = `
Values with commas are varied: every combination is a policy. Beside them stands what happens when nothing is retrained. Monitors, gathering, cool-down,
budget and gate are the code that runs in production. What the error of a retrained model would have been is not in the history of one model:
  - by default it is assumed to be that of the model of the history at the same age;
  - with --trained-at the history has the errors of models trained at other times, and the numbers are exact;
  - with a command after -- every retraining really trains: it gets RETRAIN_BACKTEST_UNTIL, and prints CSV with the new model's error at each time.

Examples:
  retrain backtest errors.csv --metric mape --ratio 1.3,1.5 --window 7d,28d --cool-down 1d,7d
  retrain backtest --model births --ratio 1.3,1.5,2 --every 28d
  retrain backtest errors.csv --metric mape --ratio 1.5 --window 28d -- python errors.py`;

async function runBacktest(
  history: string | undefined,
  command: readonly string[],
  flags: BacktestFlags,
): Promise<void> {
  const base = await basedOn(flags, history);
  const policies = policiesOf(flags, base);
  using interrupt = new Interrupt();
  const terminal = new Terminal(process.stderr);
  const read = await readHistory({ ...base.history, reader: fileReader });
  const source = sourceOf(read, { flags, base, command, signal: interrupt.signal, terminal });
  const options = replayOptions(base, interrupt.signal);
  const results: PolicyResult[] = [];
  for (const policy of policies) {
    terminal.live(`${results.length + 1} of ${policies.length}: ${policy.name}`);
    results.push(await replayPolicy(policy, source, options));
    if (interrupt.signal.aborted) break;
  }
  terminal.endLive();
  if (interrupt.signal.aborted)
    throw new RetrainError('INTERRUPTED', `stopped at policy ${results.length} of ${policies.length}; start it again`);
  const report = reportOf(read, { base, source, flags, results });
  if (flags.json) console.log(JSON.stringify(report));
  else showBacktest(report, new Terminal(process.stdout));
}

function sourceOf(
  { points }: History,
  {
    flags,
    base,
    command,
    signal,
    terminal,
  }: {
    flags: BacktestFlags;
    base: BacktestBase;
    command: readonly string[];
    signal: AbortSignal;
    terminal: Terminal;
  },
): ErrorSource {
  if (flags.trainedAt !== undefined && command.length > 0)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'the history tells the errors of other models (--trained-at): leave out the command',
    );
  if (flags.trainedAt !== undefined) return new ErrorMatrix(points);
  const trainedAtMs = flags.trained?.getTime();
  if (command.length === 0) return new AgeProfile(points, trainedAtMs === undefined ? {} : { trainedAtMs });
  const { time, value } = base.history.columns;
  return new CommandErrors(points, {
    command,
    columns: { time, value },
    environment: process.env,
    signal,
    onTraining: (untilMs) => terminal.live(`training with what was known until ${new Date(untilMs).toISOString()}`),
  });
}

function replayOptions({ model, settings, window }: BacktestBase, signal: AbortSignal): ReplayOptions {
  const { metric = '', direction } = settings;
  const scoreWindow =
    window.count === undefined
      ? { by: 'time' as const, durationMs: window.every ?? 0 }
      : { by: 'count' as const, count: window.count };
  const gateWindow = window.count === undefined ? { ms: window.every ?? 0 } : { count: window.count };
  return { model, metric, direction, scoreWindow, gateWindow, signal };
}

function reportOf(
  { points, badRows, firstBad }: History,
  {
    base,
    source,
    flags,
    results,
  }: { base: BacktestBase; source: ErrorSource; flags: BacktestFlags; results: readonly PolicyResult[] },
): BacktestReport {
  const { times, assumption } = source;
  return {
    history: {
      path: base.history.path,
      observations: points.length,
      badRows,
      ...(firstBad !== undefined && { firstBad }),
      from: new Date(times[0] ?? 0).toISOString(),
      to: new Date(times.at(-1) ?? 0).toISOString(),
    },
    metric: base.settings.metric ?? '',
    direction: base.settings.direction,
    assumption,
    trainingMs: flags.trainingTime,
    window: base.window,
    policies: results,
  };
}
