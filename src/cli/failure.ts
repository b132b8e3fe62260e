import { CommanderError } from 'commander';
import { RetrainError } from '../errors.ts';
import { ConfigurationFileError } from '../document/file-problem.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';

/** What a person is told about an error, and a script through the exit code. */
export interface Failure {
  /** One line: what, and the remedy. Empty when all has been said, as by `--help`. */
  readonly line: string;
  /** Lines that follow it: each place in a file that has to be corrected. */
  readonly places?: readonly string[];
  readonly exitCode: number;
}

/** What the operating system says about files and sockets, as a remedy. */
const SYSTEM_ERRORS: Record<string, { readonly remedy: string; readonly exitCode: number }> = {
  EACCES: { remedy: 'give this user the right, or choose another place', exitCode: EXIT.unauthorized },
  EPERM: { remedy: 'give this user the right, or choose another place', exitCode: EXIT.unauthorized },
  ENOENT: { remedy: 'check the path', exitCode: EXIT.usage },
  ENOTDIR: { remedy: 'a part of the path is a file; choose another folder', exitCode: EXIT.usage },
  EEXIST: { remedy: 'a file is where a folder should be; choose another folder', exitCode: EXIT.usage },
  EISDIR: { remedy: 'name a file, not a folder', exitCode: EXIT.usage },
  EROFS: { remedy: 'choose a folder that can be written to', exitCode: EXIT.usage },
  ENOSPC: { remedy: 'free some space', exitCode: EXIT.disk },
  EDQUOT: { remedy: 'free some space', exitCode: EXIT.disk },
  EIO: { remedy: 'check the disk', exitCode: EXIT.disk },
  EMFILE: { remedy: 'allow more open files (ulimit -n)', exitCode: EXIT.temporary },
};

/** The one place that turns an error into what is printed and how the process ends. `command` is the one that was called. */
export function explainFailure(error: unknown, command: string): Failure {
  if (error instanceof CommanderError) return explainUsage(error, command);
  if (error instanceof ConfigurationFileError && error.problems.length > 1) {
    const line = `${error.file} has to be corrected in ${error.problems.length} places:`;
    return { line, places: error.problems, exitCode: exitCodeOf(error.code) };
  }
  if (error instanceof RetrainError) return { line: oneLine(error.message), exitCode: exitCodeOf(error.code) };
  if (!(error instanceof Error)) return unexpected(String(error));
  const known = SYSTEM_ERRORS[(error as NodeJS.ErrnoException).code ?? ''];
  if (known && (error as NodeJS.ErrnoException).syscall !== undefined)
    return { line: `${oneLine(error.message)}: ${known.remedy}`, exitCode: known.exitCode };
  return unexpected(`${error.name}: ${error.message}`);
}

/** The error with its stack and its causes, for `--verbose`. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? error.message;
  return error.cause === undefined ? stack : `${stack}\nCaused by: ${stackOf(error.cause)}`;
}

function explainUsage(error: CommanderError, command: string): Failure {
  // `--help` and `--version` have printed what was asked for.
  if (error.exitCode === 0) return { line: '', exitCode: EXIT.ok };
  if (error.code === 'commander.help') return { line: '', exitCode: EXIT.usage };
  const said = oneLine(error.message)
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  return { line: `${said}; see ${command} --help`, exitCode: EXIT.usage };
}

function unexpected(said: string): Failure {
  return { line: `unexpected ${oneLine(said)}; run again with --verbose and report it`, exitCode: EXIT.failed };
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}
