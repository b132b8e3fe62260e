import { z } from 'zod';
import type { FileProblem, Path } from './file-problem.ts';
import type { FileContent } from './file-text.ts';
import { issueText } from './issue-text.ts';
import { issueReason, shown, valueAt } from './issue-reason.ts';
import { unknownName } from './near-name.ts';

/** The way in the file to what has the way `path` in a schema. */
export type PathInFile = (path: Path) => Path;

/** Gathers everything that is wrong in a file, and what is worth a remark. */
export class ContentReader {
  readonly problems: FileProblem[] = [];
  readonly remarks: FileProblem[] = [];
  readonly #content: FileContent;

  constructor(content: FileContent) {
    this.#content = content;
  }

  refuse(path: Path, reason: string, what: 'key' | 'value' = 'value'): void {
    this.problems.push(this.#problem(path, reason, what));
  }

  remark(path: Path, reason: string): void {
    this.remarks.push(this.#problem(path, reason, 'value'));
  }

  /**
   * The value with what the schema makes of it; undefined when it is wrong, which has then been noted.
   *
   * @param written the value as the file has it, when parts of it come from elsewhere: its texts are what is shown, as those from elsewhere may be secrets
   */
  read<S extends z.ZodType>(
    schema: S,
    value: unknown,
    inFile: PathInFile,
    written: unknown = value,
  ): z.output<S> | undefined {
    const result = schema.safeParse(value, { error: issueText });
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      if (issue.code !== 'unrecognized_keys')
        this.refuse(
          inFile(path),
          issueReason(issue, shownValue(valueAt(value, path), valueAt(written, path))),
          issue.code === 'invalid_key' ? 'key' : 'value',
        );
      else for (const name of issue.keys) this.#refuseUnknown(inFile([...path, name]), propertiesAt(schema, path));
    }
    return undefined;
  }

  /** What an object holds under the names that are known; whatever else it holds is refused. Undefined, and noted, when it is no object. */
  properties(value: unknown, path: Path, known: readonly string[]): Record<string, unknown> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse(
        path,
        value === undefined ? 'is missing' : `must be properties with their values, not ${shown(value)}`,
      );
      return undefined;
    }
    const found = Object.entries(value);
    for (const [name] of found) if (!known.includes(name)) this.#refuseUnknown([...path, name], known);
    return Object.fromEntries(found.filter(([name]) => known.includes(name)));
  }

  /** The elements of a list, which may be absent; in YAML nothing may be written after its name. */
  list(value: unknown, path: Path): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.refuse(path, `must be a list, not ${shown(value)}`);
    return [];
  }

  /** The elements of a list as what `read` makes of them, where it makes something of them. */
  each<T>(value: unknown, path: Path, read: (element: unknown, path: Path) => T | undefined): T[] {
    const elements = this.list(value, path).map((element, index) => read(element, [...path, index]));
    return elements.filter((element) => element !== undefined);
  }

  #refuseUnknown(path: Path, known: readonly string[]): void {
    this.refuse(path, unknownName('property', String(path.at(-1)), known), 'key');
  }

  #problem(path: Path, reason: string, what: 'key' | 'value'): FileProblem {
    const position = this.#content.locate(path, what);
    return { path, reason, ...(position && { position }) };
  }
}

function shownValue(value: unknown, written: unknown): unknown {
  return typeof value === 'string' ? written : value;
}

/** The names that a schema knows at a place within it. */
function propertiesAt(schema: z.ZodType, path: Path): string[] {
  let inside = bare(schema);
  for (const part of path) {
    if (inside instanceof z.ZodObject) inside = bare(inside.shape[part]);
    else if (inside instanceof z.ZodRecord) inside = bare(inside.valueType);
    else return [];
  }
  return inside instanceof z.ZodObject ? Object.keys(inside.shape) : [];
}

function bare(schema: unknown): unknown {
  let inside = schema;
  while (inside instanceof z.ZodOptional || inside instanceof z.ZodDefault || inside instanceof z.ZodPrefault)
    inside = inside.unwrap();
  return inside;
}

/** From the top of the file to its end. */
export function inOrderOfPlace(problems: readonly FileProblem[]): FileProblem[] {
  const line = ({ position }: FileProblem): number => position?.line ?? 0;
  const column = ({ position }: FileProblem): number => position?.column ?? 0;
  return [...problems].sort((one, other) => line(one) - line(other) || column(one) - column(other));
}
