/** Bytes of one line of JSON or one record of CSV; a longer one is no observation. */
export const RECORD_MAX_BYTES = 64 * 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/** Where a record lies in the bytes it was found in; `end` is behind its line feed. */
export interface RecordBounds {
  readonly start: number;
  readonly end: number;
  /** It has more than `RECORD_MAX_BYTES`: only its place is known. */
  readonly tooLong?: true;
}

/** Finds the end of the record that begins at `start`, behind its line feed; undefined when the bytes end before it does. */
export type RecordEnd = (bytes: Buffer, start: number) => number | undefined;

export function lineEnd(bytes: Buffer, start: number): number | undefined {
  const at = bytes.indexOf(LINE_FEED, start);
  return at < 0 ? undefined : at + 1;
}

/**
 * The end of a record of CSV: a line feed within quotes does not end it (RFC 4180, 2.6). A quote opens a quoted field only where a field begins; anywhere else
 * it is a character as any other, so that an inch sign does not swallow the lines behind it.
 */
export function csvRecordEnd(delimiter: string): RecordEnd {
  const separator = delimiter.charCodeAt(0);
  return (bytes, start) => {
    let fieldBegins = true;
    for (let at = start; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === LINE_FEED) return at + 1;
      if (byte === QUOTE && fieldBegins) {
        const closed = endOfQuoted(bytes, at + 1);
        if (closed === undefined) return undefined;
        at = closed;
      }
      fieldBegins = byte === separator;
    }
    return undefined;
  };
}

/** The place of the quote that closes a quoted field; two quotes are one that belongs to it. */
function endOfQuoted(bytes: Buffer, start: number): number | undefined {
  for (let at = bytes.indexOf(QUOTE, start); at >= 0; at = bytes.indexOf(QUOTE, at + 2)) {
    if (at + 1 >= bytes.length) return undefined;
    if (bytes[at + 1] !== QUOTE) return at;
  }
  return undefined;
}

/**
 * The complete records in `bytes`, without empty lines; what is behind the last one is not complete yet. A record that is too long ends at the
 * first line feed, whatever quotes say: a quote that nobody closes must not swallow the rest of the file.
 *
 * @param atEnd nothing will follow: bytes without a line feed at their end are a record, too
 */
export function recordsIn(bytes: Buffer, recordEnd: RecordEnd, { atEnd }: { atEnd: boolean }): RecordBounds[] {
  const records: RecordBounds[] = [];
  let start = 0;
  while (start < bytes.length) {
    const found = recordEnd(bytes, start);
    if (found !== undefined && found - start <= RECORD_MAX_BYTES) {
      if (!isEmptyLine(bytes, start, found)) records.push({ start, end: found });
      start = found;
      continue;
    }
    if (found === undefined && bytes.length - start <= RECORD_MAX_BYTES) {
      if (atEnd && !isEmptyLine(bytes, start, bytes.length)) records.push({ start, end: bytes.length });
      break;
    }
    // Of a line longer than all that was read, this much is given up; what follows is looked at as if it were a line.
    const end = lineEnd(bytes, start) ?? bytes.length;
    records.push({ start, end, tooLong: true });
    start = end;
  }
  return records;
}

function isEmptyLine(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== LINE_FEED && bytes[at] !== CARRIAGE_RETURN) return false;
  return true;
}
