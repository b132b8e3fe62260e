import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { bodyOf, messageJson } from './message-json.ts';
import { clip, onOneLine } from './printable.ts';
import { jsonOfStructure, plainText } from './typed-value.ts';

/** Characters of a cell, of a body where the width of the terminal is not known, and of the least that is shown of a body. */
const CELL_MAX = 40;
const BODY_MAX = 100;
const BODY_MIN = 20;
/** Bytes of a body that are looked at for one line of a table. */
const BODY_BYTES_LOOKED_AT = 1_024;
const GAP = 2;

type Received = ServiceBusReceivedMessage;

interface Column {
  readonly title: string;
  /** Shown only when a message has it. */
  readonly optional?: true;
  readonly cell: (message: Received) => string;
}

const COLUMNS: readonly Column[] = [
  { title: ' Sequence', cell: ({ sequenceNumber }) => sequenceNumber?.toString() ?? '' },
  { title: 'Enqueued', cell: ({ enqueuedTimeUtc }) => enqueuedTimeUtc?.toISOString() ?? '' },
  { title: 'State', optional: true, cell: ({ state }) => (state === 'active' ? '' : state) },
  {
    title: 'Active at',
    optional: true,
    cell: (message) => (message.state === 'scheduled' ? (messageJson(message).scheduledEnqueueTimeUtc ?? '') : ''),
  },
  { title: 'Reason', optional: true, cell: ({ deadLetterReason }) => textOf(deadLetterReason) },
  { title: ' Deliveries', optional: true, cell: ({ deliveryCount }) => (deliveryCount ? String(deliveryCount) : '') },
  { title: 'Session', optional: true, cell: ({ sessionId }) => textOf(sessionId) },
  { title: 'Message id', cell: ({ messageId }) => textOf(messageId) },
  { title: 'Subject', optional: true, cell: ({ subject }) => textOf(subject) },
];

/** Titles and rows of a table with a line for each message; `columns` is the width of the terminal. */
export function messageTable(
  messages: readonly Received[],
  columns?: number,
): { readonly titles: string[]; readonly rows: string[][] } {
  const shown = COLUMNS.filter(({ optional, cell }) => !optional || messages.some((message) => cell(message) !== ''));
  const cells = messages.map((message) => shown.map(({ cell }) => clip(cell(message), CELL_MAX)));
  const widths = shown.map(({ title }, i) =>
    Math.max(title.trimStart().length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const used = widths.reduce((sum, width) => sum + width + GAP, 0);
  const room = columns === undefined ? BODY_MAX : Math.max(BODY_MIN, columns - used);
  return {
    titles: [...shown.map(({ title }) => title), 'Body'],
    rows: messages.map((message, i) => [...(cells[i] ?? []), clip(bodyLine(message), room)]),
  };
}

function bodyLine(message: Received): string {
  const { type, content } = bodyOf(message);
  if (type !== 'data') return onOneLine(JSON.stringify(jsonOfStructure(content)));
  const bytes = (content as Buffer).subarray(0, BODY_BYTES_LOOKED_AT);
  const text = new TextDecoder('utf8', { ignoreBOM: true }).decode(bytes, { stream: true });
  return text.includes('\ufffd') ? `${(content as Buffer).length} bytes` : onOneLine(text);
}

function textOf(value: unknown): string {
  return onOneLine(plainText(value));
}
