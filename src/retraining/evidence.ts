import { z } from 'zod';
import { jsonBytes } from './clipped-text.ts';
import type { RequestEvent } from './envelope.ts';
import { present } from './present.ts';
import type { DataItem } from './request.ts';

/** Bytes of JSON of one request's evidence; of longer lists of data the first items are told. */
export const EVIDENCE_MAX_BYTES = 4 * 1024;
/** Bytes of JSON of all evidence in one event; of more requests each still has a `coalesced` event with its own. */
export const EVIDENCE_OF_RUN_MAX_BYTES = 32 * 1024;

/** Why a request was made: what an outcome event tells of it. Readers ignore fields and kinds that they do not know. */
export const evidenceSchema = z.object({
  request: z.object({ source: z.string(), id: z.string() }),
  /** When the occasion arose, RFC 3339. */
  time: z.string(),
  trigger: z.object({
    kind: z.string(),
    detector: z.string().optional(),
    metric: z.string().optional(),
    baseline: z.number().optional(),
    observed: z.number().optional(),
    threshold: z.number().optional(),
    window: z.object({ from: z.string(), to: z.string(), count: z.number().optional() }).optional(),
  }),
  requestedBy: z.string().optional(),
  /** Id of the dead-lettered request that this one repeats. */
  replayOf: z.string().optional(),
  /** The first of the data that the request names. */
  data: z.array(z.object({ uri: z.string(), etag: z.string().optional(), sha256: z.string().optional() })).optional(),
  /** How many items of data the request names, when they are not all told. */
  dataCount: z.number().optional(),
  dataref: z.string().optional(),
});
export type Evidence = z.output<typeof evidenceSchema>;

/**
 * What a request says about its occasion, within `EVIDENCE_MAX_BYTES`: data and `dataref` as far as there is room. A trigger
 * that is too long by itself, as a stranger may send it, is told by its kind alone.
 */
export function evidenceOf(event: RequestEvent): Evidence {
  const { source, id, retrainreplayof: replayOf, data: request, dataref } = event;
  const { trigger, requestedBy, data: items } = request;
  const about = { request: { source, id }, time: new Date(event.time).toISOString() };
  const whole: Evidence = { ...about, trigger, ...present({ requestedBy, replayOf }) };
  const evidence: Evidence =
    jsonBytes(whole) <= EVIDENCE_MAX_BYTES ? whole : { ...about, trigger: { kind: trigger.kind } };
  const withDataref = { ...evidence, ...present({ dataref }) };
  return withData(jsonBytes(withDataref) <= EVIDENCE_MAX_BYTES ? withDataref : evidence, items);
}

function withData(evidence: Evidence, items: readonly DataItem[]): Evidence {
  if (items.length === 0) return evidence;
  const data: NonNullable<Evidence['data']> = [];
  let bytes = jsonBytes({ ...evidence, data, dataCount: items.length });
  for (const { uri, etag, sha256 } of items) {
    const item = { uri, ...present({ etag, sha256 }) };
    bytes += jsonBytes(item) + 1;
    if (bytes > EVIDENCE_MAX_BYTES) break;
    data.push(item);
  }
  return { ...evidence, data, ...(data.length < items.length && { dataCount: items.length }) };
}

/** The evidence of a run's requests, in order, as far as it fits. */
export function evidenceOfRun(
  events: readonly RequestEvent[],
  maxBytes: number = EVIDENCE_OF_RUN_MAX_BYTES,
): Evidence[] {
  const told: Evidence[] = [];
  let bytes = 0;
  for (const evidence of events.map(evidenceOf)) {
    bytes += jsonBytes(evidence) + 1;
    if (bytes > maxBytes) break;
    told.push(evidence);
  }
  return told;
}
