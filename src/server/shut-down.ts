import { RetrainError } from '../errors.ts';

/** Why a broker that is closing does nothing more for anybody. */
export function shutDown(): RetrainError {
  return new RetrainError('INTERRUPTED', 'the broker shuts down; start it again');
}
