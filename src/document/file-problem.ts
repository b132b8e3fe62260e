import { RetrainError } from '../errors.ts';

/** The way to a value of a file: names of properties and places in lists. */
export type Path = readonly (string | number)[];

/** Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What is wrong in a file, and where. */
export interface FileProblem {
  readonly path: Path;
  /** Absent where a file has no text for it. */
  readonly position?: Position;
  /** What is wrong and how it would be right. */
  readonly reason: string;
}

/** As many problems of one file are told; who has more is helped by none. */
export const MAX_PROBLEMS = 100;

/** A file that cannot be used, with all that is wrong in it. The code is `CONFIGURATION_INVALID`. */
export class ConfigurationFileError extends RetrainError {
  /** One line each, as compilers write them: `file:line:column: path: reason`. */
  readonly problems: readonly string[];
  readonly file: string;

  constructor(file: string, problems: readonly FileProblem[]) {
    const lines = problems.slice(0, MAX_PROBLEMS).map((problem) => problemText(file, problem));
    const more = problems.length - lines.length;
    if (more > 0) lines.push(`${file}: and ${more} further problems`);
    const [first = file] = lines;
    super(
      'CONFIGURATION_INVALID',
      lines.length === 1 ? first : `${file}: ${problems.length} problems: ${lines.join('; ')}`,
    );
    this.file = file;
    this.problems = lines;
  }
}

/** `file:line:column: path: reason`. */
export function problemText(file: string, { path, position, reason }: FileProblem): string {
  const where = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  return path.length === 0 ? `${where}: ${reason}` : `${where}: ${pathText(path)}: ${reason}`;
}

/** `queues[0].lockDuration`; a name that is none in JavaScript is quoted. */
function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[$\w]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** What is not well formed on a line follows, as a rule, from the first mistake on it. */
export function firstOfEachLine(problems: readonly FileProblem[]): FileProblem[] {
  const seen = new Set<number>();
  return problems.filter(({ position }) => {
    const line = position?.line ?? 0;
    if (seen.has(line)) return false;
    seen.add(line);
    return true;
  });
}
