import { resolve } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { foldersIn } from '../retraining/configuration/configuration.ts';
import { Outbox } from '../retraining/outbox.ts';
import { RetrainingProducer } from '../retraining/producer.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { readConfiguration } from './configured.ts';
import { addConnectionOptions, placeOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { EXIT } from './exit-code.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';

interface ListFlags {
  readonly config?: string;
  readonly outbox?: string;
  readonly json?: true;
}

type FlushFlags = ConnectionOptions & ListFlags;

export function outboxCommand(): Command {
  return new Command('outbox')
    .description('Shows and sends requests that wait on disk because the broker did not take them.')
    .addCommand(
      new Command('list')
        .description('Lists what waits, oldest first.')
        .option('--config <file>', 'configuration whose outbox is meant')
        .option('--outbox <dir>', "folder (default: the configuration's)")
        .option('--json', 'print JSON')
        .addHelpText('after', '\nExample:\n  retrain outbox list --outbox .retrain/outbox')
        .action(list),
    )
    .addCommand(
      addConnectionOptions(new Command('flush'), { side: 'producer' })
        .description('Sends what waits; what the broker had accepted after all is dropped as a duplicate.')
        .option('--outbox <dir>', "folder (default: the configuration's)")
        .option('--json', 'print JSON')
        .addHelpText('after', '\nExample:\n  retrain outbox flush')
        .action(flush),
    );
}

async function list(flags: ListFlags): Promise<void> {
  const folder = await folderOf(flags);
  const outbox = new Outbox({ folder, files });
  const rows = [];
  for (const name of await outbox.names()) {
    const entry = await outbox.get(name).catch((error: Error) => error);
    if (entry === undefined) continue;
    if (entry instanceof Error) rows.push({ name, problem: entry.message });
    else {
      const { id, subject: model, time, data } = entry.event;
      const activeAt = entry.activeAtMs === undefined ? {} : { activeAt: new Date(entry.activeAtMs).toISOString() };
      rows.push({ name, id, model, kind: data.trigger.kind, time, ...activeAt });
    }
  }
  if (flags.json) console.log(JSON.stringify({ folder, requests: rows }));
  else if (rows.length === 0) console.log(`nothing waits in ${folder}`);
  else
    for (const row of rows)
      console.log('id' in row ? `${row.time}  ${row.model}  ${row.kind}  ${row.id}` : `${row.name}  ${row.problem}`);
}

async function flush(flags: FlushFlags): Promise<void> {
  const folder = await folderOf(flags);
  const { connection, queue } = placeOf(flags);
  await using producer = new RetrainingProducer({ connection, queue, outboxFolder: folder, clock: systemClock });
  const { sent, expired, failed } = await producer.flush();
  if (flags.json)
    console.log(
      JSON.stringify({ sent, expired, failed: failed.map(({ name, error }) => ({ name, reason: error.message })) }),
    );
  else {
    console.log(`${sent} sent${expired > 0 ? `, ${expired} expired and dropped` : ''}`);
    for (const { name, error } of failed)
      console.error(`retrain: ${name} is left in ${folder}, look at it, then remove it: ${error.message}`);
  }
  if (failed.length > 0) process.exitCode = EXIT.failed;
}

async function folderOf({ outbox, config, ...rest }: ListFlags & Partial<FlushFlags>): Promise<string> {
  if (outbox !== undefined) {
    if (outbox === '') throw new RetrainError('ARGUMENT_INVALID', '--outbox is empty: name the folder');
    return resolve(outbox);
  }
  const configuration = rest.configured?.configuration ?? (await readConfiguration(config));
  return (configuration?.folders ?? foldersIn(resolve(DEFAULT_STATE_FOLDER))).outbox;
}
