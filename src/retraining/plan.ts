import { RetrainError } from '../errors.ts';
import { requestKey } from './identity.ts';
import { PLAN_IDENTITIES_MAX_BYTES, PLAN_REQUESTS_MAX } from './worker/ledger-record.ts';
import type { Metrics } from './gate.ts';
import type { DataItem, Parameters, RetrainRequest, Trigger } from './request.ts';

/** A request as a plan needs it: identity, place in the order, data. */
export interface PlanRequest {
  readonly id: string;
  readonly source: string;
  /** CloudEvents `time`, RFC 3339. */
  readonly time: string;
  /** Decimal text of the first sequence number (extension `retrainseq`): orders requests of the same time. */
  readonly seq: string;
  readonly dataref?: string | undefined;
  readonly request: RetrainRequest;
}

/** What one run answers, as written to the trainer's `RETRAIN_REQUEST` file. */
export interface Plan extends MergedRequests {
  readonly runId: string;
  readonly epoch: number;
  readonly champion: PlanChampion | null;
}

/** The part of a plan that comes from its requests. */
export interface MergedRequests {
  readonly model: RetrainRequest['model'];
  /** In order of `time`, then of arrival. */
  readonly requests: readonly PlannedRequest[];
  /** Why, in the order of the requests: one per request. */
  readonly triggers: readonly Trigger[];
  /** Every address once; what a later request says about it wins. */
  readonly data: readonly DataItem[];
  /** Key by key, the later request's wins. */
  readonly parameters: Parameters;
  /** The earliest of all. */
  readonly deadline?: string;
}

/** One request as the trainer sees it. */
export interface PlannedRequest extends Omit<RetrainRequest, 'model'> {
  readonly id: string;
  readonly source: string;
  /** RFC 3339. */
  readonly time: string;
  /** Where the producer put what was too big for the message. */
  readonly dataref?: string;
}

export interface PlanChampion {
  readonly artifact: string;
  readonly epoch: number;
  /** As measured when it was promoted. */
  readonly metrics: Metrics['challenger'];
}

/** Orders requests by CloudEvents `time`, then by first sequence number, then by identity: a total order, not that of arrival. */
export function compareRequests(a: PlanRequest, b: PlanRequest): number {
  const byTime = Date.parse(a.time) - Date.parse(b.time);
  if (byTime !== 0) return byTime;
  const bySequence = BigInt(a.seq) - BigInt(b.seq);
  if (bySequence !== 0n) return bySequence < 0n ? -1 : 1;
  const [keyOfA, keyOfB] = [requestKey(a), requestKey(b)];
  if (keyOfA === keyOfB) return 0;
  return keyOfA < keyOfB ? -1 : 1;
}

/**
 * Chooses what the next run answers: the first request alone when it has to run by itself, otherwise every request that may
 * be merged with it, in order, up to `maxRequests` and the limits of a plan. What is left keeps its order for the runs after. A second copy
 * of a request (the same identity) is neither in `taken` nor in `left` but in `doubles`: it is answered by the first.
 */
export function takeForPlan<R extends PlanRequest>(
  requests: readonly R[],
  runsAlone: (request: R) => boolean,
  maxRequests: number = PLAN_REQUESTS_MAX,
): { taken: R[]; left: R[]; doubles: R[] } {
  const doubles: R[] = [];
  const keys = new Set<string>();
  const ordered: R[] = [];
  for (const request of requests.toSorted(compareRequests)) {
    const key = requestKey(request);
    (keys.has(key) ? doubles : ordered).push(request);
    keys.add(key);
  }
  const [first, ...others] = ordered;
  if (!first) return { taken: [], left: [], doubles };
  if (runsAlone(first)) return { taken: [first], left: others, doubles };
  const taken: R[] = [first];
  const left: R[] = [];
  const most = Math.min(maxRequests, PLAN_REQUESTS_MAX);
  let bytes = identityBytes(first);
  for (const request of others) {
    const after = bytes + identityBytes(request);
    if (taken.length < most && after <= PLAN_IDENTITIES_MAX_BYTES && !runsAlone(request)) {
      taken.push(request);
      bytes = after;
    } else left.push(request);
  }
  return { taken, left, doubles };
}

/**
 * Merges requests of one model (1 or more, each identity once) into what one run answers. Pure: the same requests give the
 * same plan, whatever the order they are given in.
 */
export function coalesce(requests: readonly PlanRequest[]): MergedRequests {
  const ordered = requests.toSorted(compareRequests);
  const [first] = ordered;
  if (!first) throw new RetrainError('ARGUMENT_INVALID', 'a plan needs at least one request');
  const data = new Map<string, DataItem>();
  const parameters = new Map<string, unknown>();
  let version: string | undefined;
  let deadline: string | undefined;
  for (const { request } of ordered) {
    if (request.model.name !== first.request.model.name)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `a plan has one model, not ${first.request.model.name} and ${request.model.name}: make one plan for each`,
      );
    for (const item of request.data) data.set(item.uri, item);
    for (const [key, value] of Object.entries(request.parameters)) parameters.set(key, value);
    version = request.model.version ?? version;
    deadline = earlier(deadline, request.deadline);
  }
  return {
    model: { name: first.request.model.name, ...(version !== undefined && { version }) },
    requests: ordered.map(planned),
    triggers: ordered.map(({ request }) => request.trigger),
    data: [...data.values()],
    parameters: Object.fromEntries(parameters),
    ...(deadline !== undefined && { deadline }),
  };
}

/** Bytes that a request takes in the ledger's record of a run, the comma after it included, whatever its hop. */
function identityBytes({ source, id }: { source: string; id: string }): number {
  return Buffer.byteLength(JSON.stringify({ source, id, hop: Number.MAX_SAFE_INTEGER })) + 1;
}

function planned({ id, source, time, dataref, request }: PlanRequest): PlannedRequest {
  const { model: _, ...rest } = request;
  return { id, source, time, ...(dataref !== undefined && { dataref }), ...rest };
}

function earlier(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(b) < Date.parse(a) ? b : a;
}
