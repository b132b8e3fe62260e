import { isUtf8 } from 'node:buffer';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { bodyOf, messageJson } from './message-json.ts';
import type { MessageJson } from './message-json.ts';
import { onLines, onOneLine } from './printable.ts';
import type { Terminal } from './terminal.ts';
import { jsonOfStructure, plainText, textOfValue } from './typed-value.ts';

/** Bytes in a line of a body that is no text. */
const DUMP_WIDTH = 16;
/** Bytes shown of such a body. */
const DUMP_MAX = 1_024;

/** What is told of a message, in this order; the rest is in its first line or below. */
const FIELDS: readonly (readonly [title: string, field: keyof MessageJson])[] = [
  ['dead-lettered', 'deadLetterReason'],
  ['because', 'deadLetterErrorDescription'],
  ['dead-letter source', 'deadLetterSource'],
  ['message id', 'messageId'],
  ['session', 'sessionId'],
  ['partition key', 'partitionKey'],
  ['correlation id', 'correlationId'],
  ['subject', 'subject'],
  ['content type', 'contentType'],
  ['content encoding', 'contentEncoding'],
  ['to', 'to'],
  ['reply to', 'replyTo'],
  ['reply to session', 'replyToSessionId'],
  ['active at', 'scheduledEnqueueTimeUtc'],
  ['expires', 'expiresAtUtc'],
  ['locked until', 'lockedUntilUtc'],
];
const TITLE_WIDTH = Math.max(...FIELDS.map(([title]) => title.length));

/** A message with all it has, on many lines, the last of them empty. */
export function messageBlock(message: ServiceBusReceivedMessage, terminal: Terminal): string[] {
  const json = messageJson(message);
  const head = [
    `#${json.sequenceNumber ?? '?'}`,
    ...(json.state === 'active' ? [] : [json.state ?? '']),
    ...(json.enqueuedTimeUtc === undefined ? [] : [`enqueued ${json.enqueuedTimeUtc}`]),
    ...(json.deliveryCount ? [`delivered ${json.deliveryCount} times`] : []),
  ];
  const field = (title: string, text: string): string =>
    `  ${terminal.paint('dim', title.padEnd(TITLE_WIDTH))}  ${onOneLine(text)}`;
  const fields = FIELDS.flatMap(([title, name]) => {
    const value = json[name];
    if (value === undefined || value === null) return [];
    return [field(title, typeof value === 'object' && 'value' in value ? plainText(value.value) : plainText(value))];
  });
  const properties = Object.entries(message.applicationProperties ?? {})
    .filter(([name]) => name !== 'DeadLetterReason' && name !== 'DeadLetterErrorDescription')
    .map(([name, value], i) => field(i === 0 ? 'properties' : '', `${name} = ${textOfValue(value)}`));
  return [
    terminal.paint('bold', head.join('  ')),
    ...fields,
    ...properties,
    ...bodyLines(message).map((line) => `    ${line}`),
    '',
  ];
}

function bodyLines(message: ServiceBusReceivedMessage): string[] {
  if (message.body === undefined) return [];
  const { type, content } = bodyOf(message);
  if (type !== 'data') return onLines(JSON.stringify(jsonOfStructure(content), undefined, 2));
  const bytes = content as Buffer;
  if (isUtf8(bytes)) return bytes.length === 0 ? [] : onLines(bytes.toString('utf8').replace(/\n$/, ''));
  return dump(bytes);
}

/** Bytes in hex and as ASCII, sixteen a line. */
function dump(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, DUMP_MAX); at += DUMP_WIDTH) {
    const part = bytes.subarray(at, at + DUMP_WIDTH);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(3 * DUMP_WIDTH - 1)}  ${ascii}`);
  }
  return bytes.length > DUMP_MAX ? [...lines, `… ${bytes.length - DUMP_MAX} bytes more; --json has all`] : lines;
}
