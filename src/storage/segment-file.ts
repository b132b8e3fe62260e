import { RetrainError } from '../errors.ts';
import { checksum } from './checksum.ts';
import { readId, writeId } from './frame.ts';

/** What a data folder holds. Names sort as their numbers do. */
export const segmentName = (number: number): string => `${digits(number)}.segment`;
export const sidecarName = (number: number): string => `${digits(number)}.index`;
export const SEGMENT_NAME = /^(\d{16})\.segment$/;
export const SIDECAR_NAME = /^(\d{16})\.index$/;
/** A file that is being written under this ending means nothing yet. */
export const PARTIAL = '.partial';

function digits(number: number): string {
  return String(number).padStart(16, '0');
}

/**
 * The format that this release writes and the only one it reads, that of the records in the segments included. It was 1 before session states
 * told when they were set and changes of a message its place: such a folder would be read wrongly, and nobody would notice.
 */
export const FORMAT_VERSION = 3;

export const SEGMENT_HEADER_BYTES = 64;
const MAGIC = Buffer.from('retrain\0', 'latin1');
const VERSION_AT = 8;
const NUMBER_AT = 12;
const FIRST_ID_AT = 20;
const CREATED_AT = 28;
const CRC_AT = 60;

/** magic 8 bytes | version u32 | number u64 | first id u64 | created f64 | zeros | crc u32 of all before. */
export interface SegmentHeader {
  readonly number: number;
  /** Every id in earlier segments is smaller: ids go on rising even when all that bore them is gone. */
  readonly firstId: number;
  /** Makes the header, and with it the seed of the checksums, differ between lives of the same number. */
  readonly createdMs: number;
}

/** Returns the header's bytes and the seed of the checksums of the segment's frames. */
export function encodeSegmentHeader(header: SegmentHeader): { bytes: Buffer; seed: number } {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(FORMAT_VERSION, VERSION_AT);
  writeId(bytes, header.number, NUMBER_AT);
  writeId(bytes, header.firstId, FIRST_ID_AT);
  bytes.writeDoubleLE(header.createdMs, CREATED_AT);
  const seed = checksum(bytes, 0, CRC_AT, 0);
  bytes.writeUInt32LE(seed, CRC_AT);
  return { bytes, seed };
}

/**
 * @throws RetrainError `DATA_VERSION` for a format that this release does not know, `DATA_CORRUPT` for anything else that is not the header
 * of segment `number`.
 */
export function decodeSegmentHeader(
  bytes: Buffer,
  { path, number }: { path: string; number: number },
): SegmentHeader & { seed: number } {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(path, 0, 'it does not begin with the header of a segment');
  }
  const version = bytes.readUInt32LE(VERSION_AT);
  if (version !== FORMAT_VERSION) {
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has format version ${version}, this release reads version ${FORMAT_VERSION}; use the release that wrote it`,
    );
  }
  const seed = bytes.readUInt32LE(CRC_AT);
  if (checksum(bytes, 0, CRC_AT, 0) !== seed || readId(bytes, NUMBER_AT) !== number) {
    throw corrupt(path, 0, 'the header fails its checksum or belongs to another segment');
  }
  return { number, firstId: readId(bytes, FIRST_ID_AT), createdMs: bytes.readDoubleLE(CREATED_AT), seed };
}

export function corrupt(path: string, offset: number, what: string): RetrainError {
  return new RetrainError('DATA_CORRUPT', `${path}, offset ${offset}: ${what}; restore the data folder from a backup`);
}
