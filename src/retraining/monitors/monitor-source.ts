import { resolve } from 'node:path';
import { fileReader } from '../../runtime/read-file.ts';
import type { FileReader } from '../../runtime/read-file.ts';
import { FollowedFiles } from './followed-files.ts';
import { columnsOf } from './monitor.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { journalPattern } from './observation-journal.ts';

/** The files that a monitor of a model follows; of pushed observations those of the model's journal. */
export function sourceOf(
  model: string,
  settings: MonitorSettings,
  {
    baseFolder,
    observationFolder,
    reader = fileReader,
  }: { baseFolder: string; observationFolder: string; reader?: FileReader },
): FollowedFiles {
  const { csv, jsonLines, delimiter } = settings.source;
  if (csv !== undefined)
    return new FollowedFiles({
      path: resolve(baseFolder, csv),
      format: { kind: 'csv', delimiter },
      needed: neededColumns(settings),
      reader,
    });
  const path = jsonLines === undefined ? journalPattern(observationFolder, model) : resolve(baseFolder, jsonLines);
  return new FollowedFiles({ path, format: { kind: 'jsonLines' }, needed: [], reader });
}

/** Columns that the header of a CSV file must have. */
function neededColumns(settings: MonitorSettings): string[] {
  const { time, value, features, where = {} } = columnsOf(settings);
  return [...new Set([time, ...(features ?? (value === undefined ? [] : [value])), ...Object.keys(where)])];
}
