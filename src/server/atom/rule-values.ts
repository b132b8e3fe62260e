import type { RuleValue } from '../../topology/index.ts';
import { refusal } from './atom-refusal.ts';
import { VALUE_TYPES } from './namespaces.ts';
import { childOf, childrenOf } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';
import { xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

const PAIR = 'KeyValueOfstringanyType';

/** Types of XML Schema, as clients name them, and what a rule keeps them as. */
const KEPT_AS = {
  byte: 'int',
  unsignedByte: 'int',
  short: 'int',
  unsignedShort: 'int',
  int: 'int',
  unsignedInt: 'long',
  long: 'long',
  unsignedLong: 'decimal',
  float: 'double',
  double: 'double',
  decimal: 'decimal',
  dateTime: 'dateTime',
  guid: 'guid',
  duration: 'duration',
} as const;

/**
 * Properties of a correlation filter, or parameters of an expression; undefined when there are none.
 *
 * @throws AtomRefusal 400
 */
export function readValues(holder: XmlElement, name: string): Record<string, RuleValue> | undefined {
  const pairs = childrenOf(childOf(holder, name), PAIR);
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(
    pairs.map((pair) => {
      const key = childOf(pair, 'Key')?.text ?? '';
      return [key, valueOf(key, childOf(pair, 'Value'))];
    }),
  );
}

function valueOf(key: string, value: XmlElement | undefined): RuleValue {
  const named = value?.attributes.get('type') ?? 'string';
  const type = named.slice(named.indexOf(':') + 1);
  const text = value?.text ?? '';
  if (type === 'string') return text;
  if (type === 'boolean') return text.trim().toLowerCase() === 'true' || text.trim() === '1';
  if (!Object.hasOwn(KEPT_AS, type))
    throw refusal(400, `The value of '${key}' has the type '${type}', which a rule cannot compare with.`);
  return { type: KEPT_AS[type as keyof typeof KEPT_AS], value: text.trim() };
}

/** Nothing when there are no values: the Python client takes an empty element for one that it may not change. */
export function writeValues(
  name: string,
  values: Readonly<Record<string, RuleValue>> | undefined,
): XmlNode | undefined {
  const pairs = Object.entries(values ?? {});
  if (pairs.length === 0) return undefined;
  return xml(name, {}, ...pairs.map(([key, value]) => xml(PAIR, {}, xml('Key', {}, key), valueXml(value))));
}

function valueXml(value: RuleValue): XmlNode {
  const { type, text } = typedText(value);
  const { prefix, uri } = VALUE_TYPES;
  return xml('Value', { 'i:type': `${prefix}:${type}`, [`xmlns:${prefix}`]: uri }, text);
}

const INT32 = 2 ** 31;

function typedText(value: RuleValue): { readonly type: string; readonly text: string } {
  if (typeof value === 'object') return { type: value.type, text: value.value };
  if (typeof value === 'string') return { type: 'string', text: value };
  const text = String(value);
  if (typeof value === 'boolean') return { type: 'boolean', text };
  if (!Number.isInteger(value)) return { type: 'double', text };
  return { type: value >= -INT32 && value < INT32 ? 'int' : 'long', text };
}
