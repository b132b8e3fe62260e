import { RetrainError } from '../errors.ts';

/** The message of mechanism PLAIN (RFC 4616), or undefined when it is malformed. */
export function readPlainResponse(
  _response: Buffer,
): { authorizationId: string; username: string; password: string } | undefined {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}
