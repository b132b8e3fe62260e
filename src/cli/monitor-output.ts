import type { MetricWindow } from '../monitoring/tumbling-windows.ts';
import type { MonitorFact } from '../retraining/monitors/monitor-log.ts';
import type { ProducerFact } from '../retraining/producer-log.ts';
import type { Trigger } from '../retraining/request.ts';
import { counted } from './counted.ts';
import { secondsText } from './age-text.ts';

/** A window that was nothing special; one that could not be judged is. */
function isRoutine(fact: MonitorFact | ProducerFact): boolean {
  return fact.fact === 'window-closed' && !(fact.kind === 'discarded' && fact.note !== undefined);
}

/** What `retrain monitor` tells. */
export type MonitorOutputFact = MonitorFact | ProducerFact;

/** A fact in one line for a person; undefined for a window that was nothing special, unless `verbose`. */
export function monitorLine(fact: MonitorOutputFact, { verbose }: { readonly verbose: boolean }): string | undefined {
  if (!verbose && isRoutine(fact)) return undefined;
  if (!('monitor' in fact)) return producerLine(fact);
  const who = `${fact.model} ${fact.monitor}`;
  switch (fact.fact) {
    case 'window-closed': {
      const { kind, observed, baseline, window, note } = fact;
      const reference = baseline === undefined ? '' : `, reference ${shortNumber(baseline)}`;
      return `${who}: ${windowText(window)}: ${shortNumber(observed)}, ${kind}${reference}${note === undefined ? '' : `; ${note}`}`;
    }
    case 'retraining-requested':
      return `${who}: retraining requested${fact.id === undefined ? '' : `, id ${fact.id}`}: ${triggerText(fact.trigger)}`;
    case 'retraining-withheld':
      return `${who}: retraining would be requested: ${triggerText(fact.trigger)}`;
    case 'request-failed':
      return `${who}: the request could not be sent and is tried again: ${fact.reason}`;
    case 'request-refused':
      return `${who}: the request is refused and left out: ${fact.reason}`;
    case 'rows-bad':
      return `${who}: ${counted(fact.count, 'bad row')} in ${fact.source} left out; the first: ${fact.reason}`;
    case 'source-restarted':
      return `${who}: ${fact.source} was ${fact.why}; it is read from its beginning`;
    case 'monitor-held-up':
      return `${who}: held up, tried again: ${fact.reason}`;
    case 'monitor-failed':
      return `${who}: left out: ${fact.reason}`;
    case 'monitor-restarted':
      return `${who}: starts afresh: what it remembered is of another rule, metric or kind of window`;
    case 'champion-unknown':
      return `${who}: goes on, but the registry does not tell which champion serves: ${fact.reason}`;
    case 'monitor-rebased':
      return `${who}: starts afresh: the champion of epoch ${fact.epoch} serves now`;
  }
}

function producerLine(fact: ProducerFact): string {
  switch (fact.fact) {
    case 'outbox-unusable':
      return `the outbox ${fact.folder} cannot be used (${fact.code}): ${fact.reason}`;
    case 'request-queued':
      return `${fact.model}: request ${fact.id} waits in the outbox: ${fact.reason}`;
    case 'outbox-flushed':
      return `outbox: ${fact.sent} sent, ${fact.expired} expired`;
    case 'outbox-waiting':
      return `outbox: waits, tried again in ${secondsText(fact.retryInMs)}: ${fact.reason}`;
    case 'outbox-entry-failed':
      return `outbox: ${fact.name} stays where it is, look at it: ${fact.reason}`;
  }
}

/** The evidence of a trigger in words. */
export function triggerText({ detector = '', metric = '', observed, threshold, baseline, window }: Trigger): string {
  const numbers = [
    observed === undefined ? undefined : `observed ${shortNumber(observed)}`,
    threshold === undefined ? undefined : `limit ${shortNumber(threshold)}`,
    baseline === undefined ? undefined : `reference ${shortNumber(baseline)}`,
    window && windowText(window),
  ].filter((part) => part !== undefined);
  return `${metric} by ${detector}: ${numbers.join(', ')}`;
}

function windowText({
  from,
  to,
  count,
}: {
  from: string;
  to: string;
  count?: MetricWindow['count'] | undefined;
}): string {
  return `${shortInstant(from)} to ${shortInstant(to)}${count === undefined ? '' : ` (${count})`}`;
}

/** Midnight is a date to people. */
function shortInstant(instant: string): string {
  return instant.replace(/T00:00:00(\.000)?Z$/, '').replace(/\.000Z$/, 'Z');
}

export function shortNumber(value: number): string {
  return String(Number(value.toPrecision(5)));
}
