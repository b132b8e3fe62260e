import type { EntityTimes, Namespace, QueueCounts } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';

/** What the parts of the admin of a running broker share. */
export interface AdminContext {
  readonly namespace: Namespace;
  /** What the log takes as one. */
  readonly maxBatchBytes: number;
  /** Throws when the broker has closed or failed. */
  readonly mustBeOpen: () => void;
  /** Resolves when the log is durable up to the position. */
  readonly durable: (position: number) => Promise<void>;
}

/** What is needed to change anything. @throws RetrainError `INTERRUPTED`, `DISK_FAILED` when the broker has closed or failed */
export function opened(context: AdminContext): AdminContext {
  context.mustBeOpen();
  return context;
}

/** An entity as it is now. */
export interface EntityStatus<Description> {
  readonly description: Description;
  /** Messages by where they are; exact at any time. */
  readonly counts: QueueCounts;
  readonly times: EntityTimes;
}

export function notFound(what: string, name: string): RetrainError {
  return new RetrainError('ENTITY_NOT_FOUND', `there is no ${what} '${name}'; create it first`);
}
