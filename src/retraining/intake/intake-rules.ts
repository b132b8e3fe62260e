import { RetrainError } from '../../errors.ts';
import { REQUESTED_TYPE } from '../envelope.ts';
import type { RequestEvent } from '../envelope.ts';
import { requestKey } from '../identity.ts';
import type { RequestOptions } from '../request-draft.ts';
import { parseRequest } from '../request.ts';
import type { RetrainRequestInput } from '../request.ts';
import { valueAtPath } from './any-case.ts';
import { factsOf } from './event-facts.ts';
import type { EventFacts } from './event-facts.ts';
import { compileGlob } from './glob.ts';
import type { IntakeEvent } from './intake-event.ts';
import type { IntakeRule } from './intake-settings.ts';
import { fillTemplate } from './template.ts';

/** What is to be done about an event. */
export type Decision =
  | {
      readonly kind: 'request';
      readonly rule: string;
      readonly input: RetrainRequestInput;
      readonly options: RequestOptions;
    }
  /** A request that came as an event: it keeps its identity. */
  | { readonly kind: 'forward'; readonly event: RequestEvent }
  | { readonly kind: 'ignored'; readonly rule: string }
  /** `reason`: what the event was, and why each rule is not for it. */
  | { readonly kind: 'unmatched'; readonly reason: string }
  /** A rule is for it, but it has not what the rule needs. */
  | { readonly kind: 'invalid'; readonly reason: string };

type Condition = Exclude<IntakeRule['when']['source'], undefined>;
type DataCondition = NonNullable<IntakeRule['when']['data']>[string];
/** What the stars of `subject` took, or which condition does not hold. */
type Match = { readonly captures: readonly string[] } | { readonly not: string };

/** Rules that are ready to be held against events, in their order. */
export class IntakeRules {
  readonly #rules: readonly { readonly name: string; readonly rule: IntakeRule }[];

  constructor(rules: readonly IntakeRule[]) {
    this.#rules = rules.map((rule, index) => ({ name: rule.name ?? `rule ${index + 1}`, rule }));
  }

  get count(): number {
    return this.#rules.length;
  }

  decide(event: IntakeEvent): Decision {
    const facts = factsOf(event);
    const looked: string[] = [];
    for (const { name, rule } of this.#rules) {
      const match = matchRule(rule, event, facts);
      if ('captures' in match)
        return rule.ignore === true ? { kind: 'ignored', rule: name } : requestOf({ name, rule, event, facts, match });
      looked.push(`${name}: ${match.not}`);
    }
    if (event.type === REQUESTED_TYPE) return forwardOf(event);
    const rules = looked.length === 0 ? 'there are no rules' : `no rule is for it (${looked.join('; ')})`;
    return { kind: 'unmatched', reason: `${describeEvent(event)}: ${rules}` };
  }
}

/** An event in a few words. */
export function describeEvent({ type, id, source, subject }: IntakeEvent): string {
  return `${type} ${id}${source && ` from ${source}`}${subject && ` about ${subject}`}`;
}

function matchRule({ when, ignore }: IntakeRule, event: IntakeEvent, facts: EventFacts): Match {
  if (when.type !== undefined) {
    const types = typeof when.type === 'string' ? [when.type] : when.type;
    const type = event.type.toLowerCase();
    if (!types.some((pattern) => compileGlob(pattern.toLowerCase())(type))) return { not: `type is ${event.type}` };
  }
  if (when.source !== undefined && !holds(when.source, event.source)) return { not: 'source' };
  const captures = when.subject === undefined ? [] : holds(when.subject, event.subject);
  if (!captures) return { not: 'subject' };
  for (const [path, condition] of Object.entries(when.data ?? {}))
    if (!dataHolds(condition, valueAtPath(event.data, path))) return { not: `data.${path}` };
  if (when.data === undefined && ignore !== true && facts.notByDefault !== undefined)
    return { not: facts.notByDefault };
  return { captures };
}

