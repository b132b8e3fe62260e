import { InvalidArgumentError } from 'commander';
import { count, decimal, span } from './option.ts';

// Parsers of options that take several values, parted by commas.

export function decimals(value: string): number[] {
  return list(value, decimal);
}

export function spans(value: string): number[] {
  return list(value, span);
}

/** Whole numbers of 0 or more. */
export function wholes(value: string): number[] {
  return list(value, (text) => (text === '0' ? 0 : count(text)));
}

/** Windows: by time such as `7d`, or by count such as `91`. */
export function spansOrCounts(value: string): ({ readonly every: number } | { readonly count: number })[] {
  return list(value, (text) => (/^\d+$/.test(text) ? { count: count(text) } : { every: span(text) }));
}

function list<T>(value: string, one: (text: string) => T): T[] {
  const parts = value.split(',').map((text) => text.trim());
  if (parts.includes('')) throw new InvalidArgumentError('use values parted by single commas');
  return parts.map(one);
}
