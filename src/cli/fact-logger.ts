import { pino } from 'pino';
import type { Clock } from '../runtime/clock.ts';

/** What went wrong but is being dealt with; everything else is information. */
const WARNINGS: ReadonlySet<string> = new Set([
  'unreachable',
  'client-replaced',
  'session-failed',
  'session-lost',
  'link-lost',
  'operation-retried',
  'renewal-failed',
  'registry-failed',
  'run-aborted',
  'dead-lettered',
  'settlement-failed',
  'outcome-untold',
  'request-failed',
  'request-refused',
  'request-queued',
  'rows-bad',
  'monitor-failed',
  'monitor-held-up',
  'outbox-unusable',
  'outbox-waiting',
  'outbox-entry-failed',
  'http-failed',
  'intake-unreachable',
  'event-waiting',
  'event-unsettled',
  'event-dead-lettered',
  'notifier-unreachable',
  'notify-failed',
  'notify-given-up',
  'notify-unreadable',
  'notify-unsettled',
  'notify-state-unkept',
  'backlog-unseen',
  'change-failed',
  'loss-planned',
  'policy-violated',
]);

/** What only matters when something is to be found out. */
const DETAILS: ReadonlySet<string> = new Set(['session-accepted', 'session-released', 'stage', 'window-closed']);

/** Writes facts as lines of JSON: `level`, `time` (RFC 3339), `fact`, and what the fact is about. */
export function factLogger(print: (line: string) => void, clock: Clock): (fact: { readonly fact: string }) => void {
  const logger = pino(
    {
      base: null,
      level: 'debug',
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line: string) => print(line.trimEnd()) },
  );
  return (fact) => logger[levelOf(fact)](fact);
}

function levelOf({ fact }: { readonly fact: string }): 'debug' | 'info' | 'warn' {
  if (DETAILS.has(fact)) return 'debug';
  return WARNINGS.has(fact) ? 'warn' : 'info';
}
