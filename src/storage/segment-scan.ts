import { endsBatch, findMark, FrameKind, frameEnd, isMarkFor, kindOfFrame } from './frame.ts';
import { RecordKind } from './journal.ts';
import { corrupt, SEGMENT_HEADER_BYTES } from './segment-file.ts';
import { IndexBuilder } from './segment-index.ts';

export interface ScannedSegment {
  readonly index: Buffer;
  /** Behind the last whole batch; of a sealed segment, behind its end. */
  readonly end: number;
  readonly sealed: boolean;
  /** Where the last write began: the only one of which a power cut can have lost a part. */
  readonly lastMark: number;
}

/**
 * Reads a whole segment frame by frame.
 *
 * What follows the last whole batch of the `tail` (the newest segment) is what a power cut left of the last write, and is cut off.
 * It is damage, though, when a later write stands behind it, and in every other segment.
 *
 * @throws RetrainError `DATA_CORRUPT`, naming the file and the offset.
 */
export function scanSegment(
  segment: Buffer,
  { path, seed, tail }: { path: string; seed: number; tail: boolean },
): ScannedSegment {
  const builder = new IndexBuilder();
  let at = SEGMENT_HEADER_BYTES;
  let end = at;
  let lastMark = at;
  let sealed = false;
  while (!sealed) {
    const next = frameEnd(segment, at, seed);
    if (next === 0) break;
    const kind = kindOfFrame(segment, at);
    if (kind === FrameKind.mark || kind === FrameKind.end) {
      if (at !== end || !isMarkFor(segment, at, at)) break;
      if (kind === FrameKind.mark) lastMark = at;
      else sealed = true;
      end = next;
    } else if (kind >= RecordKind.body && kind <= RecordKind.gone) {
      if (endsBatch(segment, at)) end = next;
    } else {
      break;
    }
    at = next;
  }
  if (!sealed && (!tail || findMark(segment, Math.max(at, end), seed) >= 0)) {
    throw corrupt(path, at, 'a record fails its checksum');
  }
  for (let start = SEGMENT_HEADER_BYTES; start < end;) {
    const next = start + 8 + segment.readUInt32LE(start);
    if (kindOfFrame(segment, start) <= RecordKind.gone) builder.add(segment, start, next, start);
    start = next;
  }
  return { index: Buffer.concat(builder.parts()), end, sealed, lastMark };
}
