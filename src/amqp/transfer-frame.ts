import { enterList, readDescriptor, readState } from './composite-codec.ts';
import { TRANSFER, type DeliveryState } from './composites.ts';
import type { Reader } from './decoder.ts';
import {
  ABSENT,
  readBinaryField,
  readBooleanField,
  readUbyteField,
  readUintField,
  writeBooleanField,
  writeUintField,
} from './fields-in-place.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE } from './frame-reader.ts';
import { LIMITS } from './limits.ts';
import { writeFrameHeader } from './output.ts';
import { AmqpDecodeError } from './protocol-error.ts';

/** The fields of a transfer, read without the table into one object that is used again for every frame. */
export class TransferFields {
  handle = 0;
  deliveryId = ABSENT;
  deliveryTag: Buffer | undefined;
  messageFormat = ABSENT;
  settled: boolean | undefined;
  more = false;
  rcvSettleMode = ABSENT;
  state: DeliveryState | undefined;
  resume = false;
  aborted = false;
  batchable = false;

  #clear(): void {
    this.deliveryId = ABSENT;
    this.deliveryTag = undefined;
    this.messageFormat = ABSENT;
    this.settled = undefined;
    this.more = false;
    this.rcvSettleMode = ABSENT;
    this.state = undefined;
    this.resume = false;
    this.aborted = false;
    this.batchable = false;
  }

  /** Reads the list behind the descriptor; the reader stands at the payload afterwards. Throws `AmqpDecodeError`. */
  read(reader: Reader): void {
    this.#clear();
    const outerEnd = reader.end;
    const count = enterList(reader, TRANSFER.symbol);
    this.handle = count > 0 ? readUintField(reader) : ABSENT;
    if (this.handle === ABSENT) throw new AmqpDecodeError(`${TRANSFER.symbol} lacks its mandatory field handle`);
    if (count > 1) this.deliveryId = readUintField(reader);
    if (count > 2) this.deliveryTag = readBinaryField(reader);
    if (count > 3) this.messageFormat = readUintField(reader);
    if (count > 4) this.settled = readBooleanField(reader);
    if (count > 5) this.more = readBooleanField(reader) ?? false;
    if (count > 6) this.#readRare(reader, count);
    reader.finish(outerEnd, TRANSFER.symbol);
  }

  #readRare(reader: Reader, count: number): void {
    this.rcvSettleMode = readUbyteField(reader);
    if (count > 7) this.state = readStateField(reader);
    if (count > 8) this.resume = readBooleanField(reader) ?? false;
    if (count > 9) this.aborted = readBooleanField(reader) ?? false;
    if (count > 10) this.batchable = readBooleanField(reader) ?? false;
    if (count > 11) throw new AmqpDecodeError(`${TRANSFER.symbol} has ${count} fields, at most 11 are defined`);
  }
}

export function readStateField(reader: Reader): DeliveryState | undefined {
  if (reader.buffer[reader.offset] === 0x40 && reader.offset < reader.end) {
    reader.offset += 1;
    return undefined;
  }
  return readState(reader, readDescriptor(reader));
}

/** Bytes that `writeTransfer` needs at most: frame header, descriptor, list header and eleven fields. */
export const TRANSFER_HEAD_BYTES = FRAME_HEADER_BYTES + 3 + 3 + 5 + 5 + 2 + LIMITS.deliveryTagBytes + 5 + 7;

/**
 * Writes frame header and transfer without a state; the payload follows it. A continuation has `ABSENT` as delivery id and as
 * message format and no tag. All eleven fields are there, as in every performative. Returns the offset behind it; the frame's
 * size is not known yet and is filled in by `finishTransfer`.
 */
export function writeTransfer(
  buffer: Buffer,
  start: number,
  handle: number,
  deliveryId: number,
  tag: Buffer | undefined,
  messageFormat: number,
  settled: boolean,
  more: boolean,
): number {
  const list = start + FRAME_HEADER_BYTES;
  buffer[list] = 0x00;
  buffer[list + 1] = 0x53;
  buffer[list + 2] = TRANSFER.code;
  buffer[list + 3] = 0xc0;
  buffer[list + 5] = TRANSFER.fields.length;
  let at = writeUintField(buffer, list + 6, handle);
  at = writeUintField(buffer, at, deliveryId);
  if (tag === undefined) buffer[at++] = 0x40;
  else {
    buffer[at] = 0xa0;
    buffer[at + 1] = tag.length;
    for (let index = 0; index < tag.length; index += 1) buffer[at + 2 + index] = tag[index] as number;
    at += 2 + tag.length;
  }
  at = writeUintField(buffer, at, messageFormat);
  at = writeBooleanField(buffer, at, settled);
  at = writeBooleanField(buffer, at, more);
  buffer[at] = 0x40;
  buffer[at + 1] = 0x40;
  buffer[at + 2] = 0x40;
  buffer[at + 3] = 0x40;
  buffer[at + 4] = 0x40;
  at += 5;
  buffer[list + 4] = at - list - 5;
  return at;
}

/** Fills in the header of a frame that began at `start` and has `size` bytes with its payload. */
export function finishTransfer(buffer: Buffer, start: number, size: number, channel: number): void {
  writeFrameHeader(buffer, start, size, FRAME_TYPE.amqp, channel);
}
