import { RetrainError } from '../errors.ts';
import { type Filter, type PropertyName, type Probe, readNamed } from './filter.ts';
import type { SystemProperty } from './message-properties.ts';
import { FilterDuration, FilterTime, FilterUuid, type PropertyValue } from './property-value.ts';
import type { CorrelationDescription } from './rule-description.ts';
import { ruleValueOf } from './rule-value.ts';
import { keyOf } from './value-kind.ts';

const SYSTEM_FIELDS = [
  ['contentType', 'ContentType'],
  ['correlationId', 'CorrelationId'],
  ['label', 'Label'],
  ['messageId', 'MessageId'],
  ['replyTo', 'ReplyTo'],
  ['replyToSessionId', 'ReplyToSessionId'],
  ['sessionId', 'SessionId'],
  ['to', 'To'],
] as const satisfies readonly (readonly [keyof CorrelationDescription, SystemProperty])[];

interface Condition {
  readonly property: PropertyName;
  readonly value: PropertyValue;
}

/**
 * All that it names must be equal (topic-filters): texts and names with regard to case, values of the same kind; numbers are equal
 * whatever their width.
 *
 * @throws RetrainError `FILTER_INVALID`
 */
export function compileCorrelation(description: CorrelationDescription | undefined): Filter {
  const conditions: Condition[] = [];
  for (const [field, name] of SYSTEM_FIELDS) {
    const value = description?.[field];
    if (value !== undefined) conditions.push({ property: { scope: 'system', name }, value });
  }
  for (const [name, value] of Object.entries(description?.properties ?? {}))
    conditions.push({ property: { scope: 'user-exact', name }, value: ruleValueOf(`properties.${name}`, value) });
  if (conditions.length === 0)
    throw new RetrainError(
      'FILTER_INVALID',
      'A correlation filter must have at least one condition: a system property or an entry of properties. Use a TrueFilter for all messages.',
    );
  return {
    always: false,
    probes: conditions.map(({ property, value }) => probesOf(property, value)),
    matches: (message) =>
      conditions.every(({ property, value }) => {
        const given = readNamed(message, property);
        return given !== undefined && isSame(given, value);
      }),
  };
}

function probesOf(property: PropertyName, value: PropertyValue): Probe[] {
  const key = keyOf(value);
  return key === undefined ? [] : [{ property, key }];
}

function isSame(given: PropertyValue, wanted: PropertyValue): boolean {
  if (given === wanted) return true;
  if (typeof wanted === 'bigint' || typeof wanted === 'number')
    // oxlint-disable-next-line eqeqeq -- compares exactly across both kinds of number
    return (typeof given === 'bigint' || typeof given === 'number') && given == wanted;
  if (wanted instanceof FilterTime) return given instanceof FilterTime && given.ms === wanted.ms;
  if (wanted instanceof FilterUuid) return given instanceof FilterUuid && given.text === wanted.text;
  return wanted instanceof FilterDuration && given instanceof FilterDuration && given.ticks === wanted.ticks;
}
