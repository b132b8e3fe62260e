import { RetrainError } from '../../errors.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { RetrainingProducer } from '../producer.ts';
import type { RequestResult, Submission } from '../producer.ts';
import type { RequestOptions } from '../request-draft.ts';
import { checkRequest, isInstant } from '../request.ts';
import type { RetrainRequestInput } from '../request.ts';
import { readHttpCloudEvent } from './http-cloud-event.ts';
import type { RetrainListener } from './listener.ts';
import type { ListenerLog } from './listener-log.ts';
import { pointerOf, problem, problemOf } from './problem.ts';
import type { FieldProblem, Problem, ProblemAnswer } from './problem.ts';
import type { ListenerAnswer, ListenerRequest } from './routes.ts';

/** Requests of one call. */
export const BATCH_MAX = 1_000;
/** Problems of one body that are told. */
const PROBLEMS_MAX = 20;
const KEY_MAX_LENGTH = 255;
/** W3C Trace Context, section 3.2; what is not of this form is passed over, as the standard says. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const TRACESTATE_MAX_LENGTH = 512;

export interface RequestRoutesOptions {
  readonly producer: Pick<RetrainingProducer, 'submit' | 'forward' | 'requestAll' | 'cancel'>;
  /** Whether somebody will train this model; a request for another is refused at the door. Default: every one. */
  readonly knowsModel?: (model: string) => boolean;
  readonly clock?: Clock;
  readonly log?: ListenerLog;
}

/** Adds `POST /v1/requests` (one, a CloudEvent, or an array of requests), `DELETE /v1/requests/{id}` and `POST /v1/cancellations`. */
export function addRequestRoutes(listener: RetrainListener, options: RequestRoutesOptions): void {
  listener.route('POST', '/v1/requests', async (request) => postRequests(request, options));
  listener.route('DELETE', '/v1/requests/{id}', async ({ parameters, query }) =>
    cancel({ requestId: parameters['id'], model: query.get('model'), requestSource: query.get('source') }, options),
  );
  listener.route('POST', '/v1/cancellations', async ({ body }) => cancel(body, options, '#/model'));
}

async function postRequests(
  request: ListenerRequest,
  options: RequestRoutesOptions,
): Promise<ListenerAnswer | ProblemAnswer> {
  const { body, mediaType } = request;
  if (body === undefined) return problem(400, 'there is no body: send a request as JSON');
  if (mediaType === 'application/cloudevents-batch+json')
    return problem(415, 'a batch of CloudEvents is not taken: send them one by one, or an array of requests as JSON');
  const event = readHttpCloudEvent(request, (options.clock ?? systemClock).wallMs());
  const activeAt = activeAtOf(request);
  if (activeAt instanceof Date || activeAt === undefined) {
    if (event.kind === 'invalid') return problem(422, event.reason, { code: 'REQUEST_INVALID', errors: event.errors });
    if (event.kind === 'valid') {
      const unknown = unknownModel(event.event.subject, options, event.pointer);
      if (unknown) return unknown;
      const sent = await options.producer.forward(event.event, activeAt ? { activeAt } : {});
      return accepted(event.event.subject, sent, options);
    }
    return Array.isArray(body) ? postMany(body, request, activeAt, options) : postOne(request, activeAt, options);
  }
  return activeAt;
}

async function postOne(
  request: ListenerRequest,
  activeAt: Date | undefined,
  options: RequestRoutesOptions,
): Promise<ListenerAnswer | ProblemAnswer> {
  const checked = checkRequest(request.body);
  if (checked.kind === 'invalid') return invalid(checked.issues);
  const { name } = checked.request.model;
  const unknown = unknownModel(name, options, '#/model/name');
  if (unknown) return unknown;
  const given = optionsOf(request, name, activeAt);
  if ('problem' in given) return given;
  return accepted(name, await options.producer.submit(checked.request, given), options);
}

/** One item of the answer to an array: `status` is what the answer to it alone would have. */
type ItemAnswer =
  ({ readonly index: number; readonly status: 202 } & Submission) | ({ readonly index: number } & Problem);

async function postMany(
  bodies: readonly unknown[],
  request: ListenerRequest,
  activeAt: Date | undefined,
  options: RequestRoutesOptions,
): Promise<ListenerAnswer | ProblemAnswer> {
  if (bodies.length === 0 || bodies.length > BATCH_MAX)
    return problem(422, `the array has ${bodies.length} items: send 1 to ${BATCH_MAX} requests at once`, {
      code: 'REQUEST_INVALID',
    });
  const items: (ItemAnswer | undefined)[] = [];
  const inputs: RetrainRequestInput[] = [];
  const given: RequestOptions[] = [];
  for (const [index, body] of bodies.entries()) {
    const checked = checkRequest(body);
    const refused =
      checked.kind === 'invalid'
        ? invalid(checked.issues, [index])
        : unknownModel(checked.request.model.name, options, `#/${index}/model/name`);
    if (refused) items[index] = { index, ...refused.problem };
    if (refused || checked.kind === 'invalid') continue;
    const itemOptions = optionsOf(request, checked.request.model.name, activeAt, `#${index}`);
    if ('problem' in itemOptions) return itemOptions;
    inputs.push(checked.request);
    given.push(itemOptions);
  }
  const results = await options.producer.requestAll(inputs, (index) => given[index] ?? {});
  for (let index = 0; index < bodies.length; index++) items[index] ??= itemOf(index, results.shift(), inputs, options);
  const whole = items.every((item) => item?.status === 202);
  return { status: whole ? 202 : 207, json: { results: items } };
}

