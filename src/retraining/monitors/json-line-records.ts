import type { RecordBounds } from './record-bounds.ts';
import type { Fields, SourceRow } from './source-row.ts';

/** Lines of JSON as rows. */
export function jsonLineRows(bytes: Buffer, records: readonly RecordBounds[]): SourceRow[] {
  return records.map(({ start, end, tooLong }) => {
    if (tooLong) return { end, bad: 'the line is too long' };
    const fields = parsed(bytes.toString('utf8', start, end));
    return fields ? { end, fields } : { end, bad: 'the line is not a JSON object' };
  });
}

function parsed(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
