import { checksum } from './checksum.ts';
import { copyBytes } from './copy-bytes.ts';
import type { LogRecord } from './journal.ts';

// A frame, little-endian:
//
//   length u32 | crc u32 | kind u8 | payload          length and crc cover kind and payload
//   record     payload = id u64 | number of refs u16 | refs u64 each | bytes
//   mark, end  payload = magic u32 | offset of this frame in its file u32
//
// The crc is seeded with the segment's own header, so that bytes from an earlier life of a recycled file never pass for new ones.
// The highest bit of `kind` says that the batch ends here. A `mark` begins every write: a later mark proves that whatever stands
// before it was synced, because a write begins only after the sync of the one before. An `end` closes a full segment.

export const FrameKind = { mark: 5, end: 6 } as const;

const LAST_OF_BATCH = 0x80;
export const KIND_MASK = 0x7f;

export const FRAME_HEAD_BYTES = 8;
/** kind, id and number of refs. */
export const RECORD_HEAD_BYTES = 11;
export const REF_BYTES = 8;
export const MARK_BYTES = 17;

/** The most refs of one record: their number is a u16. */
export const MAX_REFS = 0xffff;

const MARK_MAGIC = 0x6b72616d;
const MARK_LENGTH = MARK_BYTES - FRAME_HEAD_BYTES;

export function bytesOf({ bytes }: LogRecord): number {
  if (Buffer.isBuffer(bytes)) return bytes.length;
  let sum = 0;
  for (const part of bytes) sum += part.length;
  return sum;
}

export function frameBytesOf(record: LogRecord): number {
  return FRAME_HEAD_BYTES + RECORD_HEAD_BYTES + record.refs.length * REF_BYTES + bytesOf(record);
}

export function writeId(buffer: Buffer, id: number, at: number): number {
  const high = Math.floor(id / 2 ** 32);
  buffer.writeUInt32LE(id - high * 2 ** 32, at);
  return buffer.writeUInt32LE(high, at + 4);
}

export function readId(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
}

/** Writes one record's frame at `start`; there must be room for `frameBytesOf(record)`. */
export function writeRecordFrame(
  buffer: Buffer,
  start: number,
  record: LogRecord,
  { last, seed }: { last: boolean; seed: number },
): void {
  const { kind, id, refs, bytes } = record;
  let at = start + FRAME_HEAD_BYTES;
  buffer[at] = last ? kind | LAST_OF_BATCH : kind;
  at = writeId(buffer, id, at + 1);
  at = buffer.writeUInt16LE(refs.length, at);
  for (const ref of refs) at = writeId(buffer, ref, at);
  if (Buffer.isBuffer(bytes)) {
    at = copyBytes(bytes, { start: 0, end: bytes.length }, { target: buffer, at });
  } else {
    for (const part of bytes) at = copyBytes(part, { start: 0, end: part.length }, { target: buffer, at });
  }
  sealFrame(buffer, start, at, seed);
}

/** Writes a mark or an end at `at` of the buffer; `offset` is where it stands in the file. */
export function writeMarkFrame(
  buffer: Buffer,
  at: number,
  { kind, offset, seed }: { kind: typeof FrameKind.mark | typeof FrameKind.end; offset: number; seed: number },
): void {
  buffer[at + FRAME_HEAD_BYTES] = kind | LAST_OF_BATCH;
  buffer.writeUInt32LE(MARK_MAGIC, at + FRAME_HEAD_BYTES + 1);
  buffer.writeUInt32LE(offset, at + FRAME_HEAD_BYTES + 5);
  sealFrame(buffer, at, at + MARK_BYTES, seed);
}

function sealFrame(buffer: Buffer, start: number, end: number, seed: number): void {
  buffer.writeUInt32LE(end - start - FRAME_HEAD_BYTES, start);
  buffer.writeUInt32LE(checksum(buffer, start + FRAME_HEAD_BYTES, end, seed), start + 4);
}

/** Turns the frame of a copied record into a batch of its own in another segment. */
export function reframe(buffer: Buffer, start: number, end: number, seed: number): void {
  const at = start + FRAME_HEAD_BYTES;
  buffer[at] = (buffer[at] as number) | LAST_OF_BATCH;
  sealFrame(buffer, start, end, seed);
}

/** The record's bytes in its frame. */
export function bytesInFrame(frame: Buffer): Buffer {
  const refCount = frame.readUInt16LE(FRAME_HEAD_BYTES + RECORD_HEAD_BYTES - 2);
  return frame.subarray(FRAME_HEAD_BYTES + RECORD_HEAD_BYTES + refCount * REF_BYTES);
}

/** The end of the frame at `start`, or 0 when there is none with a good checksum. */
export function frameEnd(buffer: Buffer, start: number, seed: number): number {
  if (start + MARK_BYTES > buffer.length) return 0;
  const length = buffer.readUInt32LE(start);
  const end = start + FRAME_HEAD_BYTES + length;
  if (length < MARK_LENGTH || end > buffer.length) return 0;
  return checksum(buffer, start + FRAME_HEAD_BYTES, end, seed) === buffer.readUInt32LE(start + 4) ? end : 0;
}

export function kindOfFrame(buffer: Buffer, start: number): number {
  return (buffer[start + FRAME_HEAD_BYTES] as number) & KIND_MASK;
}

export function endsBatch(buffer: Buffer, start: number): boolean {
  return ((buffer[start + FRAME_HEAD_BYTES] as number) & LAST_OF_BATCH) !== 0;
}

/** Whether the frame at `start`, whose checksum is good, is a mark or an end that was written for this very place. */
export function isMarkFor(buffer: Buffer, start: number, offset: number): boolean {
  return (
    buffer.readUInt32LE(start) === MARK_LENGTH &&
    buffer.readUInt32LE(start + FRAME_HEAD_BYTES + 1) === MARK_MAGIC &&
    buffer.readUInt32LE(start + FRAME_HEAD_BYTES + 5) === offset
  );
}

/** Where a mark with a good checksum stands in a stretch of a segment that begins at `base` of it, or -1. */
export function findMark(bytes: Buffer, { base, seed }: { base: number; seed: number }): number {
  const pattern = Buffer.alloc(5);
  pattern[0] = FrameKind.mark | LAST_OF_BATCH;
  pattern.writeUInt32LE(MARK_MAGIC, 1);
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
    const start = at - FRAME_HEAD_BYTES;
    if (start >= 0 && frameEnd(bytes, start, seed) > 0 && isMarkFor(bytes, start, base + start)) return base + start;
  }
  return -1;
}
