import { join } from 'node:path';
import { RetrainError } from '../errors.ts';
import { parseFileText } from '../document/file-text.ts';
import type { Files } from '../runtime/files.ts';
import type { NamespaceDescription } from '../topology/index.ts';
import { namespaceOf, parseTopologyTemplate, renderTopology, stackSettings } from '../topology/stack/index.ts';
import type { ProjectFile } from '../topology/stack/index.ts';
import { DEFAULT_INFRA_FOLDER, packagedProgram, PROJECT_FILE } from './deploy-program.ts';

const STACK_FILE = /^Pulumi\.(.+)\.yaml$/;
/** Bytes of a file of a Pulumi project. */
const FILE_MAX_BYTES = 1024 * 1024;

/**
 * The queues and topics that a stack of `infra/` provisions.
 *
 * @param stack its name, or `organization/project/name` as Pulumi writes it whole
 * @param folder of the Pulumi program; undefined: `infra` where it is, else the one of the package
 * @throws RetrainError `ARGUMENT_INVALID` when there is no such folder or stack, `CONFIGURATION_INVALID` when its settings cannot be
 */
export async function readStackTopology(
  stack: string,
  { folder, files }: { folder: string | undefined; files: Files },
): Promise<NamespaceDescription> {
  const [place, project] = await projectIn(
    folder === undefined ? [DEFAULT_INFRA_FOLDER, packagedProgram()] : [folder],
    files,
  );
  const [name] = stack.split('/').slice(-1);
  const chosen = await read(files, join(place, `Pulumi.${name}.yaml`));
  if (chosen === undefined) throw await noStack(stack, place, files);
  const file = join(place, 'topology.json');
  const text = await read(files, file);
  if (text === undefined) throw missing(file, 'copy it from the package retrain');
  const template = parseTopologyTemplate((await parseFileText(text.text, file)).value, file);
  return namespaceOf(renderTopology(template, await stackSettings(template, { project, stack: chosen })));
}

async function projectIn(folders: readonly string[], files: Files): Promise<[string, ProjectFile]> {
  for (const folder of folders) {
    const project = await read(files, join(folder, PROJECT_FILE));
    if (project) return [folder, project];
  }
  throw missing(join(folders.join(' or '), PROJECT_FILE), 'name the folder of the Pulumi program with --infra');
}

async function read(files: Files, file: string): Promise<ProjectFile | undefined> {
  const text = await files.readText(file, { maxBytes: FILE_MAX_BYTES });
  return text === undefined ? undefined : { file, text };
}

async function noStack(stack: string, folder: string, files: Files): Promise<RetrainError> {
  const names = (await files.list(folder)).flatMap((name) => STACK_FILE.exec(name)?.[1] ?? []);
  return new RetrainError(
    'ARGUMENT_INVALID',
    `there is no stack '${stack}' in ${folder}: use ${names.join(', ') || 'pulumi stack init to make one'}`,
  );
}

function missing(file: string, remedy: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `there is no ${file}: ${remedy}`);
}
