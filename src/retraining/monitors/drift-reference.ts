import { resolve } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { Columns } from '../../monitoring/data-drift.ts';
import { DriftSample } from '../../monitoring/drift-sample.ts';
import type { FileReader } from '../../runtime/read-file.ts';
import { featureNames, sampleOptions } from './drift-watch.ts';
import { FollowedFiles } from './followed-files.ts';
import type { FilePositions } from './followed-files.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { cellOf } from './observed-row.ts';
import { fieldOf } from './source-row.ts';

/**
 * The rows of the file that a monitor's settings name as its reference; of many, a sample. Undefined when they name none.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` when the file has no rows, or lacks a feature.
 */
export async function readReference(
  settings: MonitorSettings,
  { baseFolder, reader }: { baseFolder: string; reader: FileReader },
): Promise<Columns | undefined> {
  const { reference } = settings;
  if (!reference) return undefined;
  const { csv, jsonLines, delimiter } = reference;
  const path = resolve(baseFolder, csv ?? jsonLines ?? '');
  const names = featureNames(settings);
  const format = csv === undefined ? ({ kind: 'jsonLines' } as const) : ({ kind: 'csv', delimiter } as const);
  const files = new FollowedFiles({ path, format, needed: csv === undefined ? [] : names, reader, complete: true });
  const sample = new DriftSample(sampleOptions(names));
  let positions: FilePositions = {};
  for (let batch = await files.next(positions); batch; batch = await files.next(positions)) {
    for (const row of batch.rows)
      if ('fields' in row)
        sample.add(Object.fromEntries(names.map((name) => [name, cellOf(fieldOf(row.fields, name))])));
    positions = await batch.positionsAt();
    await batch.close();
  }
  if (sample.seen > 0) return sample.columns();
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `the reference ${path} of monitor ${settings.name} has no rows: name a file with those that stand for what was normal`,
  );
}
