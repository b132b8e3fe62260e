import type { Path } from '../../document/file-problem.ts';

/** `${NAME}`, or `${NAME:-default}`; `$${` is a dollar sign and a brace. */
const REFERENCE = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\$\{)/g;
const WHOLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

export interface Filled {
  readonly value: unknown;
  /** What could not be filled in, and why. */
  readonly problems: readonly { readonly path: Path; readonly reason: string }[];
  /** Places whose whole text came from a variable: only there can it stand for a number or a truth value. */
  readonly fromVariables: readonly Path[];
}

/** Puts the environment's values in the place of `${NAME}`, in every text of a configuration; names of properties stay as they are. */
export function filledFrom(value: unknown, environment: Readonly<Record<string, string | undefined>>): Filled {
  const problems: { path: Path; reason: string }[] = [];
  const fromVariables: Path[] = [];

  const fillText = (text: string, path: Path): string => {
    if (WHOLE.test(text)) fromVariables.push(path);
    return text.replace(REFERENCE, (_, escaped?: string, name?: string, normal?: string) => {
      if (escaped !== undefined) return escaped;
      if (name === undefined) {
        problems.push({
          path,
          reason: 'what follows ${ is no name of a variable: write ${NAME}, or $${ for the two signs themselves',
        });
        return '';
      }
      const found = environment[name] ?? normal;
      if (found === undefined)
        problems.push({
          path,
          reason: `the environment variable ${name} is not set: set it, or give a default, \${${name}:-…}`,
        });
      return found ?? '';
    });
  };
  const fill = (inside: unknown, path: Path): unknown => {
    if (typeof inside === 'string') return fillText(inside, path);
    if (Array.isArray(inside)) return inside.map((element, index) => fill(element, [...path, index]));
    if (typeof inside !== 'object' || inside === null || Object.getPrototypeOf(inside) !== Object.prototype)
      return inside;
    return Object.fromEntries(Object.entries(inside).map(([name, part]) => [name, fill(part, [...path, name])]));
  };

  return { value: fill(value, []), problems, fromVariables };
}

export interface Variable {
  readonly name: string;
  /** Whether it has no default somewhere. */
  readonly isNeeded: boolean;
}

/** The variables that a configuration names, in the order of their names. */
export function variablesIn(value: unknown): Variable[] {
  const needed = new Map<string, boolean>();
  const look = (inside: unknown): void => {
    if (typeof inside === 'string') {
      for (const [, , name, normal] of inside.matchAll(REFERENCE))
        if (name !== undefined) needed.set(name, needed.get(name) === true || normal === undefined);
    } else if (typeof inside === 'object' && inside !== null) for (const part of Object.values(inside)) look(part);
  };
  look(value);
  return [...needed].map(([name, isNeeded]) => ({ name, isNeeded })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a variable's text stands for where a number or a truth value is wanted; the text itself when it is neither. */
export function scalarOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return NUMBER.test(text) ? Number(text) : text;
}
