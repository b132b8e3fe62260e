import { Command, InvalidArgumentError } from 'commander';
import { outcomeText, outcomeWord } from '../retraining/explanation.ts';
import { requestKey } from '../retraining/identity.ts';
import { OUTCOMES } from '../retraining/worker/ledger-record.ts';
import { cloudEventJson, outcomeOf } from '../retraining/outcome.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import { systemClock } from '../runtime/clock.ts';
import { placeOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { EventTail } from './event-tail.ts';
import { Interrupt } from './interrupt.ts';
import { collect, instant, span } from './option.ts';
import { addOutcomeOptions, settledFlags } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { onOneLine } from './printable.ts';
import { Terminal } from './terminal.ts';

interface EventsFlags extends OutcomeFlags, ConnectionOptions {
  readonly follow?: true;
  readonly model?: readonly string[];
  readonly type?: readonly string[];
  readonly since?: Date;
  readonly json?: true;
}

/** Where workers tell outcomes when nothing else is said. */
const DEFAULT_OUTCOMES = 'model-retraining-outcomes';
/** Identities by which doubles are dropped; the oldest is forgotten. */
const SEEN_MAX = 10_000;

export function eventsCommand(): Command {
  return addOutcomeOptions(new Command('events'))
    .description('Prints outcome events of runs and requests, as they are told.')
    .option('--follow', 'go on with what is told from now on, until Ctrl-C')
    .option('--model <name>', 'of this model; repeatable', collect)
    .option('--type <outcome>', `of this kind: ${OUTCOMES.join(', ')}; repeatable`, outcome)
    .option('--since <time>', 'from this time on, RFC 3339, or so long ago, such as 2h', timeOrSpan)
    .option('--json', 'print every event as a line of JSON: a CloudEvent')
    .addHelpText(
      'after',
      `
The subscription is looked at, nothing is taken out of it: others see the same events. Without --since, all that are still there are
printed; with --follow, those from now on. It goes on when the broker was away.

Examples:
  retrain events --since 1d --type promoted --type rejected
  retrain events --follow --json`,
    )
    .action(runEvents);
}

/** Adds an outcome to those before it, by its name or its full type. */
function outcome(value: string, before: readonly string[] = []): string[] {
  const name = value.replace(/^retrain\.(.*)\.v1$/, '$1');
  if (OUTCOMES.some((known) => known === name)) return [...before, name];
  throw new InvalidArgumentError(`use one of ${OUTCOMES.join(', ')}`);
}

function timeOrSpan(value: string): Date {
  return /^[\d.]+(ms|s|m|h|d)$/.test(value) ? new Date(systemClock.wallMs() - span(value)) : instant(value);
}

async function runEvents(flags: EventsFlags): Promise<void> {
  const place = placeOf(flags);
  const settled = settledFlags(flags);
  using interrupt = new Interrupt();
  const terminal = new Terminal(process.stdout);
  await using tail = new EventTail({
    place,
    flags: { ...settled, outcomes: settled.outcomes ?? DEFAULT_OUTCOMES },
    clock: systemClock,
    onAway: (reason) => console.error(`retrain: ${reason}; trying again`),
    onBack: () => console.error('retrain: the broker answers again'),
    onSkipped: (reason) =>
      console.error(`retrain: a message that is no outcome event is passed over: ${onOneLine(reason)}`),
  });
  const seen = new Set<string>();
  const from = flags.since ?? (flags.follow ? 'now' : undefined);
  for await (const event of tail.events({ from, follow: flags.follow === true, signal: interrupt.signal })) {
    const key = requestKey(event);
    if (seen.has(key) || !isWanted(event, flags)) continue;
    seen.add(key);
    const [oldest] = seen;
    if (seen.size > SEEN_MAX && oldest !== undefined) seen.delete(oldest);
    if (flags.json) console.log(JSON.stringify(cloudEventJson(event)));
    else
      terminal.line(
        onOneLine(`${event.time} ${event.data.model} ${outcomeWord(event)} ${about(event)}${outcomeText(event)}`),
      );
  }
}

function about({ data: { request } }: OutcomeEvent): string {
  return request ? `request ${request.id}: ` : '';
}

function isWanted(event: OutcomeEvent, { model, type, since }: EventsFlags): boolean {
  return (
    (model?.includes(event.data.model) ?? true) &&
    (type?.includes(outcomeOf(event)) ?? true) &&
    (since === undefined || Date.parse(event.time) >= since.getTime())
  );
}
