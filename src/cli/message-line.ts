import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { messageIdOfJson, structureOfJson, valueOfJson } from './typed-value.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import { issueText } from '../document/issue-text.ts';

/** A message that is to be sent, and when it becomes active, unless at once. */
export interface Outgoing {
  readonly message: OutgoingMessage;
  readonly at?: Date | undefined;
}

const text = z.string().optional();
const value = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.strictObject({ type: z.string(), value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
]);
const ignored = z.unknown().optional();

/** The form of `MessageJson`: what is the broker's to say is read over. */
const line = z.strictObject({
  messageId: value.optional(),
  sessionId: text,
  partitionKey: text,
  correlationId: value.optional(),
  subject: text,
  contentType: text,
  contentEncoding: text,
  to: text,
  replyTo: text,
  replyToSessionId: text,
  timeToLive: z.number().positive().optional(),
  scheduledEnqueueTimeUtc: z.iso.datetime({ offset: true }).optional(),
  applicationProperties: z.record(z.string(), value).optional(),
  bodyType: z.enum(['data', 'value', 'sequence']).optional(),
  body: z.unknown().optional(),
  bodyBase64: z.base64().optional(),
  sequenceNumber: ignored,
  enqueuedSequenceNumber: ignored,
  state: ignored,
  enqueuedTimeUtc: ignored,
  expiresAtUtc: ignored,
  lockedUntilUtc: ignored,
  deliveryCount: ignored,
  deadLetterReason: ignored,
  deadLetterErrorDescription: ignored,
  deadLetterSource: ignored,
});
type Line = z.infer<typeof line>;

/** Left behind by dead-lettering; a message that is sent again is no dead letter. */
const DEAD_LETTER_PROPERTIES = ['DeadLetterReason', 'DeadLetterErrorDescription'];

/**
 * The message of a line as `retrain peek --json` and `receive --json` print it, or as somebody wrote it.
 *
 * @param place where the line is, for errors: `line 3 of stdin`
 * @throws RetrainError `ARGUMENT_INVALID`, naming the line and the field
 */
export function parseMessageLine(json: string, place: string): Outgoing {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw invalid(place, 'is not JSON: write one object a line, such as {"body": "hello", "subject": "greeting"}');
  }
  const result = line.safeParse(parsed, { error: issueText });
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(place, `${issue?.path.join('.') || 'the message'}: ${issue?.message}`);
  }
  try {
    return outgoingOf(result.data);
  } catch (error) {
    if (error instanceof RetrainError) throw invalid(place, error.message);
    throw error;
  }
}

function outgoingOf(fields: Line): Outgoing {
  const { messageId, correlationId, applicationProperties = {}, scheduledEnqueueTimeUtc } = fields;
  const properties = Object.entries(applicationProperties)
    .filter(([name]) => !DEAD_LETTER_PROPERTIES.includes(name))
    .map(([name, each]) => [name, valueOfJson(each, name)] as const);
  return {
    message: {
      ...fields,
      messageId: messageId === undefined ? undefined : messageIdOfJson(messageId, 'messageId'),
      correlationId: correlationId === undefined ? undefined : messageIdOfJson(correlationId, 'correlationId'),
      applicationProperties: properties.length > 0 ? Object.fromEntries(properties) : undefined,
      body: bodyOfLine(fields),
    },
    at: scheduledEnqueueTimeUtc === undefined ? undefined : new Date(scheduledEnqueueTimeUtc),
  };
}

function bodyOfLine({ bodyType = 'data', body, bodyBase64 }: Line): unknown {
  if (body !== undefined && bodyBase64 !== undefined)
    throw new RetrainError('ARGUMENT_INVALID', 'it has both body and bodyBase64: leave out one of the two');
  if (bodyBase64 !== undefined) return Buffer.from(bodyBase64, 'base64');
  if (bodyType !== 'data') return structureOfJson(body ?? null);
  return Buffer.from(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body));
}

function invalid(place: string, said: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `${place} ${said}`);
}
