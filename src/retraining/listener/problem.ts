import { STATUS_CODES } from 'node:http';
import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';

/** Media type of every error answer (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** One thing that is wrong with what was sent. */
export interface FieldProblem {
  /** JSON Pointer into the body (RFC 6901), as a fragment of a URI: `#/model/name`; `#` is the whole body. */
  readonly pointer: string;
  /** Field, value and remedy on one line. */
  readonly detail: string;
}

/** Body of an error answer (RFC 9457, section 3). */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  /** What, and the remedy. */
  readonly detail: string;
  /** Of errors.ts, when it is one of those. */
  readonly code?: ErrorCode;
  readonly errors?: readonly FieldProblem[];
}

/** An error answer before it is written. */
export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

/** How long a client should wait when the broker or the disk is in trouble, and when this listener has its hands full. Seconds. */
export const RETRY_AFTER_TROUBLE_S = 5;
export const RETRY_AFTER_BUSY_S = 1;

export function problem(
  status: number,
  detail: string,
  {
    headers = {},
    code,
    errors,
  }: { headers?: Record<string, string>; code?: ErrorCode; errors?: readonly FieldProblem[] } = {},
): ProblemAnswer {
  const title = STATUS_CODES[status] ?? 'Error';
  const more = { ...(code !== undefined && { code }), ...(errors !== undefined && { errors }) };
  return { problem: { type: 'about:blank', title, status, detail, ...more }, headers };
}

/** What an error of ours means to a client of HTTP. What is not listed is our own trouble, not the client's. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  ARGUMENT_INVALID: 422,
  REQUEST_INVALID: 422,
  MESSAGE_TOO_LARGE: 413,
  UNREACHABLE: 503,
  DISK_FULL: 503,
  DISK_FAILED: 503,
  INTERRUPTED: 503,
  // What stands behind us refuses us: the client cannot mend that.
  UNAUTHORIZED: 502,
  ENTITY_NOT_FOUND: 502,
  BROKER_REFUSED: 502,
};

/** An error as an answer. What is no error of ours stays between us and the log. */
export function problemOf(error: unknown): ProblemAnswer {
  if (!(error instanceof RetrainError)) return problem(500, 'unexpected error: look at the log of retrain');
  const status = STATUS_OF[error.code] ?? 500;
  const headers = status === 503 ? { 'retry-after': String(RETRY_AFTER_TROUBLE_S) } : {};
  return problem(status, error.message, { headers, code: error.code });
}

/** A path into a JSON value as a pointer (RFC 6901, section 6). */
export function pointerOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')));
  return ['#', ...parts].join('/');
}
