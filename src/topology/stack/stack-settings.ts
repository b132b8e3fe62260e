import { ContentReader } from '../../document/content-reader.ts';
import { ConfigurationFileError, type Path } from '../../document/file-problem.ts';
import { parseFileText } from '../../document/file-text.ts';
import { shown } from '../../document/issue-reason.ts';
import type { SettingValue, TopologySettings, TopologyTemplate } from './topology-template.ts';

/** A file of a Pulumi project. */
export interface ProjectFile {
  readonly file: string;
  readonly text: string;
}

/**
 * The settings of a stack that decide its entities, as the Pulumi CLI would give them to the program: what `Pulumi.<stack>.yaml` has, else the
 * default in `Pulumi.yaml`, else that of the template.
 *
 * @throws ConfigurationFileError with every place that has to be corrected
 */
export async function stackSettings(
  template: TopologyTemplate,
  files: { readonly project: ProjectFile; readonly stack: ProjectFile },
): Promise<TopologySettings> {
  const project = await parseFileText(files.project.text, files.project.file);
  const name = valueIn(project.value, 'name');
  const namespace = typeof name === 'string' ? name : 'retrain';
  const defaults = await settingsIn(template, files.project, { namespace, valueOf: defaultOf });
  const chosen = await settingsIn(template, files.stack, { namespace, valueOf: (value) => value });
  return { ...template.settings, ...defaults, ...chosen };
}

/** What a project says of a setting is its value, or a declaration with a default. */
function defaultOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return valueIn(value, 'value') ?? valueIn(value, 'default');
}

async function settingsIn(
  template: TopologyTemplate,
  { file, text }: ProjectFile,
  { namespace, valueOf }: { namespace: string; valueOf: (value: unknown) => unknown },
): Promise<TopologySettings> {
  // A stack without settings of its own has an empty file.
  if (text.trim() === '') return {};
  const content = await parseFileText(text, file);
  const reader = new ContentReader(content);
  const config = valueIn(content.value, 'config') ?? {};
  const found: [string, SettingValue][] = [];
  for (const [key, value] of Object.entries(config)) {
    const name = key.startsWith(`${namespace}:`) ? key.slice(namespace.length + 1) : key;
    const usual = template.settings[name];
    const given = valueOf(value);
    if (usual === undefined || given === undefined || given === null) continue;
    const setting = settingOf(given, usual);
    if (setting === undefined) refuse(reader, ['config', key], given, usual);
    else found.push([name, setting]);
  }
  if (reader.problems.length > 0) throw new ConfigurationFileError(file, reader.problems);
  return Object.fromEntries(found);
}

/** `pulumi config set` writes numbers and truth values as texts; 0 and an empty text stand for a setting that is not set. */
function settingOf(given: unknown, usual: SettingValue): SettingValue | undefined {
  if (typeof usual === 'boolean') return TRUTH.get(given);
  if (typeof usual === 'string') return typeof given === 'string' ? given : undefined;
  const number = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) return undefined;
  return usual === null && number === 0 ? null : number;
}

const TRUTH: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ['true', true],
  [false, false],
  ['false', false],
]);

function refuse(reader: ContentReader, path: Path, given: unknown, usual: SettingValue): void {
  const isSecret = typeof given === 'object' && given !== null && 'secure' in given;
  const type = typeof usual === 'boolean' ? 'true or false' : typeof usual === 'string' ? 'a text' : 'a whole number';
  reader.refuse(
    path,
    isSecret ? 'must not be a secret: set it without --secret' : `must be ${type}, not ${shown(given)}`,
  );
}

function valueIn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
