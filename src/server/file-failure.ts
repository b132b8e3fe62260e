import { RetrainError } from '../errors.ts';

/** Why a file of the data folder stays as it was: `failed` says which and what, such as `namespace.json cannot be written`. */
export function fileFailure(failed: string, cause: unknown): RetrainError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const remedy = full ? 'make room' : 'see to the disk and to who may write there';
  return new RetrainError(full ? 'DISK_FULL' : 'DISK_FAILED', `${failed}: ${message}; ${remedy}`, { cause });
}
