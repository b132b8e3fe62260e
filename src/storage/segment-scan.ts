import { endsBatch, findMark, FrameKind, frameEnd, isMarkFor, kindOfFrame, MARK_BYTES } from './frame.ts';
import { RecordKind } from './journal.ts';
import { corrupt, SEGMENT_HEADER_BYTES } from './segment-file.ts';
import { IndexBuilder } from './segment-index.ts';
import { type SegmentSource, SegmentWindow } from './segment-window.ts';

export interface ScannedSegment {
  readonly index: Buffer;
  /** Behind the last whole batch; of a sealed segment, behind its end. */
  readonly end: number;
  readonly sealed: boolean;
  /** Where the last write began: the only one of which a power cut can have lost a part. */
  readonly lastMark: number;
  /** Only zeros stand from here on: `end`, or behind what a power cut left of a write. */
  readonly dirtyEnd: number;
}

/**
 * Reads a whole segment frame by frame.
 *
 * What follows the last whole batch of the `tail` (the newest segment) is what a power cut left of the last write, and is cut off.
 * It is damage, though, when a later write stands behind it, and in every other segment.
 *
 * @throws RetrainError `DATA_CORRUPT`, naming the file and the offset.
 */
export async function scanSegment(
  source: SegmentSource,
  { path, seed, tail }: { path: string; seed: number; tail: boolean },
): Promise<ScannedSegment> {
  const window = new SegmentWindow(source);
  const builder = new IndexBuilder();
  let at = SEGMENT_HEADER_BYTES;
  let end = at;
  let indexBytes = 0;
  let lastMark = at;
  let sealed = false;
  while (!sealed) {
    if (!window.holdsFrame(at)) await window.loadFrame(at);
    const { bytes } = window;
    const start = window.at(at);
    const frame = frameEnd(bytes, start, seed);
    if (frame === 0) break;
    const next = at + frame - start;
    const kind = kindOfFrame(bytes, start);
    if (kind === FrameKind.mark || kind === FrameKind.end) {
      if (at !== end || !isMarkFor(bytes, start, at)) break;
      if (kind === FrameKind.mark) lastMark = at;
      else sealed = true;
      end = next;
    } else if (kind >= RecordKind.body && kind <= RecordKind.gone) {
      builder.add(bytes, start, frame, at);
      if (endsBatch(bytes, start)) {
        end = next;
        indexBytes = builder.bytes;
      }
    } else {
      break;
    }
    at = next;
  }
  let dirtyEnd = end;
  if (!sealed) {
    const rest = tail ? await scanRest(window, source, { from: at, seed }) : undefined;
    if (!rest || rest.hasMark) throw corrupt(path, at, 'a record fails its checksum');
    dirtyEnd = Math.max(at, rest.dataEnd);
  }
  const index = Buffer.concat(builder.parts()).subarray(0, indexBytes);
  return { index, end, sealed, lastMark, dirtyEnd };
}

const ZEROS = Buffer.alloc(64 * 1024);

/** What stands behind the last good frame, at `from`: whether a mark does, and where the zeros begin that fill the rest. */
async function scanRest(
  window: SegmentWindow,
  { capacity }: SegmentSource,
  { from, seed }: { from: number; seed: number },
): Promise<{ hasMark: boolean; dataEnd: number }> {
  let dataEnd = from;
  for (let at = from; at < capacity;) {
    await window.load(at);
    const { bytes } = window;
    const used = endOfData(bytes);
    if (used > 0) dataEnd = at + used;
    if (used > 0 && findMark(bytes, { base: at, seed }) >= 0) return { hasMark: true, dataEnd };
    if (window.end >= capacity) break;
    // A mark may begin in the last bytes of one window and end in the next.
    at = window.end - MARK_BYTES;
  }
  return { hasMark: false, dataEnd };
}

/** Where the zeros begin that fill the rest of the bytes. */
function endOfData(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0) {
    const start = Math.max(0, end - ZEROS.length);
    if (bytes.compare(ZEROS, 0, end - start, start, end) !== 0) break;
    end = start;
  }
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
