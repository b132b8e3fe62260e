import { isServiceBusError } from '@azure/service-bus';
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { Command, Option } from 'commander';
import Long from 'long';
import { RetrainError } from '../errors.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import { addConnectionOption, answered, entityPlace, withOpenClient } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { ENTITY_ARGUMENT, findEntity, receiverOf, receiverOptions, splitSubqueue } from './entity-address.ts';
import type { EntityAddress, Subqueue } from './entity-address.ts';
import { Interrupt } from './interrupt.ts';
import { messageBlock } from './message-block.ts';
import { MessageIntake } from './message-intake.ts';
import { messageJson } from './message-json.ts';
import { count, sequenceNumbers, span } from './option.ts';
import { chosenSettlement, SETTLED } from './settlement.ts';
import type { Settlement, SettlementFlags } from './settlement.ts';
import { Terminal } from './terminal.ts';
import { written } from './written.ts';
import { spanText } from '../retraining/configuration/span.ts';
import { counted } from './counted.ts';

interface ReceiveFlags extends SettlementFlags, Pick<ConnectionOptions, 'connection'> {
  readonly count?: number;
  readonly wait: number;
  readonly session?: string;
  readonly nextSession?: true;
  readonly deferred?: readonly string[];
  readonly fromDeadLetter?: true;
  readonly follow?: true;
  readonly json?: true;
}

/** Locks are kept as long as the command runs: by itself the client lets that of a session end after five minutes. */
const RENEWAL_MS = 366 * 24 * 60 * 60 * 1_000;

/** A session that gives nothing for so long is left for the next one. */
const SESSION_IDLE_MS = 1_000;

export function receiveCommand(): Command {
  return addConnectionOption(new Command('receive'))
    .description('Takes messages out of a queue or a subscription and shows them.')
    .argument('<entity>', ENTITY_ARGUMENT)
    .option('--complete', 'they are done: each is removed once it is shown')
    .option('--delete', 'they are removed when they leave the broker (receive and delete), shown or not')
    .option('--abandon', 'they are given back at the end, and count as delivered once more')
    .option('--defer', 'they stay, to be asked for by --deferred')
    .option('--dead-letter <reason>', 'they go to the dead-letter queue')
    .option('--description <text>', 'the description of the reason')
    .option('--count <n>', 'messages at most (default: 1, with --follow no limit)', count)
    .addOption(
      new Option('--wait <span>', 'end when no message has come for so long').argParser(span).default(5_000, '5s'),
    )
    .option('--follow', 'go on until Ctrl-C')
    .option('--session <id>', 'those of this session')
    .addOption(
      new Option('--next-session', 'those of the next session that has any, then of the one after it').conflicts(
        'session',
      ),
    )
    .option('--deferred <n>', 'the deferred messages with these sequence numbers, 17 or 17,18', sequenceNumbers)
    .option('--from-dead-letter', 'out of the dead-letter queue')
    .option('--json', 'print every message as a line of JSON')
    .addHelpText(
      'after',
      `
What becomes of the messages has to be said. A message is locked while it is shown and settled after it was written out, so that none is lost when
the output breaks; its lock ends by itself and it comes again. Only --delete cannot keep that promise.

Examples:
  retrain receive orders --complete
  retrain receive orders --complete --follow --json | jq -r .body
  retrain receive events/audit --count 10 --dead-letter Poison --description 'bad schema'
  retrain receive jobs --next-session --complete --count 100
  retrain receive orders --deferred 17,18 --complete`,
    )
    .action(runReceive);
}

async function runReceive(entity: string, flags: ReceiveFlags): Promise<void> {
  const settlement = chosenSettlement(flags);
  if (flags.follow && settlement.kind === 'abandon')
    throw new RetrainError('ARGUMENT_INVALID', '--follow and --abandon: the same messages would come for ever');
  const { entity: name, subqueue: named } = splitSubqueue(entity);
  const subqueue = flags.fromDeadLetter ? 'deadLetter' : (named ?? 'active');
  const place = entityPlace(flags, name);
  const terminal = new Terminal(process.stdout);
  using interrupt = new Interrupt(() => {
    if (!flags.json) console.error('stopping; Ctrl-C again ends at once');
  });
  const intake = new MessageIntake({
    place,
    settlement,
    signal: interrupt.signal,
    count: flags.count ?? (flags.deferred ? flags.deferred.length : flags.follow ? Infinity : 1),
    show: (message) => written(shown(message, { json: flags.json === true, terminal })),
  });
  await withOpenClient(place, async (client) => {
    const address = await findEntity(client, name, place);
    const from = { client, address, subqueue, settlement, place, signal: interrupt.signal };
    try {
      await takeAll(intake, from, flags);
    } catch (error) {
      throw explainedForSessions(error, flags, place);
    }
  });
  const { aborted } = interrupt.signal;
  if (intake.taken > 0 || !aborted) report(intake.taken, flags, settlement);
  if (aborted && !flags.follow)
    throw new RetrainError('INTERRUPTED', `interrupted after ${counted(intake.taken, 'message')}`);
}

