import { createHash } from 'node:crypto';
import type { Random } from '../runtime/random.ts';
import { RetrainError } from '../errors.ts';
import type { RetrainRequest } from './request.ts';

/** Characters of an id: leaves room in a MessageId (128) for the endings of clones and replays. */
export const ID_MAX_LENGTH = 100;
/** Characters of a CloudEvents `source`. */
export const SOURCE_MAX_LENGTH = 256;
/** The limit of Service Bus for a MessageId, in characters. */
const MESSAGE_ID_MAX_LENGTH = 128;

/** Hex digits of a derived id: 128 bits of SHA-256. */
const ID_HEX_LENGTH = 32;
/** Bytes of a request's key: as many bits. */
const KEY_BYTES = 16;

/** What an id may hold as it is: printable ASCII without `~`, which begins the ending of a clone or replay. */
const PLAIN_ID = /^[\x21-\x7d]+$/;

/**
 * The id of a request from what it is about, so that a monitor that tells the same thing twice gives the same id twice:
 * - decay and drift: metric, detector and end of the window;
 * - new data: the addresses in order with their etags (or SHA-256);
 * - schedule: the tick, which is the end of the window or else the event's time;
 * - manual: random.
 *
 * Evidence that cannot tell two occasions apart (no window; an address without etag) is completed by the event's time:
 * one run too many costs less than a request that is swallowed as a duplicate.
 *
 * @param time the event's time, RFC 3339
 */
export function requestId(
  request: RetrainRequest,
  { time, random, dedupeKey }: { time: string; random: Random; dedupeKey?: string | undefined },
): string {
  if (dedupeKey !== undefined) return idOfDedupeKey(dedupeKey);
  const { model, trigger } = request;
  const about = [model.name, model.version ?? null, trigger.kind, evidenceIdentity(request, { time, random })];
  return hexOf(JSON.stringify(about));
}

function evidenceIdentity(
  { trigger, data }: RetrainRequest,
  { time, random }: { time: string; random: Random },
): unknown {
  const occasion = instantOf(time);
  switch (trigger.kind) {
    case 'performance-decay':
    case 'data-drift': {
      const end = trigger.window ? instantOf(trigger.window.to) : occasion;
      return [trigger.metric ?? null, trigger.detector ?? null, end];
    }
    case 'new-data': {
      const items = data.map(({ uri, etag, sha256 }) => JSON.stringify([uri, etag ?? sha256 ?? occasion])).sort();
      return items.length > 0 ? items : occasion;
    }
    case 'schedule':
      return trigger.window ? instantOf(trigger.window.to) : occasion;
    case 'manual':
      return random.bytes(KEY_BYTES).toString('hex');
  }
}

/**
 * The caller's own key is the id. It must name the model too, as duplicate detection works on the whole queue. A key that
 * is over 100 characters, or that could be taken for the id of a clone, is hashed.
 */
function idOfDedupeKey(key: string): string {
  if (key === '')
    throw new RetrainError('ARGUMENT_INVALID', 'dedupeKey is empty: name the model and the occasion, or leave it out');
  return key.length <= ID_MAX_LENGTH && PLAIN_ID.test(key) ? key : hexOf(key);
}

/**
 * MessageId of the `hop`th clone (1 or more) of a request: the same clone always gets the same, no two get the same. It
 * hangs on source and id, as ids are unique within a source only, but duplicate detection works on the whole queue.
 */
export function cloneMessageId(request: { source: string; id: string }, hop: number): string {
  return `${requestKey(request)}~${hop}`;
}

/** MessageId of a replay: of the first request's identity and the dead-letter sequence number, like its id. */
export function replayMessageId(
  { source, id, replayOf }: { source: string; id: string; replayOf?: string | undefined },
  deadLetterSequence: bigint | string,
): string {
  return `${requestKey({ source, id: replayOf ?? id })}~r${deadLetterSequence}`;
}

/** An id of any length as one that fits into a MessageId: what is too long is hashed. */
export function fittingMessageId(id: string): string {
  return id.length <= MESSAGE_ID_MAX_LENGTH ? id : hexOf(id);
}

/**
 * The id of a request that is replayed from the dead-letter queue. It hangs on the first id and the
 * dead-letter sequence number only: a replay that is repeated after a crash is a duplicate, a replay of a replay is not.
 */
export function replayId(
  { id, replayOf }: { id: string; replayOf?: string | undefined },
  deadLetterSequence: bigint | string,
): string {
  const replay = `${replayOf ?? id}~r${deadLetterSequence}`;
  return replay.length <= MESSAGE_ID_MAX_LENGTH ? replay : `${hexOf(replayOf ?? id)}~r${deadLetterSequence}`;
}

/** A short name for an identity (CloudEvents `source` + `id`): 22 characters of `A-Z a-z 0-9 _ -`. */
export function requestKey({ source, id }: { source: string; id: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([source, id]))
    .digest()
    .subarray(0, KEY_BYTES)
    .toString('base64url');
}

/**
 * Names what a plan answers, whatever the order: attempts at the same requests share it, and with it the checkpoint. 22
 * characters of `A-Z a-z 0-9 _ -`.
 */
export function planKey(requests: readonly { source: string; id: string }[]): string {
  const keys = requests.map(requestKey).sort().join(' ');
  return createHash('sha256').update(keys).digest().subarray(0, KEY_BYTES).toString('base64url');
}

function instantOf(rfc3339: string): string {
  return new Date(rfc3339).toISOString();
}

function hexOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, ID_HEX_LENGTH);
}
