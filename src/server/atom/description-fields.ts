import { formatDuration, parseDuration } from '../../topology/index.ts';
import { refusal } from './atom-refusal.ts';
import type { XmlElement } from './xml-element.ts';
import { childOf, textOf } from './xml-element.ts';

/** How the text of an element becomes a property. */
type FieldType = 'text' | 'duration' | 'number' | 'boolean';

/** An element of a description that a client may send, and the property that it sets. What else it sends is let be (service-bus-protocol.md §12.2). */
export interface Field {
  readonly element: string;
  readonly property: string;
  readonly type: FieldType;
}

const fields = (type: FieldType, elements: readonly string[]): Field[] =>
  elements.map((element) => ({ element, property: `${element[0]?.toLowerCase()}${element.slice(1)}`, type }));

const INCOMING = [
  ...fields('number', ['MaxSizeInMegabytes', 'MaxMessageSizeInKilobytes']),
  ...fields('boolean', ['RequiresDuplicateDetection', 'EnablePartitioning', 'EnableExpress']),
  ...fields('duration', ['DuplicateDetectionHistoryTimeWindow']),
];
const OUTGOING = [
  ...fields('duration', ['LockDuration']),
  ...fields('number', ['MaxDeliveryCount']),
  ...fields('boolean', ['RequiresSession', 'DeadLetteringOnMessageExpiration']),
  ...fields('text', ['ForwardTo', 'ForwardDeadLetteredMessagesTo']),
];
const COMMON = [
  ...fields('duration', ['DefaultMessageTimeToLive', 'AutoDeleteOnIdle']),
  ...fields('boolean', ['EnableBatchedOperations']),
  ...fields('text', ['Status', 'UserMetadata']),
];

export const QUEUE_FIELDS = [...OUTGOING, ...INCOMING, ...COMMON];
export const TOPIC_FIELDS = [...INCOMING, ...fields('boolean', ['SupportOrdering']), ...COMMON];
export const SUBSCRIPTION_FIELDS = [
  ...OUTGOING,
  ...fields('boolean', ['DeadLetteringOnFilterEvaluationExceptions']),
  ...COMMON,
];

/**
 * The properties that a description gives. The order of its elements does not matter.
 *
 * @throws AtomRefusal 400 for a value that is none of its type, and for an empty one; RetrainError `ARGUMENT_INVALID` for a duration
 */
export function readFields(description: XmlElement, known: readonly Field[]): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const { element, property, type } of known) {
    const text = textOf(description, element);
    if (text !== undefined) given[property] = valueOf(element, type, text);
    else if (type !== 'text' && childOf(description, element)?.text === '' && !isNil(description, element))
      throw refusal(400, `The element '${element}' is empty; give it a value, or leave it out.`);
  }
  return given;
}

function isNil(description: XmlElement, element: string): boolean {
  return childOf(description, element)?.attributes.get('nil') === 'true';
}

function valueOf(element: string, type: FieldType, text: string): string | number | boolean {
  if (type === 'text') return text;
  const trimmed = text.trim();
  if (type === 'duration') return canonicalDuration(trimmed, element);
  if (type === 'boolean') return truth(trimmed, element);
  if (!/^-?\d{1,15}$/.test(trimmed))
    throw refusal(400, `The value '${trimmed}' of '${element}' is not a whole number.`);
  return Number(trimmed);
}

/** The values of XML Schema, in any case, as clients write them in their own language. */
function truth(text: string, element: string): boolean {
  const lower = text.toLowerCase();
  if (lower === 'true' || lower === '1') return true;
  if (lower === 'false' || lower === '0') return false;
  throw refusal(400, `The value '${text}' of '${element}' is neither true nor false.`);
}

/** As Service Bus writes it, whatever units the client has used. */
function canonicalDuration(text: string, element: string): string {
  return formatDuration(parseDuration(text, element));
}
