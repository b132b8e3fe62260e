import { RetrainError } from '../../errors.ts';

interface Place {
  readonly container: string;
  readonly accountUrl?: string | undefined;
}

/** What Azure Blob Storage answered, as the library tells it: a status, and a code of the service or of the network. */
function answerIn(error: unknown): { status: number | undefined; code: string } {
  if (typeof error !== 'object' || error === null) return { status: undefined, code: '' };
  const { statusCode, code, details } = error as { statusCode?: unknown; code?: unknown; details?: unknown };
  const inner =
    typeof details === 'object' && details !== null ? (details as { errorCode?: unknown }).errorCode : undefined;
  const text = [code, inner].find((value) => typeof value === 'string');
  return {
    status: typeof statusCode === 'number' ? statusCode : undefined,
    code: typeof text === 'string' ? text : '',
  };
}

/** There is no such blob. */
export function isMissing(error: unknown): boolean {
  const { status, code } = answerIn(error);
  return status === 404 && code !== 'ContainerNotFound';
}

export function isContainerMissing(error: unknown): boolean {
  return answerIn(error).code === 'ContainerNotFound';
}

/** Blocks were to be committed that are not there any more. */
export function isBlockListInvalid(error: unknown): boolean {
  return answerIn(error).code === 'InvalidBlockList';
}

/** The blob is another than the one that `If-Match` named, or `If-None-Match: *` met one. */
export function isConditionUnmet(error: unknown): boolean {
  const { status, code } = answerIn(error);
  return status === 412 || (status === 409 && code === 'BlobAlreadyExists');
}

/** One of ours says it already; the others get a code, and a text that tells what to do. */
export function blobError(error: unknown, { container, accountUrl }: Place): unknown {
  if (error instanceof RetrainError) return error;
  const { status, code } = answerIn(error);
  const where = accountUrl === undefined ? `the container ${container}` : `the container ${container} at ${accountUrl}`;
  const what = [status, code].filter(Boolean).join(' ');
  if (isContainerMissing(error))
    return new RetrainError(
      'CONFIGURATION_INVALID',
      `${where} does not exist: make it, or set createContainer in registry.azureBlob`,
      { cause: error },
    );
  if (status === 401 || status === 403)
    return new RetrainError(
      'UNAUTHORIZED',
      `${where} refuses us (${what}): its key, signature or role must allow to read, write, delete and list blobs`,
      { cause: error },
    );
  const name = error instanceof Error ? error.name : '';
  if (
    name === 'CredentialUnavailableError' ||
    name === 'AuthenticationError' ||
    name === 'AggregateAuthenticationError'
  )
    return new RetrainError('UNAUTHORIZED', `no token for ${where}: sign in, or give this host an identity`, {
      cause: error,
    });
  if (name === 'AbortError' || name === 'RestError' || status !== undefined)
    return new RetrainError('UNREACHABLE', `${where} did not answer as it should (${what || name}): try again later`, {
      cause: error,
    });
  return error;
}
