import * as pulumi from '@pulumi/pulumi';
import type { Key } from './keys';

/** One thing that is wrong with the settings. */
export interface Problem {
  /** The key without its project; of a list or map with the place, as `alertEmails[0]` or `tags.team`. */
  readonly key: string;
  /** As it is set; undefined when nothing is. */
  readonly value: string | undefined;
  /** What is wrong and where the limit is: the rest of a sentence that begins with the value. */
  readonly limit: string;
  /** Each mends it by itself. */
  readonly remedies: readonly Remedy[];
}

export type Remedy =
  | { readonly set: Key; readonly at?: string; readonly to: string }
  | { readonly remove: string }
  | { readonly say: string };

const SHOWN_CHARACTERS = 80;

/** A problem as one line, which ends with commands. */
export function problemLine(project: string, { key, value, limit, remedies }: Problem): string {
  const shown = value === undefined ? '' : ` ${shorten(JSON.stringify(value))}`;
  const mend = remedies.map((remedy) => remedyText(project, remedy)).join(', or ');
  return `${project}:${key}:${shown} ${limit}: ${mend}`;
}

function remedyText(project: string, remedy: Remedy): string {
  if ('say' in remedy) return remedy.say;
  if ('remove' in remedy) return `pulumi config rm ${quoted(`${project}:${remedy.remove}`)}`;
  const { set, at, to } = remedy;
  const path = at === undefined ? '' : '--path ';
  return `pulumi config set ${path}${quoted(`${project}:${set}${at ?? ''}`)} ${quoted(to)}`;
}

/** For a shell of Unix and for PowerShell, where this has no quotation mark in it. */
function quoted(text: string): string {
  return /^[\w:./@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Everything that is wrong with the settings, a line each. Pulumi shows a RunError without its stack. */
export class SettingsError extends pulumi.RunError {
  constructor(
    project: string,
    stack: string,
    readonly problems: readonly Problem[],
  ) {
    const what = problems.length === 1 ? 'a setting' : `${problems.length} settings`;
    const lines = problems.map((problem) => problemLine(project, problem));
    super(`stack ${stack} has ${what} to mend before anything is made:\n${lines.join('\n')}`);
    this.name = 'SettingsError';
  }
}
