import { resolve } from 'node:path';
import { Command } from 'commander';
import { OutcomeLog } from '../retraining/outcome-log.ts';
import { projectOutcomes } from '../retraining/projection.ts';
import type { ModelStatus, RunStatus, Status } from '../retraining/projection.ts';
import { files } from '../runtime/files.ts';
import { addConnectionOptions, CONNECTION_VARIABLE, placeOf, withClient } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { PEEK_MAX_MESSAGES, viewQueue } from './queue-view.ts';
import type { ModelQueue, QueueView } from './queue-view.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';
import { table, Terminal } from './terminal.ts';

interface StatusOptions extends ConnectionOptions {
  readonly state: string;
  readonly json?: true;
}

/** Runs that are shown to people, the newest. */
const RUNS_SHOWN = 20;

/** What `--json` prints; `queue` is null without a connection string. */
export interface StatusReport extends Status {
  readonly queue: (QueueView & { readonly name: string; readonly host: string }) | null;
}

export function statusCommand(): Command {
  return addConnectionOptions(new Command('status'))
    .description('Shows what waits in the queue, and what became of runs and models.')
    .option('--state <dir>', "the worker's state folder, for runs and models", DEFAULT_STATE_FOLDER)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The queue is looked at, nothing is taken out of it (up to ${PEEK_MAX_MESSAGES} messages). Without a connection string only the state folder
is shown.

Example:
  retrain status --state ${DEFAULT_STATE_FOLDER}`,
    )
    .action(runStatus);
}

async function runStatus(options: StatusOptions): Promise<void> {
  const folder = resolve(options.state);
  const { events, skipped } = await new OutcomeLog({ folder, files }).read();
  const queue = isConnected(options) || events.length === 0 ? await readQueue(options) : null;
  const report: StatusReport = { queue, ...projectOutcomes(events) };
  if (options.json) {
    console.log(JSON.stringify(report));
    return;
  }
  const terminal = new Terminal(process.stdout);
  showQueue(report.queue, terminal);
  showModels(report.models, terminal);
  showRuns(report.runs, terminal);
  if (skipped > 0) console.error(`retrain: ${skipped} lines of the outcome log in ${folder} could not be read`);
}

function isConnected(options: StatusOptions): boolean {
  return options.connection !== undefined || process.env[CONNECTION_VARIABLE] !== undefined;
}

async function readQueue(options: StatusOptions): Promise<StatusReport['queue']> {
  const place = placeOf(options);
  const view = await withClient(place, (client) => viewQueue(client, place.queue));
  return { name: place.queue, host: place.connection.host, ...view };
}

function showQueue(queue: StatusReport['queue'], terminal: Terminal): void {
  if (!queue) return;
  terminal.line(terminal.paint('bold', `Queue ${queue.name} at ${queue.host}`));
  if (queue.models.length === 0) terminal.line('empty');
  else
    for (const line of table(['Model', ' Waiting', ' Scheduled', 'Dead-lettered'], queue.models.map(queueRow)))
      terminal.line(line);
  if (queue.more) terminal.line(`There are more: only the first ${PEEK_MAX_MESSAGES} were counted.`);
  terminal.line();
}

function queueRow({ model, waiting, scheduled, deadLettered }: ModelQueue): string[] {
  const dead = Object.entries(deadLettered).map(([reason, count]) => `${count} ${reason}`);
  return [model || '(no session)', String(waiting), String(scheduled), dead.join(', ') || '0'];
}

function showModels(models: readonly ModelStatus[], terminal: Terminal): void {
  if (models.length === 0) return;
  terminal.line(terminal.paint('bold', 'Models'));
  const rows = models.map((model) => [
    model.model,
    ...[model.runs, model.promoted, model.rejected, model.failed, model.deadLettered].map(String),
    model.champion ? `${model.champion.runId} since ${model.champion.promotedAt}` : 'none',
  ]);
  const titles = ['Model', ' Runs', ' Promoted', ' Rejected', ' Failed', ' Dead-lettered', 'Champion'];
  for (const line of table(titles, rows)) terminal.line(line);
  terminal.line();
}

function showRuns(runs: readonly RunStatus[], terminal: Terminal): void {
  if (runs.length === 0) return;
  const hidden = runs.length > RUNS_SHOWN ? `, the newest ${RUNS_SHOWN} of ${runs.length}` : '';
  terminal.line(terminal.paint('bold', `Runs${hidden}`));
  const rows = runs
    .slice(-RUNS_SHOWN)
    .map((run) => [run.startedAt, run.model, String(run.epoch), stateText(run), run.reason ?? '']);
  for (const line of table(['Started', 'Model', ' Epoch', 'State', 'Why'], rows)) terminal.line(line);
}

function stateText({ state, progress }: RunStatus): string {
  return state === 'running' && progress !== undefined ? `running ${Math.floor(100 * progress)} %` : state;
}
