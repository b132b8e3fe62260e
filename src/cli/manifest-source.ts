import { posix } from 'node:path';
import { RetrainError } from '../errors.ts';
import { ConfigurationFileError } from '../document/file-problem.ts';
import { parseFileText } from '../document/file-text.ts';
import { parseConfiguration } from '../retraining/configuration/configuration.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { filledFrom, variablesIn } from '../retraining/configuration/environment.ts';
import type { Variable } from '../retraining/configuration/environment.ts';
import { files } from '../runtime/files.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';

/** Where the configuration lies in a container, and what its relative paths are relative to. */
export const WORK_FOLDER = '/work';
const DEFAULT_STATE = '.retrain';
/** Bytes of a ConfigMap or a Secret, less what its names take (1 MiB, kubernetes.io on both). */
const CONFIGURATION_MAX_BYTES = 1_000_000;

/** A configuration as manifests need it: unresolved for the cluster, and read as far as it is known here. */
export interface ManifestSource {
  /** Path, as it was given. */
  readonly file: string;
  readonly text: string;
  /** Its path in a container; the ending says which notation it has. */
  readonly mountedAt: string;
  readonly configuration: Configuration;
  /** Absolute path in a container. */
  readonly stateFolder: string;
  /** What the file wants from the environment, and was not given here. */
  readonly variables: readonly Variable[];
}

/**
 * Reads a configuration without the environment of this process: what is printed depends on the file and on flags alone.
 *
 * @param given values of variables that are known here, by name
 * @throws ConfigurationFileError
 */
export async function readManifestSource(
  path: string | undefined,
  given: Readonly<Record<string, string>>,
): Promise<ManifestSource> {
  const file = path ?? CONFIGURATION_FILE;
  const text = await files.readText(file, { maxBytes: CONFIGURATION_MAX_BYTES });
  if (text === undefined)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      path === undefined
        ? `there is no ${CONFIGURATION_FILE} here: write one (see docs/configuration.md), or name it with --config`
        : `there is no configuration ${file}: check the path`,
    );
  const { value } = await parseFileText(text, file);
  const variables = variablesIn(value).filter(({ name }) => !(name in given));
  const { configuration, environment } = await parsed(text, { file, given, variables });
  const state = stateIn(filledFrom(value, environment).value);
  return {
    file,
    text,
    mountedAt: `${WORK_FOLDER}/retrain.${/\.jsonc?$/i.test(file) ? 'json' : 'yaml'}`,
    configuration,
    stateFolder: posix.resolve(WORK_FOLDER, knownHere(state, 'folders.state')),
    variables,
  };
}

/**
 * A value that the manifests repeat; it has to be known here.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` naming the variable that it comes from
 */
export function knownHere(value: string, place: string): string {
  const name = UNSET.exec(value)?.[1];
  if (name === undefined) return value;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${place} comes from the variable ${name}, and the manifests repeat it: give it by --env ${name}=VALUE`,
  );
}

/** Whether a value comes from a variable that is not known here. */
export function isUnknownHere(value: string): boolean {
  return UNSET.test(value);
}

/** What stands for a value that only the cluster knows: as a text, and where an address is wanted. */
const STAND_INS = [
  (name: string): string => `unset-variable-${name}.invalid`,
  (name: string): string => `https://unset-variable-${name}.invalid`,
] as const;
const UNSET = /unset-variable-(\w+)\.invalid/;

/** Finds the stand-in of each variable with which the file has the fewest problems. */
async function parsed(
  text: string,
  { file, given, variables }: { file: string; given: Readonly<Record<string, string>>; variables: readonly Variable[] },
): Promise<{ configuration: Configuration; environment: Record<string, string> }> {
  const [plain, address] = STAND_INS;
  const unset = variables.filter(({ isNeeded }) => isNeeded).map(({ name }) => name);
  let environment = { ...given, ...Object.fromEntries(unset.map((name) => [name, plain(name)])) };
  let best = await attempt(text, { file, environment });
  for (const name of unset) {
    if (!(best instanceof ConfigurationFileError)) break;
    const other = { ...environment, [name]: address(name) };
    const tried = await attempt(text, { file, environment: other });
    if (tried instanceof ConfigurationFileError && tried.problems.length >= best.problems.length) continue;
    [best, environment] = [tried, other];
  }
  if (!(best instanceof ConfigurationFileError)) return { configuration: best, environment };
  if (!isUnknownHere(best.problems.join('\n')) && unset.length === 0) throw best;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${best.message}; not known here are ${unset.join(', ')}: what has to be a number, a span or a name is given by --env NAME=VALUE`,
    { cause: best },
  );
}

async function attempt(
  text: string,
  { file, environment }: { file: string; environment: Readonly<Record<string, string>> },
): Promise<Configuration | ConfigurationFileError> {
  try {
    return await parseConfiguration(text, { file, environment });
  } catch (error) {
    if (error instanceof ConfigurationFileError) return error;
    throw error;
  }
}

function stateIn(value: unknown): string {
  const { folders } = value as { folders?: { state?: string } };
  return folders?.state ?? DEFAULT_STATE;
}
