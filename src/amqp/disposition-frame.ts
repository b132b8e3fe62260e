import { enterList, writeState } from './composite-codec.ts';
import { DISPOSITION, type DeliveryState } from './composites.ts';
import type { Reader } from './decoder.ts';
import { ABSENT, readBooleanField, readUintField, writeBooleanField, writeUintField } from './fields-in-place.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE } from './frame-reader.ts';
import { writeFrameHeader, type Output } from './output.ts';
import { AmqpDecodeError } from './protocol-error.ts';
import { readStateField } from './transfer-frame.ts';
import { ONE_VALUE_BYTES, Writer } from './writer.ts';

/** The fields of a disposition, read without the table into one object that is used again for every frame. */
export class DispositionFields {
  role = false;
  first = 0;
  last = 0;
  settled = false;
  state: DeliveryState | undefined;

  /** Reads the list behind the descriptor. Throws `AmqpDecodeError`. */
  read(reader: Reader): void {
    const outerEnd = reader.end;
    const count = enterList(reader, DISPOSITION.symbol);
    const role = count > 0 ? readBooleanField(reader) : undefined;
    const first = count > 1 ? readUintField(reader) : ABSENT;
    const last = count > 2 ? readUintField(reader) : ABSENT;
    if (role === undefined) throw new AmqpDecodeError(`${DISPOSITION.symbol} lacks its mandatory field role`);
    if (first === ABSENT) throw new AmqpDecodeError(`${DISPOSITION.symbol} lacks its mandatory field first`);
    this.role = role;
    this.first = first;
    this.last = last === ABSENT ? first : last;
    this.settled = count > 3 && (readBooleanField(reader) ?? false);
    this.state = count > 4 ? readStateField(reader) : undefined;
    if (count > 5) readBooleanField(reader);
    if (count > 6) throw new AmqpDecodeError(`${DISPOSITION.symbol} has ${count} fields, at most 6 are defined`);
    reader.finish(outerEnd, DISPOSITION.symbol);
  }
}

/** Bytes that a disposition with a state without fields needs at most. */
const MAX_BYTES = FRAME_HEADER_BYTES + 3 + 9 + 1 + 5 + 5 + 1 + 4 + 1;

/** Appends a disposition for the deliveries `first` to `last`; `role` is true when we are their receiver. */
export function writeDisposition(
  output: Output,
  channel: number,
  role: boolean,
  first: number,
  last: number,
  settled: boolean,
  state: DeliveryState | undefined,
): void {
  const code = state === undefined ? 0 : state.kind === 'accepted' ? 0x24 : state.kind === 'released' ? 0x26 : ABSENT;
  const encoded = code === ABSENT && state !== undefined ? encodeState(state) : undefined;
  const start = output.reserve(MAX_BYTES + (encoded?.length ?? 0));
  const b = output.slab;
  // A state with fields may be long: size and count then take four bytes each.
  const long = encoded !== undefined && encoded.length > 200;
  const list = start + FRAME_HEADER_BYTES;
  b[list] = 0x00;
  b[list + 1] = 0x53;
  b[list + 2] = DISPOSITION.code;
  b[list + 3] = long ? 0xd0 : 0xc0;
  const items = list + (long ? 12 : 6);
  let at = writeBooleanField(b, items, role);
  at = writeUintField(b, at, first);
  at = writeUintField(b, at, last);
  at = writeBooleanField(b, at, settled);
  if (encoded !== undefined) {
    b.set(encoded, at);
    at += encoded.length;
  } else if (code === 0) b[at++] = 0x40;
  else {
    b[at] = 0x00;
    b[at + 1] = 0x53;
    b[at + 2] = code;
    b[at + 3] = 0x45;
    at += 4;
  }
  b[at++] = 0x40;
  if (long) {
    b.writeUInt32BE(at - items + 4, list + 4);
    b.writeUInt32BE(DISPOSITION.fields.length, list + 8);
  } else {
    b[list + 4] = at - items + 1;
    b[list + 5] = DISPOSITION.fields.length;
  }
  writeFrameHeader(b, start, at - start, FRAME_TYPE.amqp, channel);
  output.commit(at);
}

function encodeState(state: DeliveryState): Buffer {
  const writer = new Writer(ONE_VALUE_BYTES);
  writeState(writer, state);
  return writer.take();
}
