import type { Evidence } from './evidence.ts';
import { requestKey } from './identity.ts';
import type { Metrics } from './gate.ts';
import { outcomeOf } from './outcome.ts';
import type { OutcomeData, OutcomeEvent } from './outcome.ts';
import { inOrder, projectOutcomes } from './projection.ts';
import type { RequestStatus, RunStatus } from './projection.ts';
import type { RequestRef } from './worker/ledger-record.ts';

/** Something that happened, in words. */
export interface ExplainedStep {
  /** RFC 3339. */
  readonly at: string;
  readonly what: string;
  readonly text: string;
}

/** From evidence to champion: what is known of a request or a run. */
export interface Explanation {
  readonly kind: 'request' | 'run';
  readonly model: string;
  readonly request?: RequestStatus;
  readonly runs: readonly RunStatus[];
  readonly steps: readonly ExplainedStep[];
  /** What can no longer be told, and why. */
  readonly gaps: readonly string[];
}

export type Found =
  | { readonly kind: 'request'; readonly request: RequestRef & { readonly model: string } }
  | { readonly kind: 'run'; readonly run: RunStatus }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  | { readonly kind: 'unknown' };

/** The least that an id may be cut to. */
export const ID_START_MIN_LENGTH = 4;
const CANDIDATES_SHOWN = 10;

/** What an id, or the start of one, names: a request or a run. A whole id wins over what begins with it. */
export function findTarget(events: readonly OutcomeEvent[], text: string): Found {
  const { runs, requests } = projectOutcomes(events);
  const all: { readonly id: string; readonly found: Found }[] = [
    ...requests.map((request) => ({ id: request.id, found: { kind: 'request', request } as const })),
    ...runs.map((run) => ({ id: run.runId, found: { kind: 'run', run } as const })),
  ];
  const whole = all.filter(({ id }) => id === text);
  const begun = text.length < ID_START_MIN_LENGTH ? [] : all.filter(({ id }) => id.startsWith(text));
  const matches = whole.length > 0 ? whole : begun;
  const [first] = matches;
  if (!first) return { kind: 'unknown' };
  if (matches.length === 1) return first.found;
  return { kind: 'ambiguous', candidates: matches.slice(0, CANDIDATES_SHOWN).map(({ id }) => id) };
}

export function explainRun(events: readonly OutcomeEvent[], { runId, model }: RunStatus): Explanation {
  const own = inOrder(events).filter((event) => event.data.runId === runId);
  const runs = projectOutcomes(own).runs;
  const gaps = gapsOf(own, runs);
  const asked = (runs[0]?.evidence ?? []).map(askedStep);
  const left = (runs[0]?.requests.length ?? 0) - asked.length;
  if (asked.length > 0 && left > 0)
    gaps.push(
      left === 1
        ? 'the evidence of 1 further request is in its own explanation'
        : `the evidence of ${left} further requests is in their own explanation`,
    );
  const steps = own.flatMap((event) => {
    const step = stepOf(event);
    const { request } = event.data;
    return step ? [request ? { ...step, text: `request ${request.id}: ${step.text}` } : step] : [];
  });
  return { kind: 'run', model, runs, steps: [...asked, ...steps], gaps };
}

export function explainRequest(events: readonly OutcomeEvent[], ref: RequestRef & { model: string }): Explanation {
  const key = requestKey(ref);
  const about = inOrder(events).filter((event) => isAbout(event, key));
  const status = projectOutcomes(about);
  const request = status.requests.find((one) => requestKey(one) === key);
  const runs = status.runs.filter(
    (run) => run.requests.some((one) => requestKey(one) === key) || hasOwn(about, run, key),
  );
  const gaps = gapsOf(about, runs);
  const { evidence } = request ?? {};
  if (!evidence) gaps.unshift('why it was asked for is not in the events that are left');
  const steps = about.flatMap((event) => stepOf(event) ?? []);
  return {
    kind: 'request',
    model: ref.model,
    ...(request && { request }),
    runs,
    steps: [...(evidence ? [askedStep(evidence)] : []), ...steps],
    gaps,
  };
}

function hasOwn(events: readonly OutcomeEvent[], { runId }: RunStatus, key: string): boolean {
  return events.some(
    ({ data }) => data.runId === runId && data.request !== undefined && requestKey(data.request) === key,
  );
}

function isAbout({ data }: OutcomeEvent, key: string): boolean {
  const refs = data.request ? [data.request] : (data.requests ?? []);
  return refs.some((ref) => requestKey(ref) === key);
}

function gapsOf(events: readonly OutcomeEvent[], runs: readonly RunStatus[]): string[] {
  const started = new Set(events.filter((event) => outcomeOf(event) === 'started').map(({ data }) => data.runId));
  return runs
    .filter(({ runId }) => !started.has(runId))
    .map(({ runId }) => `the start of run ${runId} is no longer among the events: its plan is not known`);
}

function askedStep(evidence: Evidence): ExplainedStep {
  return { at: evidence.time, what: 'asked', text: evidenceText(evidence) };
}

