import type { CancelEvent, ReadModelEvent, RequestEvent } from '../envelope.ts';
import { requestKey } from '../identity.ts';
import type { Ledger, RequestRef } from './ledger-record.ts';
import { answerOf, cloneAfter, waitingOf } from './ledger-view.ts';
import type { PlanRequest } from '../plan.ts';

/** Why a message ends in the dead-letter queue: the value of `DeadLetterReason`. */
export type DeadLetterReason = 'InvalidRequest' | 'DeadlineExceeded' | 'UnknownModel' | 'TrainingFailed';

/** A message of the session as far as it was understood. `M` is the official client's message; sorting never looks at it. */
export interface Arrival<M> {
  readonly message: M;
  readonly read: ReadModelEvent;
}

/** A request that a run may answer, with every message that carries it. */
export interface Candidate<M> extends PlanRequest {
  readonly event: RequestEvent;
  /** The highest of all its copies: the next clone must have a number, and so a MessageId, that none of them had. */
  readonly hop: number;
  readonly copies: readonly { readonly message: M }[];
}

/** What has to be done with messages that no run answers. */
export type Disposal<M> =
  /** It was answered before: complete it. */
  | { readonly kind: 'answered'; readonly message: M; readonly request: RequestRef }
  /** A crash came between the record of its clone and its completion: send the same clone again, then complete it. */
  | {
      readonly kind: 'cloned';
      readonly message: M;
      readonly event: RequestEvent;
      readonly hop: number;
      readonly atMs: number;
    }
  | {
      readonly kind: 'dead-letter';
      readonly message: M;
      readonly reason: DeadLetterReason;
      readonly description: string;
      /** Absent when it could not be read. */
      readonly request?: RequestRef;
    }
  /** A wish to cancel: `targets` are not answered yet and shall not be trained; `messages` are theirs and its own. */
  | {
      readonly kind: 'cancel';
      readonly event: CancelEvent;
      readonly targets: readonly RequestRef[];
      readonly messages: readonly M[];
    };

export interface Sorted<M> {
  readonly disposals: readonly Disposal<M>[];
  readonly candidates: readonly Candidate<M>[];
}

export interface SortOptions {
  readonly ledger: Ledger;
  readonly nowMs: number;
  /** Whether a trainer is configured for the model. */
  readonly modelKnown: boolean;
  /** Requests of the session that were seen, received or not (scheduled clones): a cancel may be meant for one of them. */
  readonly seen?: readonly RequestEvent[];
}

/** Step 4 of the worker: decides about each message of a session by the ledger and the clock alone. */
export function sortOut<M>(arrivals: readonly Arrival<M>[], options: SortOptions): Sorted<M> {
  const disposals: Disposal<M>[] = [];
  const candidates = new Map<string, Candidate<M>>();
  for (const { message, read } of arrivals) {
    if (read.kind === 'invalid')
      disposals.push({ kind: 'dead-letter', message, reason: 'InvalidRequest', description: read.reason });
    if (read.kind !== 'request') continue;
    const disposal = disposalOf(message, read.event, options);
    if (disposal) disposals.push(disposal);
    else addCandidate(candidates, message, read.event);
  }
  for (const { message, read } of arrivals)
    if (read.kind === 'cancel') disposals.push(cancelOf(message, read.event, candidates, options));
  return { disposals, candidates: [...candidates.values()] };
}

function disposalOf<M>(message: M, event: RequestEvent, options: SortOptions): Disposal<M> | undefined {
  const { ledger, nowMs, modelKnown } = options;
  const request = { source: event.source, id: event.id };
  if (answerOf(ledger, request) !== undefined) return { kind: 'answered', message, request };
  const clone = cloneAfter(ledger, { ...request, hop: event.retrainhop ?? 0 });
  if (clone) return { kind: 'cloned', message, event, ...clone };
  if (isOverdue(event, nowMs))
    return {
      kind: 'dead-letter',
      message,
      reason: 'DeadlineExceeded',
      description: `deadline ${deadlineOf(event)} has passed`,
      request,
    };
  if (!modelKnown) {
    const description = `no trainer is configured for the model ${event.subject}: add it to the worker's configuration, then replay`;
    return { kind: 'dead-letter', message, reason: 'UnknownModel', description, request };
  }
  return undefined;
}

/** Whether nobody is interested in the request at that time any more. */
export function isOverdue(event: RequestEvent, atMs: number): boolean {
  const deadline = deadlineOf(event);
  return deadline !== undefined && Date.parse(deadline) <= atMs;
}

/** The earlier of the request's deadline and the event's expiry, which the broker only enforces before delivery. */
export function deadlineOf({ data: { deadline }, expirytime }: RequestEvent): string | undefined {
  if (deadline === undefined || expirytime === undefined) return deadline ?? expirytime;
  return Date.parse(expirytime) < Date.parse(deadline) ? expirytime : deadline;
}

/** The same request may be there more than once (sent again outside of the duplicate window): one run answers all. */
function addCandidate<M>(candidates: Map<string, Candidate<M>>, message: M, event: RequestEvent): void {
  const key = requestKey(event);
  const known = candidates.get(key);
  const { id, source, time, retrainseq: seq = '0', retrainhop = 0, dataref, data: request } = event;
  const hop = Math.max(known?.hop ?? 0, retrainhop);
  const copies = [...(known?.copies ?? []), { message }];
  candidates.set(key, { id, source, time, seq, dataref, request, event, hop, copies });
}

/** Takes the targets out of the candidates. A target that is not at hand is noted all the same, when its source is known. */
function cancelOf<M>(
  message: M,
  event: CancelEvent,
  candidates: Map<string, Candidate<M>>,
  { ledger, seen = [] }: SortOptions,
): Disposal<M> {
  const { requestId: id, requestSource } = event.data;
  const named = requestSource === undefined ? [] : [{ source: requestSource, id }];
  const matching = [...candidates.values(), ...seen].filter((request) => isTarget(event, request));
  const refs = new Map([...named, ...matching].map((ref) => [requestKey(ref), { source: ref.source, id: ref.id }]));
  const targets = [...refs.values()].filter((ref) => answerOf(ledger, ref) === undefined);
  const messages = [message];
  for (const key of refs.keys()) {
    messages.unshift(...(candidates.get(key)?.copies ?? []).map((copy) => copy.message));
    candidates.delete(key);
  }
  return { kind: 'cancel', event, targets, messages };
}

/** Whether a cancel event is meant for this request. */
export function isTarget({ data: { requestId, requestSource } }: CancelEvent, request: RequestRef): boolean {
  return request.id === requestId && (requestSource === undefined || requestSource === request.source);
}

/** Limits of a model's work. */
export interface RunLimits {
  /** Failed runs after which a request is given up. */
  readonly maxAttempts: number;
  /** Of those, runs that were killed (exit code 137). */
  readonly maxKills: number;
}

/** Whether interruptions alone have used up the attempts of a request: its run is over, and it was not run once more. */
export function isExhausted(ledger: Ledger, request: RequestRef, { maxAttempts, maxKills }: RunLimits): boolean {
  const { failed, killed } = waitingOf(ledger, request);
  return failed >= maxAttempts || killed >= maxKills;
}
