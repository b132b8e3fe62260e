import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { Command } from 'commander';
import { readRequest } from '../retraining/envelope.ts';
import type { RequestEvent } from '../retraining/envelope.ts';
import { collect, count, instant, sequenceNumbers } from './option.ts';
import { plainText, splitProperty } from './typed-value.ts';

/** Which dead letters; values of one flag are alternatives, different flags all have to be met. */
export interface FilterFlags {
  readonly reason?: readonly string[];
  readonly messageId?: readonly string[];
  readonly sequenceNumber?: readonly string[];
  readonly subject?: readonly string[];
  readonly session?: readonly string[];
  readonly model?: readonly string[];
  readonly request?: readonly string[];
  readonly enqueuedAfter?: Date;
  readonly enqueuedBefore?: Date;
  readonly property?: readonly string[];
  readonly limit?: number;
}

type Test = (message: ServiceBusReceivedMessage) => boolean;

export function addFilterOptions(command: Command): Command {
  return command
    .option('--reason <reason>', 'those with this dead-letter reason; repeatable', collect)
    .option('--message-id <id>', 'those with this MessageId; repeatable', collect)
    .option('--sequence-number <n>', 'those with these sequence numbers, 17 or 17,18; repeatable', sequenceNumbers)
    .option('--subject <text>', 'those with this subject; repeatable', collect)
    .option('--session <id>', 'those of this session; repeatable', collect)
    .option('--model <name>', 'retraining requests for this model; repeatable', collect)
    .option('--request <id>', 'the retraining request with this id; repeatable', collect)
    .option('--enqueued-after <time>', 'those enqueued at this time or later, RFC 3339', instant)
    .option('--enqueued-before <time>', 'those enqueued before this time, RFC 3339', instant)
    .option(
      '--property <name=value>',
      'those with this application property, NAME=TEXT, compared as text; repeatable',
      collect,
    )
    .option('--limit <n>', 'so many at most, the first ones', count);
}

/** Whether a message is one of those that the flags name. @throws RetrainError `ARGUMENT_INVALID` for a property */
export function filterOf(flags: FilterFlags): Test {
  const { enqueuedAfter: after, enqueuedBefore: before } = flags;
  const one = (values: readonly string[] | undefined, of: (message: ServiceBusReceivedMessage) => string): Test[] =>
    values ? [(message) => values.includes(of(message))] : [];
  const tests: Test[] = [
    ...one(flags.reason, ({ deadLetterReason }) => plainText(deadLetterReason)),
    ...one(flags.messageId, ({ messageId }) => plainText(messageId)),
    ...one(flags.sequenceNumber, ({ sequenceNumber }) => sequenceNumber?.toString() ?? ''),
    ...one(flags.subject, ({ subject }) => subject ?? ''),
    ...one(flags.session, ({ sessionId }) => sessionId ?? ''),
    // What cannot be read as a request lies in its model's session all the same.
    ...one(flags.model, (message) => requestOf(message)?.subject ?? message.sessionId ?? ''),
    ...one(flags.request, (message) => requestOf(message)?.id ?? ''),
    ...(after ? [(message: ServiceBusReceivedMessage) => (message.enqueuedTimeUtc ?? 0) >= after] : []),
    ...(before ? [(message: ServiceBusReceivedMessage) => (message.enqueuedTimeUtc ?? 0) < before] : []),
    ...propertyTests(flags.property ?? []),
  ];
  return (message) => tests.every((test) => test(message));
}

function requestOf(message: ServiceBusReceivedMessage): RequestEvent | undefined {
  const read = readRequest(message);
  return read.kind === 'valid' ? read.event : undefined;
}

/** Values of one property are alternatives, too. A value is compared by its text, whatever its type. */
function propertyTests(properties: readonly string[]): Test[] {
  const wanted = new Map<string, string[]>();
  for (const flag of properties) {
    const { name, text } = splitProperty(flag);
    wanted.set(name, [...(wanted.get(name) ?? []), text]);
  }
  return [...wanted].map(
    ([name, texts]) =>
      ({ applicationProperties = {} }) =>
        Object.hasOwn(applicationProperties, name) && texts.includes(plainText(applicationProperties[name])),
  );
}
