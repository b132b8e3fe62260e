import { ConfigurationFileError, type FileProblem, type Path, type Position } from './file-problem.ts';

/** What a text says, whatever its notation, and where in the text it says it. */
export interface FileContent {
  readonly value: unknown;
  /** Where the value is, or the nearest one around it; with `key` where its name is. */
  locate(path: Path, what: 'key' | 'value'): Position | undefined;
}

/** One way to write a file. Its parser is loaded only when it is needed. */
export interface Notation {
  /** @throws RangeError when the text is nested too deeply for the stack */
  parse(text: string): FileContent | readonly FileProblem[];
}

/**
 * Reads JSON with comments or YAML. The name's ending decides; a file whose name says nothing is JSON when its first sign is a brace.
 *
 * @throws ConfigurationFileError with every place that is not well formed
 */
export async function parseFileText(text: string, file: string): Promise<FileContent> {
  const plain = text.replace(/^\uFEFF/, '');
  if (plain.trim() === '') throw new ConfigurationFileError(file, [{ path: [], reason: 'the file is empty' }]);
  const notation = isJson(plain, file)
    ? await import('./json-text.ts').then(({ jsonText }) => jsonText())
    : await import('./yaml-text.ts').then(({ yamlText }) => yamlText());
  const content = parseBounded(notation, plain, file);
  if ('value' in content) return content;
  throw new ConfigurationFileError(file, content);
}

function parseBounded(notation: Notation, text: string, file: string): FileContent | readonly FileProblem[] {
  try {
    return notation.parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigurationFileError(file, [{ path: [], reason: 'its values are nested too deeply' }]);
  }
}

function isJson(text: string, file: string): boolean {
  if (/\.jsonc?$/i.test(file)) return true;
  if (/\.ya?ml$/i.test(file)) return false;
  return text.charAt(afterComments(text)) === '{';
}

/** Where what is neither space nor comment begins. By hand: a pattern of both in any order would try them over and over again. */
function afterComments(text: string): number {
  for (let at = 0; ;) {
    const begun = at;
    while (/\s/.test(text.charAt(at))) at++;
    if (text.startsWith('//', at)) at = endOf('\n', text, at);
    else if (text.startsWith('/*', at)) at = endOf('*/', text, at + 2);
    if (at === begun) return at;
  }
}

/** A comment that does not end goes to the end of the text. */
function endOf(sign: string, text: string, from: number): number {
  const at = text.indexOf(sign, from);
  return at < 0 ? text.length : at + sign.length;
}
