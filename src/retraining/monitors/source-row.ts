/** The columns of a row by name; of CSV all are text. */
export type Fields = Readonly<Record<string, unknown>>;

/** One record of a source, or why it is none. `end` is the offset behind it. */
export type SourceRow =
  { readonly end: number; readonly fields: Fields } | { readonly end: number; readonly bad: string };

/** The value of a column. Of JSON a name with dots also finds a field of an inner object, such as `metrics.mape`. */
export function fieldOf(fields: Fields, column: string): unknown {
  if (Object.hasOwn(fields, column)) return fields[column];
  let found: unknown = fields;
  for (const part of column.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<string, unknown>)[part];
  }
  return found;
}
