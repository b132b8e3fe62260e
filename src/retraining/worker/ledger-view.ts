import { firstSeen } from './ledger.ts';
import { requestKey } from '../identity.ts';
import type { Answer, Ledger, RequestRef, RunRequest, WaitingRequest } from './ledger-record.ts';

const DAY_MS = 86_400_000;

const ANSWER_OF_LETTER: Readonly<Record<string, Answer>> = { s: 'succeeded', r: 'rejected', c: 'cancelled' };

/** How a request was answered, or undefined when it was not (or so long ago that the ring forgot it). */
export function answerOf(ledger: Ledger, request: RequestRef): Answer | undefined {
  const key = requestKey(request);
  const entry = ledger.answered.findLast((answered) => answered.slice(1) === key);
  return entry === undefined ? undefined : ANSWER_OF_LETTER[entry.charAt(0)];
}

/** What is remembered about a request: attempts, clones, whether it runs alone. Nothing known: all zero. */
export function waitingOf(ledger: Ledger, request: RequestRef): WaitingRequest {
  const key = requestKey(request);
  return ledger.waiting.find((waiting) => waiting.key === key) ?? firstSeen(key);
}

/**
 * The clone that comes after the message at hand, if one was made: a crash came before the message was completed. Send this
 * clone again (a duplicate of itself is dropped), then complete the message.
 */
export function cloneAfter(ledger: Ledger, request: RunRequest): { hop: number; atMs: number } | undefined {
  const { hop, cloneAtMs } = waitingOf(ledger, request);
  return hop > request.hop ? { hop, atMs: cloneAtMs } : undefined;
}

/**
 * When the model's next run may start, wall-clock milliseconds: `nowMs` or earlier means now. The later of the end of the
 * cool-down and, with the day's budget spent, the next UTC midnight; and which of the two it is.
 */
export function nextRun(
  ledger: Ledger,
  { nowMs, maxRunsPerDay, cooldownMs }: { nowMs: number; maxRunsPerDay: number; cooldownMs: number },
): { readonly atMs: number; readonly cause: 'cool-down' | 'budget' } {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const spent = ledger.day === today && ledger.runsOfDay >= maxRunsPerDay;
  const midnight = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  // An end that lies further ahead than the cool-down lasts was written by a clock that stood wrong.
  const cooledDownAt = ledger.nextRunAtMs - nowMs > cooldownMs ? 0 : ledger.nextRunAtMs;
  if (spent && midnight > cooledDownAt) return { atMs: midnight, cause: 'budget' };
  return { atMs: cooledDownAt, cause: 'cool-down' };
}
