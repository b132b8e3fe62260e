import { RetrainError } from '../errors.ts';
import { present } from '../retraining/present.ts';
import type { Files } from '../runtime/files.ts';
import { linesOf, wholeBody } from './byte-stream.ts';
import { parseMessageLine } from './message-line.ts';
import type { Outgoing } from './message-line.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import { parseProperty } from './typed-value.ts';

/** The part of `retrain send`'s flags that describes the messages. */
export interface MessageFlags {
  readonly file?: string;
  readonly lines?: true;
  readonly property?: readonly string[];
  readonly subject?: string;
  readonly messageId?: string;
  readonly session?: string;
  readonly correlationId?: string;
  readonly contentType?: string;
  readonly to?: string;
  readonly replyTo?: string;
  readonly replyToSession?: string;
  readonly partitionKey?: string;
  readonly ttl?: number;
  readonly at?: Date;
  /** Milliseconds from now. */
  readonly in?: number;
  readonly repeat?: number;
}

export interface InputSources {
  readonly files: Files;
  readonly stdin: AsyncIterable<Buffer> & { readonly isTTY?: boolean };
  readonly nowMs: number;
}

/**
 * The messages that argument, flags and input describe together, as they are read; a flag wins over a line.
 *
 * @throws RetrainError, before the first message when the flags are wrong
 */
export function messagesToSend(
  body: string | undefined,
  flags: MessageFlags,
  sources: InputSources,
): AsyncGenerator<Outgoing> {
  const given = givenBy(flags, sources);
  const { name, chunks } = inputOf(body, flags, sources);
  if (flags.lines) return fromLines(linesOf(chunks, name), given);
  return repeated(chunks, { name, given, times: flags.repeat ?? 1 });
}

async function* fromLines(
  lines: AsyncIterable<{ text: string; place: string }>,
  given: Outgoing,
): AsyncGenerator<Outgoing> {
  for await (const { text, place } of lines) {
    const { message, at } = parseMessageLine(text, place);
    const properties = { ...message.applicationProperties, ...given.message.applicationProperties };
    yield {
      message: {
        ...message,
        ...given.message,
        body: message.body,
        ...(Object.keys(properties).length > 0 && { applicationProperties: properties }),
      },
      at: given.at ?? at,
    };
  }
}

async function* repeated(
  chunks: AsyncIterable<Buffer>,
  { name, given, times }: { name: string; given: Outgoing; times: number },
): AsyncGenerator<Outgoing> {
  const body = await wholeBody(chunks, name);
  for (let i = 0; i < times; i += 1) yield { ...given, message: { ...given.message, body } };
}

function inputOf(
  body: string | undefined,
  { file, lines }: MessageFlags,
  { files, stdin }: InputSources,
): { name: string; chunks: AsyncIterable<Buffer> } {
  if (body !== undefined && body !== '-') {
    if (file !== undefined || lines)
      throw wrong(`a body is given besides ${file === undefined ? '--lines' : '--file'}: leave out one of the two`);
    return { name: 'the body', chunks: justOne(Buffer.from(body)) };
  }
  if (file !== undefined && file !== '-') return { name: file, chunks: files.read(file) };
  if (stdin.isTTY && body !== '-' && file !== '-')
    throw wrong('there is no body: give it as an argument, by --file, or on stdin; - reads what you type');
  return { name: 'stdin', chunks: stdin };
}

async function* justOne(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

/** What the flags say of every message. */
function givenBy(flags: MessageFlags, { nowMs }: InputSources): Outgoing {
  if (flags.at !== undefined && flags.in !== undefined) throw wrong('--at and --in: leave out one of the two');
  if (flags.repeat !== undefined && flags.lines) throw wrong('--repeat and --lines: leave out one of the two');
  const properties = flags.property?.map(parseProperty);
  const message: OutgoingMessage = {
    body: undefined,
    ...present({
      messageId: flags.messageId,
      sessionId: flags.session,
      partitionKey: flags.partitionKey,
      correlationId: flags.correlationId,
      subject: flags.subject,
      contentType: flags.contentType,
      to: flags.to,
      replyTo: flags.replyTo,
      replyToSessionId: flags.replyToSession,
      timeToLive: flags.ttl,
      applicationProperties: properties && Object.fromEntries(properties),
    }),
  };
  return { message, at: flags.in === undefined ? flags.at : new Date(nowMs + flags.in) };
}

function wrong(said: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', said);
}
