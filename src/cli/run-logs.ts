import { basename, join } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { modelPath } from '../retraining/model-name.ts';
import { OutcomeLog } from '../retraining/outcome-log.ts';
import { projectOutcomes } from '../retraining/projection.ts';
import type { RunStatus } from '../retraining/projection.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { Interrupt } from './interrupt.ts';
import { addOutcomeOptions, readOutcomes, settledFlags } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { RUN_ARGUMENT, targetOf } from './outcome-target.ts';
import { onOneLine } from './printable.ts';
import { stateFolders } from './state-folder.ts';

interface LogsFlags extends OutcomeFlags {
  readonly follow?: true;
}

/** Between two looks at a log that grows, and at what was told of its run, milliseconds. */
const FOLLOW_MS = 500;
/** Bytes of a log that are read at once: more than a run's log may have. */
const LOG_MAX_BYTES = 64 * 1024 * 1024;

export function runLogsCommand(): Command {
  return addOutcomeOptions(new Command('logs'))
    .description("Prints what a run's trainer wrote, from the run folder of a worker of this host.")
    .argument('<run>', RUN_ARGUMENT)
    .option('--follow', 'go on until the run has ended')
    .addHelpText('after', '\nExample:\n  retrain runs logs 12-8f3a --follow')
    .action(runLogs);
}

async function runLogs(id: string, flags: LogsFlags): Promise<void> {
  const { state, runs } = stateFolders(settledFlags(flags).state);
  const { events } = await readOutcomes(flags);
  const target = targetOf(events, id);
  if (target?.kind === 'request')
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `"${onOneLine(id)}" is a request: name the run, as retrain explain shows it`,
    );
  const find = (): Promise<string[]> => foldersOf(runs, { id, run: target?.run });
  const folders = await find();
  if (folders.length === 0) throw missing(id, { runs, run: target?.run });
  // A run that began again has a folder for every epoch.
  for (const folder of folders.slice(0, -1)) await print(folder);
  if (flags.follow) await followAll(folders.at(-1) ?? '', { find, log: new OutcomeLog({ folder: state, files }) });
  else await print(folders.at(-1) ?? '');
}

/** Folders of the run on this host, in the order of its executions: `<runs>/<model>/<epoch>-<run id>`. */
async function foldersOf(runs: string, { id, run }: { id: string; run: RunStatus | undefined }): Promise<string[]> {
  const models = run ? [modelPath(run.model)] : await files.list(runs);
  const found: { readonly folder: string; readonly runId: string }[] = [];
  for (const model of models)
    for (const name of await files.list(join(runs, model))) {
      const runId = runIdOf(name);
      if (run ? runId === run.runId : runId.startsWith(id)) found.push({ folder: join(runs, model, name), runId });
    }
  const ids = [...new Set(found.map(({ runId }) => runId))];
  if (ids.length > 1)
    throw new RetrainError('ARGUMENT_INVALID', `"${onOneLine(id)}" can be ${ids.join(', ')}: give more of the id`);
  return found.map(({ folder }) => folder);
}

/** Of a folder's name, `<epoch>-<run id>`. */
function runIdOf(name: string): string {
  return name.slice(name.indexOf('-') + 1);
}

function missing(id: string, { runs, run }: { runs: string; run: RunStatus | undefined }): RetrainError {
  const where =
    run === undefined
      ? `no run of that id is known here: look on the host of its worker, or name the worker's state folder with --state`
      : `run ${run.runId} ran on ${run.host ?? 'a host that is not known'}: its log is there, in the worker's state folder under runs/${modelPath(run.model)}, unless newer runs have replaced it`;
  return new RetrainError('ENTITY_NOT_FOUND', `there is no log of "${onOneLine(id)}" in ${runs}: ${where}`);
}

/** What was written before the log was begun anew lies beside it. */
async function print(folder: string): Promise<void> {
  for (const name of ['run.log.1', 'run.log']) process.stdout.write(await textOf(join(folder, name)));
}

/** Follows the run's last execution, and each one that begins meanwhile, until the run has ended. */
async function followAll(
  first: string,
  { find, log }: { find: () => Promise<string[]>; log: OutcomeLog },
): Promise<void> {
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  let current: string | undefined = first;
  const next = async (): Promise<string | undefined> => {
    const folders = await find();
    return folders[folders.indexOf(current ?? '') + 1];
  };
  // A process of this host tells by its file that it runs. A run elsewhere has none: what was told of it says so.
  const goesOn = async (folder: string): Promise<boolean> =>
    (await files.size(join(folder, 'process.json'))) !== undefined ||
    ((await isRunning(log, folder)) && (await next()) === undefined);
  while (current !== undefined) {
    await follow(current, { goesOn, signal });
    current = signal.aborted ? undefined : await next();
  }
}

async function isRunning(log: OutcomeLog, folder: string): Promise<boolean> {
  const runId = runIdOf(basename(folder));
  const { events } = await log.read();
  return projectOutcomes(events).runs.some((run) => run.runId === runId && run.state === 'running');
}

async function follow(
  folder: string,
  { goesOn, signal }: { goesOn: (folder: string) => Promise<boolean>; signal: AbortSignal },
): Promise<void> {
  const log = join(folder, 'run.log');
  process.stdout.write(await textOf(`${log}.1`));
  let printed = 0;
  for (;;) {
    // Before the log is read: what is written after its end is not there to be missed.
    const running = await goesOn(folder);
    const size = (await files.size(log)) ?? 0;
    if (size < printed) {
      // It was begun anew meanwhile.
      process.stdout.write((await textOf(`${log}.1`)).subarray(printed));
      printed = 0;
    }
    if (size > printed) {
      const bytes = await textOf(log);
      process.stdout.write(bytes.subarray(printed));
      printed = bytes.length;
    }
    if (!running || signal.aborted) return;
    await pause(systemClock, FOLLOW_MS, signal);
  }
}

async function textOf(path: string): Promise<Buffer> {
  return Buffer.from((await files.readText(path, { maxBytes: LOG_MAX_BYTES })) ?? '');
}