function itemOf(
  index: number,
  result: RequestResult | undefined,
  inputs: RetrainRequestInput[],
  options: RequestRoutesOptions,
): ItemAnswer {
  const model = inputs.shift()?.model.name ?? '';
  if (result === undefined || result.state === 'failed') return { index, ...problemOf(result?.error).problem };
  options.log?.({ fact: 'request-taken', model, id: result.id, state: result.state });
  return { index, status: 202, ...result };
}

/** @param pointer where the body names the model, if it does */
async function cancel(
  body: unknown,
  options: RequestRoutesOptions,
  pointer?: string,
): Promise<ListenerAnswer | ProblemAnswer> {
  const { model, requestId, requestSource } = { ...(body as Record<string, unknown> | undefined) };
  const missing = Object.entries({ model, requestId }).find(([, value]) => typeof value !== 'string' || value === '');
  if (typeof model !== 'string' || typeof requestId !== 'string' || missing)
    return problem(422, `${missing?.[0] ?? 'model'} is missing: name the model and the id of the request to cancel`, {
      code: 'REQUEST_INVALID',
    });
  const unknown = unknownModel(model, options, pointer, 'model');
  if (unknown) return unknown;
  const source = typeof requestSource === 'string' && requestSource !== '' ? { requestSource } : {};
  const { id } = await options.producer.cancel(model, requestId, source);
  options.log?.({ fact: 'cancel-taken', model, id: requestId });
  return { status: 202, json: { id, model, requestId, state: 'accepted' } };
}

function accepted(model: string, sent: Submission, { log }: RequestRoutesOptions): ListenerAnswer {
  log?.({ fact: 'request-taken', model, id: sent.id, state: sent.state });
  return { status: 202, json: sent };
}

/**
 * What the headers say of a request. The id that an Idempotency-Key gives names the model, as ids are for the whole queue; it is
 * parted by signs that no model's name has, or `a/b` with the key `c` would be taken for a duplicate of `a` with the key `b/c`.
 */
function optionsOf(
  { headers }: ListenerRequest,
  model: string,
  activeAt: Date | undefined,
  item = '',
): RequestOptions | ProblemAnswer {
  const { traceparent, tracestate } = headers;
  const key = headers['idempotency-key'];
  if (key !== undefined && (typeof key !== 'string' || key === '' || key.length > KEY_MAX_LENGTH))
    return problem(400, `Idempotency-Key has ${key.length} characters: use 1 to ${KEY_MAX_LENGTH}`);
  const traced = typeof traceparent === 'string' && TRACEPARENT.test(traceparent);
  const state = traced && typeof tracestate === 'string' && tracestate.length <= TRACESTATE_MAX_LENGTH;
  return {
    ...(key !== undefined && { dedupeKey: `${model}${item}|${key}` }),
    ...(traced && { traceparent }),
    ...(state && { tracestate }),
    ...(activeAt && { activeAt }),
  };
}

/** `?activeAt=TIME`: when the request becomes active. */
function activeAtOf({ query }: ListenerRequest): Date | undefined | ProblemAnswer {
  const text = query.get('activeAt');
  if (text === null) return undefined;
  if (isInstant(text)) return new Date(text);
  const shown = JSON.stringify(text.slice(0, 80));
  return problem(400, `activeAt = ${shown}: use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z`);
}

function unknownModel(
  model: string,
  { knowsModel = () => true }: RequestRoutesOptions,
  pointer: string | undefined,
  field = 'model.name',
): ProblemAnswer | undefined {
  if (knowsModel(model)) return undefined;
  const detail = `${field} = ${JSON.stringify(model)}: no such model is configured: correct its name, or add it to models`;
  return problem(422, detail, {
    code: 'REQUEST_INVALID',
    ...(pointer !== undefined && { errors: [{ pointer, detail }] }),
  });
}

function invalid(
  issues: readonly { path: readonly PropertyKey[]; text: string }[],
  at: readonly number[] = [],
): ProblemAnswer {
  const errors: FieldProblem[] = issues
    .slice(0, PROBLEMS_MAX)
    .map(({ path, text }) => ({ pointer: pointerOf([...at, ...path]), detail: text }));
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const { message, code } = new RetrainError('REQUEST_INVALID', `request: ${issues[0]?.text ?? 'is not valid'}${more}`);
  return problem(422, message, { code, errors });
}
