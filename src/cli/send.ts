import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { addConnectionOption, entityPlace, withOpenClient } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { possibleAddresses, splitSubqueue } from './entity-address.ts';
import { Interrupt } from './interrupt.ts';
import { collect, count, instant, span } from './option.ts';
import { sendInOrder } from './ordered-send.ts';
import type { Accepted } from './ordered-send.ts';
import { messagesToSend } from './send-input.ts';
import type { MessageFlags } from './send-input.ts';
import { jsonOfValue, VALUE_TYPE_NAMES } from './typed-value.ts';
import { counted } from './counted.ts';

/** Sequence numbers told to people. */
const NUMBERS_LISTED = 20;

interface SendFlags extends MessageFlags, Pick<ConnectionOptions, 'connection'> {
  readonly json?: true;
}

export function sendCommand(): Command {
  return addConnectionOption(new Command('send'))
    .description('Sends messages to a queue or a topic.')
    .argument('<entity>', 'the queue or topic')
    .argument('[body]', 'the body; without it, or as -, stdin is the body')
    .option('--file <path>', 'the body, or the lines, is in this file')
    .option('--lines', 'every line is a message as JSON, as peek and receive --json print it')
    .option('--property <name=value>', 'application property, NAME=TEXT or NAME:TYPE=VALUE; repeatable', collect)
    .option('--subject <text>', 'subject (label)')
    .option('--message-id <id>', 'MessageId (default: a random one)')
    .option('--session <id>', 'SessionId')
    .option('--correlation-id <id>', 'CorrelationId')
    .option('--content-type <type>', 'content type, such as application/json')
    .option('--to <address>', 'to')
    .option('--reply-to <address>', 'reply to')
    .option('--reply-to-session <id>', 'SessionId for the reply')
    .option('--partition-key <key>', 'partition key')
    .option('--ttl <span>', 'time to live, such as 10m', span)
    .option('--at <time>', 'becomes active at this time, RFC 3339', instant)
    .option('--in <span>', 'becomes active after so long, such as 15m', span)
    .option('--repeat <n>', 'send it so many times', count)
    .option('--json', 'print a line of JSON for every message that was accepted')
    .addHelpText(
      'after',
      `
Types of properties: ${VALUE_TYPE_NAMES}.
The body is sent as the bytes that are given. Scheduled messages are told with their sequence numbers. With several messages the
first one that is refused ends it; what was accepted before stays sent.

Examples:
  retrain send orders 'hello' --subject greeting --property attempts:int=3 --property region=eu
  retrain send orders --file order.json --content-type application/json --session 4711 --in 15m
  retrain peek orders --json | retrain send orders-copy --lines`,
    )
    .action(runSend);
}

async function runSend(entity: string, body: string | undefined, flags: SendFlags): Promise<void> {
  const [address] = possibleAddresses(entity);
  if (splitSubqueue(entity).subqueue !== undefined || /\/subscriptions\//i.test(entity))
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `"${entity}" cannot be sent to: name the queue, or the topic${address.subscription ? ` ${address.subscription.topic}` : ''}`,
    );
  const sources = { files, stdin: process.stdin, nowMs: systemClock.wallMs() };
  const outgoing = messagesToSend(body, flags, sources);
  const place = entityPlace(flags, entity);
  const scheduled: string[] = [];
  let sent = 0;
  const onAccepted = (accepted: Accepted): void => {
    sent += 1;
    if (accepted.sequenceNumber !== undefined) scheduled.push(accepted.sequenceNumber);
    if (flags.json) console.log(JSON.stringify({ ...accepted, messageId: jsonOfValue(accepted.messageId) }));
  };
  const say = (): void => {
    if (flags.json || sent === 0) return;
    if (sent > scheduled.length) console.log(`sent ${counted(sent - scheduled.length, 'message')} to ${entity}`);
    if (scheduled.length > 0)
      console.log(
        `scheduled ${counted(scheduled.length, 'message')} in ${entity}, sequence number ${listed(scheduled)}`,
      );
  };
  using interrupt = new Interrupt();
  try {
    await withOpenClient(place, (client) =>
      sendInOrder(client.createSender(place.queue), outgoing, { place, signal: interrupt.signal, onAccepted }),
    );
  } finally {
    say();
  }
  if (interrupt.signal.aborted) throw new RetrainError('INTERRUPTED', `interrupted after ${counted(sent, 'message')}`);
}

function listed(numbers: readonly string[]): string {
  const more = numbers.length > NUMBERS_LISTED ? ', …; --json lists all' : '';
  return `${numbers.slice(0, NUMBERS_LISTED).join(', ')}${more}`;
}
