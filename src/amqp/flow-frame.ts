import { enterList, readField } from './composite-codec.ts';
import { FLOW } from './composites.ts';
import type { Reader } from './decoder.ts';
import { ABSENT, readBooleanField, readUintField, writeBooleanField, writeUintField } from './fields-in-place.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE } from './frame-reader.ts';
import { writeFrameHeader, type Output } from './output.ts';
import { AmqpDecodeError } from './protocol-error.ts';
import type { Fields } from './value.ts';

/** The fields of a flow, read without the table into one object that is used again for every frame. */
export class FlowFields {
  nextIncomingId = ABSENT;
  incomingWindow = 0;
  nextOutgoingId = 0;
  outgoingWindow = 0;
  handle = ABSENT;
  deliveryCount = ABSENT;
  linkCredit = ABSENT;
  available = ABSENT;
  drain = false;
  echo = false;
  properties: Fields | undefined;

  /** Reads the list behind the descriptor. Throws `AmqpDecodeError`. */
  read(reader: Reader): void {
    const outerEnd = reader.end;
    const count = enterList(reader, FLOW.symbol);
    const uint = (index: number): number => (count > index ? readUintField(reader) : ABSENT);
    this.nextIncomingId = uint(0);
    this.incomingWindow = mandatory(uint(1), 'incomingWindow');
    this.nextOutgoingId = mandatory(uint(2), 'nextOutgoingId');
    this.outgoingWindow = mandatory(uint(3), 'outgoingWindow');
    this.handle = uint(4);
    this.deliveryCount = uint(5);
    this.linkCredit = uint(6);
    this.available = uint(7);
    this.drain = count > 8 && (readBooleanField(reader) ?? false);
    this.echo = count > 9 && (readBooleanField(reader) ?? false);
    this.properties = count > 10 ? (readField(reader, FLOW, FLOW.fields[10]) as Fields | undefined) : undefined;
    if (count > 11) throw new AmqpDecodeError(`${FLOW.symbol} has ${count} fields, at most 11 are defined`);
    reader.finish(outerEnd, FLOW.symbol);
  }
}

function mandatory(value: number, name: string): number {
  if (value === ABSENT) throw new AmqpDecodeError(`${FLOW.symbol} lacks its mandatory field ${name}`);
  return value;
}

/** What a flow says of a session. */
export interface SessionFlow {
  /** `ABSENT` until the peer's begin is known. */
  readonly nextIncomingId: number;
  readonly incomingWindow: number;
  readonly nextOutgoingId: number;
  readonly outgoingWindow: number;
}

/** What a flow says of a link; numbers may be `ABSENT`. */
export interface LinkFlow {
  readonly handle: number;
  readonly deliveryCount: number;
  readonly linkCredit: number;
  readonly available: number;
  readonly drain: boolean;
}

const MAX_BYTES = FRAME_HEADER_BYTES + 3 + 3 + 8 * 5 + 3;

/** Appends a flow for the session, and for one of its links when `link` is given. */
export function writeFlow(output: Output, channel: number, session: SessionFlow, link?: LinkFlow, echo = false): void {
  const start = output.reserve(MAX_BYTES);
  const b = output.slab;
  const list = start + FRAME_HEADER_BYTES;
  b[list] = 0x00;
  b[list + 1] = 0x53;
  b[list + 2] = FLOW.code;
  b[list + 3] = 0xc0;
  b[list + 5] = FLOW.fields.length;
  let at = writeUintField(b, list + 6, session.nextIncomingId);
  at = writeUintField(b, at, session.incomingWindow);
  at = writeUintField(b, at, session.nextOutgoingId);
  at = writeUintField(b, at, session.outgoingWindow);
  at = writeUintField(b, at, link?.handle ?? ABSENT);
  at = writeUintField(b, at, link?.deliveryCount ?? ABSENT);
  at = writeUintField(b, at, link?.linkCredit ?? ABSENT);
  at = writeUintField(b, at, link?.available ?? ABSENT);
  at = writeBooleanField(b, at, link?.drain ?? false);
  at = writeBooleanField(b, at, echo);
  b[at++] = 0x40;
  b[list + 4] = at - list - 5;
  writeFrameHeader(b, start, at - start, FRAME_TYPE.amqp, channel);
  output.commit(at);
}
