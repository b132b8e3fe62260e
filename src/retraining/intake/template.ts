/** Names that a template may have in braces, besides `{1}` to `{9}` and `{data.PATH}`. */
export const PLACEHOLDERS = [
  'container',
  'blob',
  'account',
  'modelName',
  'modelVersion',
  'experimentName',
  'runId',
  'dataDriftName',
  'subject',
  'source',
  'type',
  'id',
] as const;

const PLACEHOLDER = /\{([^{}]*)\}/g;
const NAMES: ReadonlySet<string> = new Set(PLACEHOLDERS);

/** What is wrong with a template; undefined when nothing is. */
export function templateProblem(template: string): string | undefined {
  const bare = template.replace(PLACEHOLDER, '');
  if (/[{}]/.test(bare)) return 'has a brace without its partner: write a placeholder as {name}';
  const unknown = namesIn(template).find((name) => !NAMES.has(name) && !/^([1-9]|data\.[^\s]+)$/.test(name));
  if (unknown === undefined) return undefined;
  return `has the placeholder {${unknown}}: use {1} to {9}, {data.PATH}, or one of ${PLACEHOLDERS.join(', ')}`;
}

/** The highest `{n}` of a template, 0 without any. */
export function highestCapture(template: string): number {
  return Math.max(0, ...namesIn(template).map(Number).filter(Number.isInteger));
}

/**
 * Fills a template in. What is put in is text and stays text: it is not looked at again.
 *
 * @returns the text, or the name of a placeholder that has no value
 */
export function fillTemplate(
  template: string,
  valueOf: (name: string) => string | undefined,
): { readonly text: string } | { readonly missing: string } {
  const missing = namesIn(template).find((name) => valueOf(name) === undefined);
  if (missing !== undefined) return { missing };
  return { text: template.replace(PLACEHOLDER, (_, name: string) => valueOf(name) ?? '') };
}

function namesIn(template: string): string[] {
  return [...template.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
}
