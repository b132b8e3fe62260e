import { RetrainError } from '../errors.ts';

const NO_SPACE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);

/** What the system says of a write, as `DISK_FULL` or `DISK_FAILED` with the place and the remedy; other errors as they are. */
export function diskError(error: unknown, { what, where }: { what: string; where: string }): Error {
  if (error instanceof RetrainError || !(error instanceof Error)) return error as Error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  if (NO_SPACE.has(code))
    return new RetrainError('DISK_FULL', `no room for ${what} in ${where} (${code}): free some space`, {
      cause: error,
    });
  return new RetrainError(
    'DISK_FAILED',
    `${what} cannot be written to ${where} (${code}): choose a folder that this user can write to`,
    { cause: error },
  );
}
