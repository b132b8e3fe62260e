import { RetrainError } from '../errors.ts';

/** `at` is where in the expression, from 0. */
export function syntaxError(what: 'filter' | 'action', at: number, reason: string): RetrainError {
  return new RetrainError('FILTER_INVALID', `SQL ${what}, at character ${at + 1}: ${reason}`);
}
