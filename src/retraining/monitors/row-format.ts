import { RetrainError } from '../../errors.ts';
import { csvHeader, csvRows } from './csv-records.ts';
import { jsonLineRows } from './json-line-records.ts';
import { csvRecordEnd, lineEnd, RECORD_MAX_BYTES } from './record-bounds.ts';
import type { RecordBounds, RecordEnd } from './record-bounds.ts';
import type { SourceRow } from './source-row.ts';

export type RowFormat = { readonly kind: 'csv'; readonly delimiter: string } | { readonly kind: 'jsonLines' };

/** How the bytes of one file become rows. */
export interface RowReading {
  /** Where the first row begins: behind a byte order mark and the header. */
  readonly firstRow: number;
  readonly recordEnd: RecordEnd;
  rows(bytes: Buffer, records: readonly RecordBounds[]): SourceRow[];
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Bytes of a file's beginning in which its header ends. */
export const HEAD_MAX_BYTES = RECORD_MAX_BYTES + BYTE_ORDER_MARK.length;

/**
 * How to read a file that begins with `head`; undefined while its header is not complete yet.
 *
 * @param needed columns without which the rows are of no use
 * @throws RetrainError `CONFIGURATION_INVALID` when the header lacks one, or is none.
 */
export function readingOf(
  format: RowFormat,
  head: Buffer,
  { path, needed, atEnd }: { path: string; needed: readonly string[]; atEnd: boolean },
): RowReading | undefined {
  const start = head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  if (format.kind === 'jsonLines') return { firstRow: start, recordEnd: lineEnd, rows: jsonLineRows };
  const { delimiter } = format;
  const recordEnd = csvRecordEnd(delimiter);
  const end = recordEnd(head, start) ?? (atEnd && head.length > start ? head.length : undefined);
  if (end === undefined) {
    if (head.length < HEAD_MAX_BYTES) return undefined;
    throw wrong(path, `has no header in its first ${RECORD_MAX_BYTES} bytes: let its first line name the columns`);
  }
  const header = csvHeader(head.subarray(start, end), delimiter);
  if (!header) throw wrong(path, 'has a first line that is not CSV: let it name the columns');
  const missing = needed.filter((column) => !header.includes(column));
  if (missing.length > 0)
    throw wrong(
      path,
      `has no column ${missing.map((name) => JSON.stringify(name)).join(', ')}, but ${shown(header)}: correct the name in the monitor, or the delimiter`,
    );
  return { firstRow: end, recordEnd, rows: (bytes, records) => csvRows(bytes, records, { header, delimiter }) };
}

function shown(header: readonly string[]): string {
  const text = header.join(', ');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function wrong(path: string, what: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', `${path} ${what}`);
}
