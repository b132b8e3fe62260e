import { RetrainError } from '../../errors.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { fileReader } from '../../runtime/read-file.ts';
import { checkModelName } from '../model-name.ts';
import { readReference } from './drift-reference.ts';
import { Monitor } from './monitor.ts';
import type { SendRequest } from './monitor.ts';
import type { MonitorLog } from './monitor-log.ts';
import { monitorSettingsSchema } from './monitor-settings.ts';
import type { MonitorSettings, MonitorSettingsInput } from './monitor-settings.ts';
import { MonitorStates } from './monitor-state.ts';

export interface CreateMonitorOptions {
  readonly model: string;
  /** What is watched, as in a configuration; the source may be left out. */
  readonly monitor: Omit<MonitorSettingsInput, 'source'> & { readonly source?: MonitorSettingsInput['source'] };
  /** Where the state is kept; of one process at a time. */
  readonly folder: string;
  /** See `SendRequest`; usually `(_, request) => producer.request(request)`. */
  readonly send: SendRequest;
  /** What a relative path of the reference is relative to. Default: the working directory. */
  readonly baseFolder?: string;
  readonly log?: MonitorLog;
  readonly files?: Files;
}

/**
 * One monitor for a program that has the observations itself and gives them by `observe`. It goes on where its state was last written.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` naming the field of the settings; `DATA_CORRUPT` and `DATA_VERSION` for a state that cannot be read.
 */
export async function createMonitor(options: CreateMonitorOptions): Promise<Monitor> {
  const { model, folder, send, baseFolder = '.', log, files = systemFiles } = options;
  const settings = checked(options.monitor);
  const reference = await readReference(settings, { baseFolder, reader: fileReader });
  return Monitor.open({
    model: checkModelName(model),
    settings,
    states: new MonitorStates({ folder, files }),
    send,
    ...(log && { log }),
    ...(reference && { reference }),
  });
}

function checked(given: CreateMonitorOptions['monitor']): MonitorSettings {
  const { data, error } = monitorSettingsSchema.safeParse({ source: { pushed: true }, ...given });
  if (data) return data;
  const issue = error.issues[0];
  const field = ['monitor', ...(issue?.path ?? []).map(String)].join('.');
  throw new RetrainError('CONFIGURATION_INVALID', `${field}: ${issue?.message}`);
}
