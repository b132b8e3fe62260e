import type { ValueKey } from './filter.ts';
import { FilterDuration, FilterTime, FilterUuid, type PropertyValue } from './property-value.ts';

/** The key under which an index finds a value; undefined for what no filter can ask for. */
export function valueKeyOf(value: PropertyValue): ValueKey | undefined {
  if (value === null || Buffer.isBuffer(value)) return undefined;
  if (value instanceof FilterTime) return value.ms;
  if (value instanceof FilterUuid) return value.text;
  if (value instanceof FilterDuration) return Number(value.ticks);
  return typeof value === 'bigint' ? Number(value) : value;
}