/** What the stars took, when the text fulfils the condition. */
function holds(condition: Condition, text: string): readonly string[] | undefined {
  if (typeof condition === 'string') return compileGlob(condition)(text);
  const { equals = text, prefix = '', suffix = '', glob = '*' } = condition;
  if (text !== equals || !text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  const taken = compileGlob(glob)(text);
  return condition.glob === undefined ? [] : taken;
}

function dataHolds(condition: DataCondition, value: unknown): boolean {
  if (typeof condition === 'number' || typeof condition === 'boolean')
    return value === condition || value === String(condition);
  const text = textOf(value);
  return text !== undefined && holds(condition, text) !== undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

interface Matched {
  readonly name: string;
  readonly rule: IntakeRule;
  readonly event: IntakeEvent;
  readonly facts: EventFacts;
  readonly match: { readonly captures: readonly string[] };
}

function requestOf(matched: Matched): Decision {
  const { name, event } = matched;
  try {
    const input = inputOf(matched);
    const { time, traceparent, id } = event;
    const dedupeKey = dedupeKeyOf(input, event);
    const options = {
      time,
      correlationId: id.slice(0, CORRELATION_MAX_LENGTH),
      ...(traceparent !== undefined && { traceparent }),
      ...(dedupeKey !== undefined && { dedupeKey }),
    };
    return { kind: 'request', rule: name, input, options };
  } catch (error) {
    if (!(error instanceof RetrainError)) throw error;
    return { kind: 'invalid', reason: `${describeEvent(event)}: ${name}: ${error.message}` };
  }
}

const WIRE_ID = /^[\x20-\x7e]{1,128}$/;
const WIRE_SOURCE = /^[\x21-\x7e]{1,256}$/;
const CORRELATION_MAX_LENGTH = 128;
const REQUESTED_BY_MAX_LENGTH = 200;

function inputOf({ name, rule, event, facts, match }: Matched): RetrainRequestInput {
  const fill = (template: string, field: string): string => filled(template, field, { event, facts, match });
  const { trigger = {}, data, parameters = {} } = rule;
  const input: RetrainRequestInput = {
    model: { name: fill(rule.model ?? '', 'model') },
    trigger: {
      ...facts.trigger,
      ...(trigger.kind !== undefined && { kind: trigger.kind }),
      ...(trigger.metric !== undefined && { metric: fill(trigger.metric, 'trigger.metric') }),
      ...(trigger.detector !== undefined && { detector: fill(trigger.detector, 'trigger.detector') }),
    },
    data: data
      ? [{ uri: fill(data.uri, 'data.uri'), ...(data.etag !== undefined && { etag: fill(data.etag, 'data.etag') }) }]
      : [...facts.data],
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([key, value]) => [
        key,
        typeof value === 'string' ? fill(value, `parameters.${key}`) : value,
      ]),
    ),
    requestedBy: `intake, ${name}`.slice(0, REQUESTED_BY_MAX_LENGTH),
  };
  parseRequest(input);
  return input;
}

function filled(
  template: string,
  field: string,
  { event, facts, match }: Pick<Matched, 'event' | 'facts' | 'match'>,
): string {
  const result = fillTemplate(template, (name) => {
    if (/^[1-9]$/.test(name)) return match.captures[Number(name) - 1];
    if (name.startsWith('data.')) return textOf(valueAtPath(event.data, name.slice('data.'.length)));
    const own = { subject: event.subject, source: event.source, type: event.type, id: event.id };
    return { ...facts.fields, ...own }[name];
  });
  if ('text' in result) return result.text;
  throw new RetrainError('REQUEST_INVALID', `${field} needs {${result.missing}}, which the event has not`);
}

/**
 * Evidence that tells two occasions apart gives the id (identity.ts), so that the same file told twice is one request. Without it, the
 * event's own identity does: a redelivery of the event is the same request, another event is another one.
 */
function dedupeKeyOf({ model, trigger, data = [] }: RetrainRequestInput, event: IntakeEvent): string | undefined {
  const { kind } = trigger;
  const tellsApart =
    kind === 'new-data'
      ? data.length > 0 && data.every(({ etag, sha256 }) => (etag ?? sha256) !== undefined)
      : kind !== 'manual' && trigger.window !== undefined;
  return tellsApart ? undefined : `${model.name}/event/${requestKey(event)}`;
}

function forwardOf({ id, source, type, time, data, traceparent }: IntakeEvent): Decision {
  if (!WIRE_ID.test(id) || !WIRE_SOURCE.test(source))
    return {
      kind: 'invalid',
      reason: `${type} ${id}: use an id of 1 to 128 and a source of 1 to 256 characters of ASCII`,
    };
  try {
    const request = parseRequest(data);
    const event: RequestEvent = {
      id,
      source,
      type: type as typeof REQUESTED_TYPE,
      subject: request.model.name,
      time,
      data: request,
      ...(traceparent !== undefined && { traceparent }),
    };
    return { kind: 'forward', event };
  } catch (error) {
    if (!(error instanceof RetrainError)) throw error;
    return { kind: 'invalid', reason: `${type} ${id}: ${error.message}` };
  }
}
