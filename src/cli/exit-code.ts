import type { ErrorCode } from '../errors.ts';

/** How a command ends, by the codes of BSD's sysexits.h where one fits. */
export const EXIT = {
  ok: 0,
  /** Whatever has no code of its own. */
  failed: 1,
  /** Flags, values, files or requests that have to be corrected. */
  usage: 2,
  /** EX_UNAVAILABLE: something that the command needs is not installed here. */
  unavailable: 69,
  /** EX_IOERR: the disk failed or is full. */
  disk: 74,
  /** EX_TEMPFAIL: something else has to change first, such as a broker that is not there; then the same command works. */
  temporary: 75,
  /** EX_NOPERM: key or rights do not suffice. */
  unauthorized: 77,
  /** Ended by Ctrl-C before its work was done: 128 + SIGINT. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXIT_CODE_OF: Record<ErrorCode, ExitCode> = {
  ARGUMENT_INVALID: EXIT.usage,
  CONNECTION_STRING_INVALID: EXIT.usage,
  CONFIGURATION_INVALID: EXIT.usage,
  REQUEST_INVALID: EXIT.usage,
  MESSAGE_TOO_LARGE: EXIT.usage,
  ENTITY_NOT_FOUND: EXIT.failed,
  UNAUTHORIZED: EXIT.unauthorized,
  UNREACHABLE: EXIT.temporary,
  ADDRESS_IN_USE: EXIT.temporary,
  DATA_LOCKED: EXIT.temporary,
  DATA_CORRUPT: EXIT.failed,
  DATA_VERSION: EXIT.failed,
  DISK_FAILED: EXIT.disk,
  DISK_FULL: EXIT.disk,
  BROKER_REFUSED: EXIT.failed,
  PROTOCOL_VIOLATION: EXIT.failed,
  LOCK_LOST: EXIT.temporary,
  TRAINER_FAILED: EXIT.failed,
  REGISTRY_CONFLICT: EXIT.failed,
  LEDGER_INVALID: EXIT.failed,
  FILTER_INVALID: EXIT.usage,
  FILTER_FAILED: EXIT.failed,
  TOOL_MISSING: EXIT.unavailable,
  DEPLOY_FAILED: EXIT.failed,
  INTERRUPTED: EXIT.interrupted,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_CODE_OF[code];
}

/** For the end of every `--help`. */
export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    failed
  2    wrong usage: a flag, a value or a request has to be corrected
  69   a program or package that is needed is not installed
  74   the disk failed or is full
  75   temporary: broker unreachable, port taken, folder in use
  77   unauthorized: the key does not give the right that is needed
  130  interrupted`;
