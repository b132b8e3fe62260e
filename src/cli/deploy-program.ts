import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';

/** Where the program is, unless it is said: here. */
export const DEFAULT_INFRA_FOLDER = 'infra';
export const PROJECT_FILE = 'Pulumi.yaml';
const POLICY_FOLDER = 'policy';
const POLICY_FILE = 'PulumiPolicy.yaml';

/** What belongs to a checkout, not to the program. */
const NOT_COPIED: ReadonlySet<string> = new Set(['node_modules', 'dist', 'test', 'oxlint.json']);

/**
 * The folder of the Pulumi program.
 *
 * @param folder as it was named, if it was
 * @throws RetrainError `CONFIGURATION_INVALID` when there is no program
 */
export async function infraFolder(folder: string | undefined): Promise<string> {
  const path = resolve(folder ?? DEFAULT_INFRA_FOLDER);
  if ((await files.size(join(path, PROJECT_FILE))) !== undefined) return path;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    folder === undefined
      ? `there is no ${DEFAULT_INFRA_FOLDER}/${PROJECT_FILE} here: retrain deploy init copies the program, or name its folder with --infra`
      : `there is no ${PROJECT_FILE} in ${path}: correct --infra, or let retrain deploy init ${folder} copy the program`,
  );
}

/** @throws RetrainError `CONFIGURATION_INVALID` when the program has none */
export async function policyFolder(infra: string): Promise<string> {
  const path = join(infra, POLICY_FOLDER);
  if ((await files.size(join(path, POLICY_FILE))) !== undefined) return path;
  throw new RetrainError('CONFIGURATION_INVALID', `--policies: there is no ${POLICY_FILE} in ${path}`);
}

/** The stacks that a program has settings for, in order: of its files Pulumi.NAME.yaml. */
export async function stacksIn(infra: string): Promise<string[]> {
  const names = await files.list(infra);
  return names.flatMap((name) => /^Pulumi\.([\w.-]+)\.ya?ml$/.exec(name)?.[1] ?? []);
}

/** The folder of the program that this package has. */
export function packagedProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('retrain/package.json')), DEFAULT_INFRA_FOLDER);
}

/**
 * Copies the program of this package.
 *
 * @throws RetrainError `ARGUMENT_INVALID` when there is something in the folder
 */
export async function copyProgram(folder: string): Promise<void> {
  const to = resolve(folder);
  if (await isTaken(to))
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `${to} is there already: name another folder, as in retrain deploy init azure`,
    );
  const from = packagedProgram();
  const names = (await files.list(from)).filter((name) => !NOT_COPIED.has(name));
  if (!names.includes(PROJECT_FILE))
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `this installation has no program in ${from}: install retrain anew`,
    );
  for (const name of names) await files.copy(join(from, name), join(to, name));
}

/** Whether there is a file, or a folder with something in it. */
async function isTaken(path: string): Promise<boolean> {
  if ((await files.size(path)) === undefined) return false;
  if ((await files.list(path)).length > 0) return true;
  try {
    // Of a folder that is there it makes nothing.
    await files.makeFolder(path);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return true;
    throw error;
  }
}
