/** An element to be written. */
export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: readonly (XmlNode | string)[];
}

/** An element; content that is undefined or empty is left out. */
export function xml(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...content: readonly (XmlNode | string | undefined)[]
): XmlNode {
  return {
    name,
    attributes,
    content: content.filter((part): part is XmlNode | string => part !== undefined && part !== ''),
  };
}

/** An element of one value, or nothing when there is none. */
export function field(name: string, value: string | number | boolean | undefined): XmlNode | undefined {
  return value === undefined ? undefined : xml(name, {}, String(value));
}

/** The document, without white space between its elements: some clients would take it for text. */
export function renderXml(root: XmlNode): string {
  const parts = ['<?xml version="1.0" encoding="utf-8"?>'];
  render(root, parts);
  return parts.join('');
}

function render({ name, attributes, content }: XmlNode, parts: string[]): void {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  if (content.length === 0) {
    parts.push(`<${name}${written.join('')} />`);
    return;
  }
  parts.push(`<${name}${written.join('')}>`);
  for (const part of content) {
    if (typeof part === 'string') parts.push(escapeXml(part));
    else render(part, parts);
  }
  parts.push(`</${name}>`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};
// oxlint-disable-next-line no-control-regex -- exactly what XML 1.0 §2.2 does not allow in any form
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]/gu;

/** Also what XML cannot say at all: it becomes U+FFFD. */
function escapeXml(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character);
}
