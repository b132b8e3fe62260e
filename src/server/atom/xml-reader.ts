import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { RetrainError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';
import type { XmlElement } from './xml-element.ts';

const TEXT = '#text';
const CDATA = '#cdata';
const ATTRIBUTES = ':@';

const OPTIONS = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: TEXT,
  cdataPropName: CDATA,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  jPath: false,
  // What a document may define is never read; what XML itself defines is decoded below.
  processEntities: false,
  maxNestedTags: LIMITS.xmlDepth,
} as const;

/** A document type, or anything else of its kind: only comments and CDATA sections begin likewise. */
const DECLARATION = /<!(?!--|\[CDATA\[)/;
const REFERENCE = /&([^;&]{0,10};)?/g;
const PREDEFINED: Readonly<Record<string, string>> = {
  'lt;': '<',
  'gt;': '>',
  'amp;': '&',
  'quot;': '"',
  'apos;': "'",
};

/**
 * Reads the document of a request: UTF-8, without a document type and therefore without entities of its own, with elements
 * `LIMITS.xmlDepth` deep at most. The caller bounds its size. Comments and processing instructions are skipped.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function readXml(bytes: Buffer): XmlElement {
  const text = decodeUtf8(bytes);
  if (DECLARATION.test(text)) throw invalid('it has a document type (<!DOCTYPE …>), which is not taken; leave it out');
  const roots = parse(text).filter((node) => elementNameOf(node) !== undefined);
  const [root] = roots;
  if (root === undefined || roots.length > 1) throw invalid('it must have one element at its top');
  return elementOf(root, 1);
}

/** A node of the parser: `{ name: children, ':@': attributes }`, `{ '#text': text }` or `{ '#cdata': [{ '#text': text }] }`. */
type ParsedNode = Readonly<Record<string, unknown>>;

function parse(text: string): ParsedNode[] {
  const wellFormed = XMLValidator.validate(text);
  if (wellFormed !== true) throw invalid(`${wellFormed.err.msg.replace(/\.$/, '')} (line ${wellFormed.err.line})`);
  try {
    return new XMLParser(OPTIONS).parse(text) as ParsedNode[];
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : 'it cannot be parsed', cause);
  }
}

function elementNameOf(node: ParsedNode): string | undefined {
  return Object.keys(node).find((key) => key !== TEXT && key !== CDATA && key !== ATTRIBUTES);
}

function elementOf(node: ParsedNode, depth: number): XmlElement {
  const name = elementNameOf(node) ?? '';
  if (depth > LIMITS.xmlDepth) throw invalid(`its elements are more than ${LIMITS.xmlDepth} deep`);
  const children: XmlElement[] = [];
  let text = '';
  for (const inner of node[name] as readonly ParsedNode[]) {
    if (elementNameOf(inner) !== undefined) children.push(elementOf(inner, depth + 1));
    else if (TEXT in inner) text += decodeReferences(String(inner[TEXT]));
    else for (const part of inner[CDATA] as readonly ParsedNode[]) text += String(part[TEXT]);
  }
  return { name: localName(name), attributes: attributesOf(node), children, text };
}

function attributesOf(node: ParsedNode): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries((node[ATTRIBUTES] ?? {}) as Record<string, unknown>))
    if (name !== 'xmlns' && !name.startsWith('xmlns:'))
      attributes.set(localName(name), decodeReferences(String(value)));
  return attributes;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** The five entities of XML itself, and characters by their number. */
function decodeReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (whole, reference: string | undefined) => {
    const character = reference === undefined ? undefined : (PREDEFINED[reference] ?? numbered(reference));
    if (character === undefined)
      throw invalid(`'${whole}' is not an entity that XML itself has; write '&amp;' for '&'`);
    return character;
  });
}

function numbered(reference: string): string | undefined {
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]+)|(\d+));$/.exec(reference) ?? [];
  const code = hex === undefined ? (decimal === undefined ? NaN : Number(decimal)) : Number.parseInt(hex, 16);
  return isCharacter(code) ? String.fromCodePoint(code) : undefined;
}

/** XML 1.0 §2.2. */
function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid('it is not UTF-8', cause);
  }
}

function invalid(said: string, cause?: unknown): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `The body is not an XML document that is understood: ${said}.`, {
    cause,
  });
}
