import { parse } from 'csv-parse/sync';
import type { RecordBounds } from './record-bounds.ts';
import type { Fields, SourceRow } from './source-row.ts';

/** Columns of one file; a header of more is not one. */
export const COLUMNS_MAX = 5_000;

/** The columns that a file's first record names; undefined when it is none. */
export function csvHeader(record: Buffer, delimiter: string): string[] | undefined {
  const names = parseOne(record, delimiter)?.map((name) => name.trim());
  return names && names.length <= COLUMNS_MAX ? names : undefined;
}

/** Records of CSV as rows. All are parsed at once; only when that does not come out even, one by one, to tell the bad one from the others. */
export function csvRows(
  bytes: Buffer,
  records: readonly RecordBounds[],
  { header, delimiter }: { header: readonly string[]; delimiter: string },
): SourceRow[] {
  const readable = records.filter(({ tooLong }) => !tooLong);
  const first = readable[0];
  const last = readable.at(-1);
  const together =
    readable.length === records.length && first && last
      ? parseAll(bytes.subarray(first.start, last.end), delimiter)
      : undefined;
  return records.map(({ start, end, tooLong }, index) => {
    if (tooLong) return { end, bad: 'the line is too long' };
    const values =
      together?.length === records.length ? together[index] : parseOne(bytes.subarray(start, end), delimiter);
    if (!values) return { end, bad: 'the line is not CSV' };
    if (values.length !== header.length)
      return { end, bad: `the line has ${values.length} columns, the header ${header.length}` };
    return { end, fields: fieldsOf(header, values) };
  });
}

function fieldsOf(header: readonly string[], values: readonly string[]): Fields {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [column, name] of header.entries()) fields[name] = values[column] ?? '';
  return fields;
}

function parseOne(record: Buffer, delimiter: string): string[] | undefined {
  const parsed = parseAll(record, delimiter);
  return parsed?.length === 1 ? parsed[0] : undefined;
}

function parseAll(bytes: Buffer, delimiter: string): string[][] | undefined {
  try {
    return parse(bytes, {
      delimiter,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      columns: false,
    });
  } catch {
    return undefined;
  }
}