interface Source {
  readonly client: ServiceBusClient;
  readonly address: EntityAddress;
  readonly subqueue: Subqueue;
  readonly settlement: Settlement;
  readonly place: Place;
  readonly signal: AbortSignal;
}

async function takeAll(intake: MessageIntake, source: Source, flags: ReceiveFlags): Promise<void> {
  if (flags.nextSession) return takeSessions(intake, source, flags);
  const receiver = await openReceiver(source, flags.session);
  try {
    if (flags.deferred) {
      for (const number of flags.deferred) {
        const messages = await answered(receiver.receiveDeferredMessages(Long.fromString(number)), source.place);
        await intake.take(receiver, messages);
      }
    } else await intake.takeFrom(receiver, flags.follow ? Infinity : flags.wait);
  } finally {
    await receiver.close();
  }
}

/** One session after the other, as long as there are any. */
async function takeSessions(intake: MessageIntake, source: Source, { wait, follow }: ReceiveFlags): Promise<void> {
  const waitMs = follow ? Infinity : wait;
  for (let leftMs = waitMs; !intake.done && leftMs > 0;) {
    const before = systemClock.monotonicMs();
    const receiver = await nextSession(source, leftMs);
    if (receiver) {
      try {
        await intake.takeFrom(receiver, SESSION_IDLE_MS);
      } finally {
        await receiver.close();
      }
    }
    leftMs = receiver ? waitMs : leftMs - (systemClock.monotonicMs() - before);
  }
}

function optionsOf({ subqueue, settlement }: Source): ReturnType<typeof receiverOptions> {
  return {
    ...receiverOptions(subqueue),
    receiveMode: settlement.kind === 'delete' ? 'receiveAndDelete' : 'peekLock',
    maxAutoLockRenewalDurationInMs: RENEWAL_MS,
  };
}

async function openReceiver(source: Source, session: string | undefined): Promise<ServiceBusReceiver> {
  const { client, address, place } = source;
  const { subQueueType: _, ...options } = optionsOf(source);
  if (session === undefined || source.subqueue !== 'active') return receiverOf(client, address, optionsOf(source));
  const { path, subscription } = address;
  return answered(
    subscription
      ? client.acceptSession(subscription.topic, subscription.name, session, options)
      : client.acceptSession(path, session, options),
    place,
  );
}

/**
 * Undefined when no session has a message for so long, or for as long as the client waits. The client does not break the wait off when
 * it is told to (7.9.5): it is left alone, and closing the client ends it.
 */
async function nextSession(source: Source, withinMs: number): Promise<ServiceBusReceiver | undefined> {
  const { client, address, place, signal } = source;
  const { path, subscription } = address;
  const { subQueueType: _, ...options } = optionsOf(source);
  const accepting = subscription
    ? client.acceptNextSession(subscription.topic, subscription.name, options)
    : client.acceptNextSession(path, options);
  const accepted = accepting.catch((error: unknown) => {
    if (isServiceBusError(error) && error.code === 'ServiceTimeout') return undefined;
    throw error;
  });
  const given = new AbortController();
  const tooLate = pause(systemClock, withinMs, AbortSignal.any([given.signal, signal]));
  const first = Promise.race([accepted, tooLate.then(() => undefined)]);
  return answered(first, place).finally(() => given.abort());
}

/** The broker's words say what it cannot do; the flag that does it is ours. */
function explainedForSessions(error: unknown, { session, nextSession: next }: ReceiveFlags, place: Place): unknown {
  if (!(error instanceof RetrainError) || !isServiceBusError(error.cause)) return error;
  const { code } = error.cause;
  if (code === 'SessionCannotBeLocked')
    return new RetrainError(
      'LOCK_LOST',
      `session "${session}" of "${place.queue}" cannot be had: another receiver has it, or "${place.queue}" is without sessions`,
      { cause: error.cause },
    );
  if (code !== 'GeneralError') return error;
  const hint =
    session !== undefined || next ? 'leave out --session and --next-session' : 'give --session ID or --next-session';
  return new RetrainError(error.code, `${error.message} If that is about sessions, ${hint}.`, { cause: error.cause });
}

function shown(message: ServiceBusReceivedMessage, { json, terminal }: { json: boolean; terminal: Terminal }): string {
  return json ? `${JSON.stringify(messageJson(message))}\n` : `${messageBlock(message, terminal).join('\n')}\n`;
}

function report(taken: number, { json, wait, follow }: ReceiveFlags, { kind }: Settlement): void {
  if (json) return;
  if (taken > 0) console.error(`${counted(taken, 'message')} ${SETTLED[kind]}`);
  else if (!follow) console.error(`no message within ${spanText(wait)}`);
}