/** The evidence in words, with its numbers: one line. */
export function evidenceText({ trigger, requestedBy, replayOf, data, dataCount }: Evidence): string {
  const { kind, metric, observed, baseline, threshold, detector, window } = trigger;
  const numbers = [
    observed !== undefined && `observed ${observed}`,
    baseline !== undefined && `baseline ${baseline}`,
    threshold !== undefined && `threshold ${threshold}`,
  ].filter((part) => part !== false);
  const measured = [metric, numbers.join(', ')].filter((part) => part !== undefined && part !== '').join(' ');
  const [first] = data ?? [];
  const items = dataCount ?? data?.length ?? 0;
  return [
    measured === '' ? kind : `${kind}: ${measured}`,
    detector !== undefined && `by ${detector}`,
    window && `over ${window.from} to ${window.to}${window.count === undefined ? '' : ` (${window.count})`}`,
    first && `data ${first.uri}${items > 1 ? ` and ${items - 1} more` : ''}`,
    requestedBy !== undefined && `asked by ${requestedBy}`,
    replayOf !== undefined && `a replay of ${replayOf}`,
  ]
    .filter((part) => part !== false && part !== undefined)
    .join(', ');
}

function stepOf(event: OutcomeEvent): ExplainedStep | undefined {
  // Hundreds of them would hide the rest.
  if (outcomeOf(event) === 'progressed') return undefined;
  return { at: event.time, what: outcomeWord(event), text: outcomeText(event) };
}

/** What an event is about, in a word for people. */
export function outcomeWord(event: OutcomeEvent): string {
  return WORDS[outcomeOf(event)] ?? outcomeOf(event);
}

const WORDS: Readonly<Record<string, string>> = {
  succeeded: 'trained',
  coalesced: 'merged',
  deadlettered: 'dead-lettered',
};

/** What became of a request or a run, in a word for people. */
export function stateWord(state: (RequestStatus | RunStatus)['state']): string {
  return WORDS[state] ?? state;
}

/** What an event tells, in one line for people. */
export function outcomeText(event: OutcomeEvent): string {
  const { data } = event;
  const run = data.runId === undefined ? '' : `run ${data.runId}`;
  switch (outcomeOf(event)) {
    case 'started':
      return startedText(data);
    case 'coalesced':
      return `into ${run}`;
    case 'progressed':
      return `${run}: ${data.progress === undefined ? (data.notes ?? '') : `${Math.floor(100 * data.progress)} %`}`;
    case 'interrupted':
      return [`${run}: ${data.reason ?? 'the trainer was stopped'}`, interruptionsText(data)].join('');
    case 'failed':
      return `${run}: ${data.reason ?? 'no reason given'}${resolutionText(data)}`;
    case 'succeeded':
      return `${run}: ${metricsText(data.metrics)}`;
    case 'promoted':
      return `${run}: ${data.reason ?? ''}; champion is ${data.artifact ?? 'its artifact'}${previousText(data)}`;
    case 'rejected':
      return `${run}: ${data.reason ?? ''}; the champion stays${championText(data)}`;
    case 'cancelled':
      return data.cancel ? `on request of ${data.cancel.source}` : `${run} was stopped for it`;
    case 'postponed':
      return `waits until ${data.retryAt ?? 'later'} (${data.cause ?? 'no cause given'})`;
    case 'deadlettered':
      return `${data.deadLetter?.reason ?? 'given up'}: ${data.reason ?? 'no reason given'}`;
  }
}

function startedText({ runId, epoch, host, plan, requests, attempt, maxAttempts }: OutcomeData): string {
  const count = plan?.requests ?? requests?.length ?? 0;
  return [
    `run ${runId}, epoch ${epoch ?? 'unknown'}`,
    host !== undefined && `on ${host}`,
    `answers ${count} ${count === 1 ? 'request' : 'requests'}`,
    plan && plan.dataItems > 0 && `${plan.dataItems} ${plan.dataItems === 1 ? 'item' : 'items'} of data`,
    plan && plan.parameters.length > 0 && `parameters ${plan.parameters.join(', ')}`,
    plan?.deadline !== undefined && `deadline ${plan.deadline}`,
    attempt !== undefined &&
      attempt > 0 &&
      `attempt ${attempt + 1}${maxAttempts === undefined ? '' : ` of ${maxAttempts}`}`,
  ]
    .filter((part) => part !== false && part !== undefined)
    .join(', ');
}

function interruptionsText({ interruptions, progress }: OutcomeData): string {
  const at = progress === undefined ? '' : ` at ${Math.floor(100 * progress)} %`;
  return interruptions === undefined || interruptions < 2 ? at : `${at}; ${interruptions} in a row`;
}

function resolutionText({ resolution, retryAt }: OutcomeData): string {
  switch (resolution) {
    case 'retry':
      return `; tried again at ${retryAt ?? 'a later time'}`;
    case 'split':
      return '; its requests run one by one';
    default:
      return '';
  }
}

function metricsText(metrics: Metrics | undefined): string {
  if (!metrics) return 'no metrics told';
  const of = (values: Readonly<Record<string, number>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const champion = metrics.champion ? `; champion: ${of(metrics.champion)}` : '; the champion was not measured';
  return `challenger: ${of(metrics.challenger)}${champion}`;
}

function previousText({ previousChampion }: OutcomeData): string {
  if (previousChampion === undefined) return '';
  return previousChampion
    ? `, before it run ${previousChampion.runId} (epoch ${previousChampion.epoch})`
    : ', the first';
}

function championText({ previousChampion }: OutcomeData): string {
  return previousChampion ? `: run ${previousChampion.runId} (epoch ${previousChampion.epoch})` : '';
}
