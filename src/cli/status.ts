import { Command } from 'commander';
import { requestKey } from '../retraining/identity.ts';
import { projectOutcomes } from '../retraining/projection.ts';
import type { ModelStatus, RunStatus, Status } from '../retraining/projection.ts';
import { systemClock } from '../runtime/clock.ts';
import { ageText } from './age-text.ts';
import { placeOf, withClient } from './connection.ts';
import { addOutcomeOptions, isConnected, readOutcomes } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { clip, onOneLine } from './printable.ts';
import { PEEK_MAX_MESSAGES, viewQueue } from './queue-view.ts';
import type { ModelQueue, QueueView } from './queue-view.ts';
import { table, Terminal } from './terminal.ts';
import { counted } from './counted.ts';

interface StatusOptions extends OutcomeFlags {
  readonly json?: true;
}

/** Runs that are shown to people, the newest. */
const RUNS_SHOWN = 20;
/** Characters of a reason in a table. */
const REASON_SHOWN = 100;

/** What `--json` prints; `queue` is null without a connection string. */
export interface StatusReport extends Status {
  readonly queue: (QueueView & { readonly name: string; readonly host: string }) | null;
}

export function statusCommand(): Command {
  return addOutcomeOptions(new Command('status'))
    .description('Shows what waits, what runs, and what became of runs and models.')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The queue is looked at, nothing is taken out of it (up to ${PEEK_MAX_MESSAGES} messages). Runs and models are told from the outcome events: of
the subscription that --outcomes and --subscription name, by looking, and of the log of a worker of this host. Without a
connection string only the state folder is shown.

Examples:
  retrain status
  retrain status --outcomes model-retraining-outcomes`,
    )
    .action(runStatus);
}

async function runStatus(options: StatusOptions): Promise<void> {
  const { events, skipped, from } = await readOutcomes(options);
  const status = projectOutcomes(events);
  const running = new Set(runningOf(status).flatMap(({ requests }) => requests.map(requestKey)));
  const queue = isConnected(options) || events.length === 0 ? await readQueue(options, running) : null;
  const report: StatusReport = { queue, ...status };
  if (options.json) {
    console.log(JSON.stringify(report));
    return;
  }
  const terminal = new Terminal(process.stdout);
  if (queue === null) terminal.line('The broker was not asked: this is what this machine knows.');
  showQueue(report.queue, terminal);
  showRunning(runningOf(status), terminal);
  showModels(report.models, terminal);
  showRuns(report.runs, terminal);
  if (skipped > 0) console.error(`retrain: ${counted(skipped, 'outcome event')} of ${from} could not be read`);
}

function runningOf({ runs }: Status): RunStatus[] {
  return runs.filter(({ state }) => state === 'running');
}

async function readQueue(options: StatusOptions, running: ReadonlySet<string>): Promise<StatusReport['queue']> {
  const place = placeOf(options);
  const nowMs = systemClock.wallMs();
  const view = await withClient(place, (client) => viewQueue(client, place.queue, { running, nowMs }));
  return { name: place.queue, host: place.connection.host, ...view };
}

function showQueue(queue: StatusReport['queue'], terminal: Terminal): void {
  if (!queue) return;
  terminal.line(terminal.paint('bold', `Queue ${queue.name} at ${queue.host}`));
  if (queue.models.length === 0) terminal.line('empty');
  else {
    const titles = ['Model', ' Waiting', ' Oldest', ' Scheduled', 'Dead-lettered'];
    for (const line of table(titles, queue.models.map(queueRow))) terminal.line(line);
  }
  if (queue.more) terminal.line(`There are more: only the first ${PEEK_MAX_MESSAGES} were counted.`);
  terminal.line();
}

function queueRow({ model, waiting, oldestSince, scheduled, deadLettered }: ModelQueue): string[] {
  const dead = Object.entries(deadLettered).map(([reason, count]) => `${count} ${onOneLine(reason)}`);
  const oldest = oldestSince === undefined ? '' : ageText(systemClock.wallMs() - Date.parse(oldestSince));
  return [onOneLine(model) || '(no session)', String(waiting), oldest, String(scheduled), dead.join(', ') || '0'];
}

function showRunning(runs: readonly RunStatus[], terminal: Terminal): void {
  if (runs.length === 0) return;
  terminal.line(terminal.paint('bold', 'Running'));
  const nowMs = systemClock.wallMs();
  const rows = runs.map((run) => [
    onOneLine(run.model),
    onOneLine(run.runId),
    run.progress === undefined ? '' : `${Math.floor(100 * run.progress)} %`,
    ageText(nowMs - Date.parse(run.startedAt)),
    String(run.requests.length),
    onOneLine(run.host ?? ''),
  ]);
  for (const line of table(['Model', 'Run', ' Progress', ' For', ' Requests', 'Host'], rows)) terminal.line(line);
  terminal.line();
}

function showModels(models: readonly ModelStatus[], terminal: Terminal): void {
  if (models.length === 0) return;
  terminal.line(terminal.paint('bold', 'Models'));
  const nowMs = systemClock.wallMs();
  const rows = models.map((model) => [
    onOneLine(model.model),
    ...[model.runs, model.promoted, model.rejected, model.failed, model.deadLettered].map(String),
    model.champion ? `${onOneLine(model.champion.runId)} since ${model.champion.promotedAt}` : 'none',
    model.lastOutcome ? `${model.lastOutcome.outcome} ${ageText(nowMs - Date.parse(model.lastOutcome.at))} ago` : '',
    model.waits && Date.parse(model.waits.until) > nowMs ? `${model.waits.cause} until ${model.waits.until}` : '',
  ]);
  const counts = [' Runs', ' Promoted', ' Rejected', ' Failed', ' Dead-lettered'];
  const titles = ['Model', ...counts, 'Champion', 'Last outcome', 'Waits'];
  for (const line of table(titles, rows)) terminal.line(line);
  terminal.line();
}

function showRuns(runs: readonly RunStatus[], terminal: Terminal): void {
  if (runs.length === 0) return;
  const hidden = runs.length > RUNS_SHOWN ? `, the newest ${RUNS_SHOWN} of ${runs.length}` : '';
  terminal.line(terminal.paint('bold', `Runs${hidden}`));
  for (const line of runsTable(runs.slice(-RUNS_SHOWN))) terminal.line(line);
}

/** A line for each run. */
export function runsTable(runs: readonly RunStatus[]): string[] {
  const rows = runs.map((run) => [
    run.startedAt,
    onOneLine(run.model),
    onOneLine(run.runId),
    stateText(run),
    clip(onOneLine(run.reason ?? ''), REASON_SHOWN),
  ]);
  return table(['Started', 'Model', 'Run', 'State', 'Why'], rows);
}

export function stateText({ state, progress }: RunStatus): string {
  return state === 'running' && progress !== undefined ? `running ${Math.floor(100 * progress)} %` : state;
}
