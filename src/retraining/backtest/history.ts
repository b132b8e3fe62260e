import { RetrainError } from '../../errors.ts';
import type { FileReader } from '../../runtime/read-file.ts';
import { FollowedFiles } from '../monitors/followed-files.ts';
import type { FilePositions } from '../monitors/followed-files.ts';
import { readRow, timeOf } from '../monitors/observed-row.ts';
import type { RowColumns } from '../monitors/observed-row.ts';
import type { RowFormat } from '../monitors/row-format.ts';
import { fieldOf } from '../monitors/source-row.ts';

/** Observations of one history; more do not fit into memory with what a backtest makes of them. */
export const HISTORY_MAX = 5_000_000;

/** One observation of the metric. */
export interface HistoryPoint {
  readonly timeMs: number;
  readonly value: number;
  /** When the model was trained whose error it is, where that is told. */
  readonly trainedAtMs?: number;
}

export interface History {
  /** In order of time; of equal times in the order of the file. */
  readonly points: readonly HistoryPoint[];
  readonly badRows: number;
  /** Why the first bad row is one. */
  readonly firstBad?: string;
}

export interface HistoryOptions {
  /** Absolute; may have a `*` in its last part. */
  readonly path: string;
  readonly format: RowFormat;
  readonly columns: RowColumns & { readonly value: string; readonly trainedAt?: string | undefined };
  readonly reader: FileReader;
}

/** Reads a whole metric history. */
export async function readHistory({ path, format, columns, reader }: HistoryOptions): Promise<History> {
  const { time, value, trainedAt, where = {} } = columns;
  const needed = [time, value, ...(trainedAt === undefined ? [] : [trainedAt]), ...Object.keys(where)];
  const files = new FollowedFiles({ path, format, needed: [...new Set(needed)], reader, complete: true });
  const points: HistoryPoint[] = [];
  let badRows = 0;
  let firstBad: string | undefined;
  let positions: FilePositions = {};
  for (let batch = await files.next(positions); batch; batch = await files.next(positions)) {
    for (const row of batch.rows) {
      const read = 'bad' in row ? row.bad : pointOf(row.fields, columns);
      if (read === undefined) continue;
      if (typeof read !== 'string') points.push(read);
      else {
        badRows += 1;
        firstBad ??= read;
      }
    }
    if (points.length > HISTORY_MAX)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `${path} has more than ${HISTORY_MAX} observations: give means of an hour or a day instead of each`,
      );
    positions = await batch.positionsAt();
    await batch.close();
  }
  points.sort((a, b) => a.timeMs - b.timeMs);
  return { points, badRows, ...(firstBad !== undefined && { firstBad }) };
}

/** The point that a row is; text says why it is none, undefined that it belongs to somebody else. */
function pointOf(
  fields: Parameters<typeof readRow>[0],
  columns: HistoryOptions['columns'],
): HistoryPoint | string | undefined {
  const read = readRow(fields, columns);
  if (read.kind === 'other') return undefined;
  if (read.kind === 'bad') return read.reason;
  const { timeMs, value = Number.NaN } = read.row;
  const { trainedAt } = columns;
  if (trainedAt === undefined) return { timeMs, value };
  const trainedAtMs = timeOf(fieldOf(fields, trainedAt));
  return trainedAtMs === undefined ? `${trainedAt} is no time` : { timeMs, value, trainedAtMs };
}
