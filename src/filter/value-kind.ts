import { FilterDuration, FilterTime, FilterUuid, type PropertyValue } from './property-value.ts';

/** Values of one kind can be compared with each other; both sorts of number are one kind. */
export type ValueKind = 'number' | 'string' | 'boolean' | 'time' | 'duration' | 'uuid' | 'binary';

/** What an index compares: equal values have equal keys, and other values may have them, too. */
export type ValueKey = string | number | boolean;

export function kindOf(value: Exclude<PropertyValue, null>): ValueKind {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'bigint':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    default:
      if (value instanceof FilterTime) return 'time';
      if (value instanceof FilterUuid) return 'uuid';
      return value instanceof FilterDuration ? 'duration' : 'binary';
  }
}

/** The key under which an index finds a value; undefined for what no filter can ask for. */
export function keyOf(value: PropertyValue): ValueKey | undefined {
  switch (typeof value) {
    case 'bigint':
      return Number(value);
    case 'object':
      if (value instanceof FilterTime) return value.ms;
      if (value instanceof FilterUuid) return value.text;
      return value instanceof FilterDuration ? Number(value.ticks) : undefined;
    default:
      return value;
  }
}

/** For errors. */
export function describe(value: Exclude<PropertyValue, null>): string {
  if (typeof value === 'bigint') return 'an integer';
  if (typeof value === 'number') return 'a double';
  return DESCRIPTIONS[kindOf(value)];
}

const DESCRIPTIONS: Record<ValueKind, string> = {
  number: 'a number',
  string: 'a string',
  boolean: 'a boolean',
  time: 'a time',
  duration: 'a duration',
  uuid: 'a UUID',
  binary: 'binary data',
};
