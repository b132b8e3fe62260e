import { join } from 'node:path';
import { z } from 'zod';
import { ContentReader, inOrderOfPlace } from '../document/content-reader.ts';
import { ConfigurationFileError } from '../document/file-problem.ts';
import { parseFileText } from '../document/file-text.ts';
import { RetrainError } from '../errors.ts';
import { entityName } from '../retraining/configuration/configuration-schema.ts';
import { parseConnection } from '../retraining/connection.ts';
import type { Files } from '../runtime/files.ts';
import { openToOthers, makeSecretFolder, writeSecretFile } from '../runtime/secret-file.ts';

const FOLDER = 'profiles';
const ENDING = '.json';
const MAX_BYTES = 64 * 1024;

/** A name is a file's, and must lead nowhere else; Pulumi's stacks are named by the same rule. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

/** Whose right a command needs: a producer only sends requests. */
export type Side = 'worker' | 'producer';

const profileSchema = z.strictObject({
  version: z.literal(1),
  /** The stack whose outputs it has. */
  stack: z.string().min(1),
  fullyQualifiedNamespace: z.string().min(1),
  /** Absent: commands sign in with Entra ID. */
  connectionStrings: z.strictObject({ worker: z.string().min(1), producer: z.string().min(1) }).optional(),
  queues: z.strictObject({ requests: entityName, sessions: z.boolean(), intake: entityName.optional() }),
  outcomes: z
    .strictObject({ topic: entityName, statusSubscription: entityName, notifySubscription: entityName })
    .optional(),
  registryContainerUrl: z.string().min(1).optional(),
});

/** How a namespace is reached that was provisioned, and what is called how in it. */
export type Profile = z.output<typeof profileSchema>;

/** @throws RetrainError `ARGUMENT_INVALID` */
export function checkProfileName(name: string): string {
  if (NAME.test(name)) return name;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `--profile ${JSON.stringify(name)}: a profile's name has letters, digits, ".", "_" and "-", at most 100, and begins with none of ".-"`,
  );
}

export function profilePath(stateFolder: string, name: string): string {
  return join(stateFolder, FOLDER, `${checkProfileName(name)}${ENDING}`);
}

/** The names of the profiles of a state folder, in order. */
export async function profileNames(stateFolder: string, files: Files): Promise<string[]> {
  const names = await files.list(join(stateFolder, FOLDER));
  return names
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .filter((name) => NAME.test(name));
}

/**
 * @throws RetrainError `CONFIGURATION_INVALID` when there is none, and when others could read the keys in it
 * @throws ConfigurationFileError with every place that has to be corrected; no key is shown
 */
export async function readProfile(stateFolder: string, name: string, files: Files): Promise<Profile> {
  const path = profilePath(stateFolder, name);
  const text = await files.readText(path, { maxBytes: MAX_BYTES });
  if (text === undefined) throw noProfile(path, { name, known: await profileNames(stateFolder, files) });
  const content = await parseFileText(text, path);
  const reader = new ContentReader(content);
  const profile = reader.read(profileSchema, content.value, (path) => path, withoutKeys(content.value));
  for (const [side, string] of Object.entries(profile?.connectionStrings ?? {})) {
    const problem = problemOf(string);
    if (problem !== undefined) reader.refuse(['connectionStrings', side], problem);
  }
  if (!profile || reader.problems.length > 0) throw new ConfigurationFileError(path, inOrderOfPlace(reader.problems));
  const others = await openToOthers(path);
  if (others.write)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${path} says where the commands sign in, and others than its owner can write it: chmod 600 ${path}, and look at what it says`,
    );
  if (profile.connectionStrings && others.read)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${path} has keys, and others than its owner can read it: chmod 600 ${path}, and renew the keys when others have`,
    );
  return profile;
}

/** Writes a profile into its own folder, durably; only the owner can read either. Returns its path. */
export async function writeProfile(stateFolder: string, name: string, profile: Profile): Promise<string> {
  const path = profilePath(stateFolder, name);
  await makeSecretFolder(join(stateFolder, FOLDER));
  await writeSecretFile(path, `${JSON.stringify(profile, undefined, 2)}\n`);
  return path;
}

/** Returns its path when there was one. */
export async function removeProfile(stateFolder: string, name: string, files: Files): Promise<string | undefined> {
  const path = profilePath(stateFolder, name);
  if (!(await profileNames(stateFolder, files)).includes(name)) return undefined;
  await files.remove(path);
  return path;
}

function noProfile(path: string, { name, known }: { name: string; known: readonly string[] }): RetrainError {
  const others = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`;
  return new RetrainError(
    'CONFIGURATION_INVALID',
    `there is no profile "${name}" (${path}), ${others}: retrain deploy up --stack ${name} writes it, or name another with --profile`,
  );
}

/** What may be shown of a file when it is wrong. */
function withoutKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '(not shown)';
  return { ...value, connectionStrings: '(not shown)' };
}

function problemOf(connectionString: string): string | undefined {
  try {
    parseConnection(connectionString);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
