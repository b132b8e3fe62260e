import { join } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { modelPath } from '../retraining/model-name.ts';
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

/** Between two looks at a log that grows. */
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
  const { runs } = stateFolders(settledFlags(flags).state);
  const { events } = await readOutcomes(flags);
  const target = targetOf(events, id);
  if (target?.kind === 'request')
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `"${onOneLine(id)}" is a request: name the run, as retrain explain shows it`,
    );
  const folders = await foldersOf(runs, { id, run: target?.run });
  if (folders.length === 0) throw missing(id, { runs, run: target?.run });
  // A run that began again has a folder for every epoch.
  for (const folder of folders.slice(0, -1)) await print(folder);
  const last = folders.at(-1) ?? '';
  if (flags.follow) await follow(last);
  else await print(last);
}

/** Folders of the run on this host, in the order of its executions: `<runs>/<model>/<epoch>-<run id>`. */
async function foldersOf(runs: string, { id, run }: { id: string; run: RunStatus | undefined }): Promise<string[]> {
  const models = run ? [modelPath(run.model)] : await files.list(runs);
  const found: { readonly folder: string; readonly runId: string }[] = [];
  for (const model of models)
    for (const name of await files.list(join(runs, model))) {
      const runId = name.slice(name.indexOf('-') + 1);
      if (run ? runId === run.runId : runId.startsWith(id)) found.push({ folder: join(runs, model, name), runId });
    }
  const ids = [...new Set(found.map(({ runId }) => runId))];
  if (ids.length > 1)
    throw new RetrainError('ARGUMENT_INVALID', `"${onOneLine(id)}" can be ${ids.join(', ')}: give more of the id`);
  return found.map(({ folder }) => folder);
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

async function follow(folder: string): Promise<void> {
  using interrupt = new Interrupt();
  const log = join(folder, 'run.log');
  process.stdout.write(await textOf(`${log}.1`));
  let printed = 0;
  for (;;) {
    // Before the log is read: what is written after its end is not there to be missed.
    const running = (await files.size(join(folder, 'process.json'))) !== undefined;
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
    if (!running || interrupt.signal.aborted) return;
    await pause(systemClock, FOLLOW_MS, interrupt.signal);
  }
}

async function textOf(path: string): Promise<Buffer> {
  return Buffer.from((await files.readText(path, { maxBytes: LOG_MAX_BYTES })) ?? '');
}
