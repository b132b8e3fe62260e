import { Command, Option } from 'commander';
import { RetrainError } from '../errors.ts';
import { explainRun } from '../retraining/explanation.ts';
import { projectOutcomes } from '../retraining/projection.ts';
import type { RunStatus } from '../retraining/projection.ts';
import { systemClock } from '../runtime/clock.ts';
import { collect, count } from './option.ts';
import { addOutcomeOptions, readOutcomes } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { RUN_ARGUMENT, targetOf, unknownTarget } from './outcome-target.ts';
import { ageText } from './age-text.ts';
import { onOneLine } from './printable.ts';
import { runLogsCommand } from './run-logs.ts';
import { runsTable, stateText } from './status.ts';
import { table, Terminal } from './terminal.ts';

const STATES = ['running', 'promoted', 'rejected', 'failed', 'interrupted', 'cancelled'] as const;
const DEFAULT_LIMIT = 20;

interface ListFlags extends OutcomeFlags {
  readonly model?: readonly string[];
  readonly state: string;
  readonly is?: RunStatus['state'];
  readonly limit: number;
  readonly json?: true;
}

interface ShowFlags extends OutcomeFlags {
  readonly json?: true;
}

export function runsCommand(): Command {
  return new Command('runs')
    .description('Lists and shows runs, and their logs.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(runLogsCommand())
    .addHelpText(
      'after',
      `
Examples:
  retrain runs list --model births --is failed
  retrain runs show 12-8f3a
  retrain runs logs 12-8f3a --follow`,
    );
}

function listCommand(): Command {
  return addOutcomeOptions(new Command('list'))
    .description('Lists runs, the newest last.')
    .option('--model <name>', 'of this model; repeatable', collect)
    .addOption(new Option('--is <state>', 'in this state').choices([...STATES]))
    .option('--limit <n>', 'so many at most, the newest', count, DEFAULT_LIMIT)
    .option('--json', 'print every run as a line of JSON')
    .addHelpText('after', '\nExample:\n  retrain runs list --model births --is failed')
    .action(runList);
}

async function runList(flags: ListFlags): Promise<void> {
  const { events, from } = await readOutcomes(flags);
  const all = projectOutcomes(events).runs.filter(
    ({ model, state }) => (flags.model?.includes(model) ?? true) && (flags.is === undefined || state === flags.is),
  );
  const runs = all.slice(-flags.limit);
  if (flags.json) {
    for (const run of runs) console.log(JSON.stringify(run));
    return;
  }
  const terminal = new Terminal(process.stdout);
  if (runs.length === 0) terminal.line(`no such runs in ${from}`);
  else for (const line of runsTable(runs)) terminal.line(line);
  if (runs.length < all.length) terminal.line(`The newest ${runs.length} of ${all.length}; --limit shows more.`);
}

function showCommand(): Command {
  return addOutcomeOptions(new Command('show'))
    .description('Shows a run: its requests, its numbers, and what happened to it.')
    .argument('<run>', RUN_ARGUMENT)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  retrain runs show 12-8f3a')
    .action(runShow);
}

async function runShow(id: string, flags: ShowFlags): Promise<void> {
  const outcomes = await readOutcomes(flags);
  const target = targetOf(outcomes.events, id);
  if (!target) return unknownTarget(id, outcomes);
  if (target.kind === 'request')
    throw new RetrainError('ARGUMENT_INVALID', `"${id}" is a request: retrain explain tells about it`);
  const { run } = target;
  if (flags.json) {
    console.log(JSON.stringify({ ...run, steps: explainRun(outcomes.events, run).steps }));
    return;
  }
  const terminal = new Terminal(process.stdout);
  for (const line of runLines(run)) terminal.line(line);
  terminal.line();
  const rows = explainRun(outcomes.events, run).steps.map(({ at, what, text }) => [at, what, onOneLine(text)]);
  for (const line of table(['Time', 'What', 'Details'], rows)) terminal.line(line);
}

function runLines(run: RunStatus): string[] {
  const endedMs = run.endedAt === undefined ? systemClock.wallMs() : Date.parse(run.endedAt);
  const rows: [string, string | undefined][] = [
    ['Run', run.runId],
    ['Model', run.model],
    ['State', stateText(run)],
    ['Epoch', String(run.epoch)],
    ['Host', run.host],
    ['Started', run.startedAt],
    ['Ended', run.endedAt],
    ['Lasts', ageText(endedMs - Date.parse(run.startedAt))],
    ['Requests', run.requests.map(({ id }) => id).join(', ')],
    ['Reason', run.reason],
    ['Artifact', run.artifact],
    ['Exit', run.signal ?? (run.exitCode === undefined ? undefined : String(run.exitCode))],
    ['Back at', run.retryAt],
    ['Output', run.outputTail],
  ];
  return table(
    ['', ''],
    rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, onOneLine(value)]])),
  ).slice(1);
}
