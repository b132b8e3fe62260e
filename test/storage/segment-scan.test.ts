import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameKind, frameBytesOf, MARK_BYTES, writeMarkFrame, writeRecordFrame } from '../../src/storage/frame.ts';
import { type LogRecord, RecordKind } from '../../src/storage/index.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/storage/segment-file.ts';
import { IndexCursor } from '../../src/storage/segment-index.ts';
import { type ScannedSegment, scanSegment } from '../../src/storage/segment-scan.ts';
import { codeOf } from './log-fixture.ts';

const SEED = 0x5eed;
/** What a scan reads at a time. */
const WINDOW_BYTES = 1024 * 1024;

/** A segment in memory, larger than what a scan reads at a time. */
class SegmentBytes {
  readonly bytes = Buffer.alloc(5 * WINDOW_BYTES);
  at = SEGMENT_HEADER_BYTES;
  largestRead = 0;

  mark(): this {
    writeMarkFrame(this.bytes, this.at, { kind: FrameKind.mark, offset: this.at, seed: SEED });
    this.at += MARK_BYTES;
    return this;
  }

  body(id: number, bytes: number): this {
    const record: LogRecord = { kind: RecordKind.body, id, refs: [], bytes: Buffer.alloc(bytes, id) };
    writeRecordFrame(this.bytes, this.at, record, { last: true, seed: SEED });
    this.at += frameBytesOf(record);
    return this;
  }

  scan(tail = true): Promise<ScannedSegment> {
    const read = (into: Buffer, offset: number): Promise<number> => {
      this.largestRead = Math.max(this.largestRead, into.length);
      return Promise.resolve(this.bytes.copy(into, 0, offset));
    };
    return scanSegment({ capacity: this.bytes.length, read }, { path: '/data/segment', seed: SEED, tail });
  }
}

function placesIn(index: Buffer): { id: number; offset: number; length: number }[] {
  const places = [];
  const cursor = new IndexCursor(index);
  while (cursor.next()) places.push({ id: cursor.id, offset: cursor.offset, length: cursor.length });
  return places;
}

test('a scan finds every record, across what it reads at a time, and holds no more than that or the longest record', async () => {
  const segment = new SegmentBytes().mark();
  const expected = [];
  for (let id = 1; id <= 70; id++) {
    const offset = segment.at;
    // One record is longer than what is read at a time.
    segment.body(id, id === 35 ? 1_300_000 : 30_000 + id);
    expected.push({ id, offset, length: segment.at - offset });
  }
  const scanned = await segment.scan();
  assert.deepEqual(placesIn(scanned.index), expected);
  assert.equal(scanned.end, segment.at);
  assert.equal(scanned.dirtyEnd, segment.at);
  assert.equal(scanned.sealed, false);
  assert.ok(segment.largestRead < 1_400_000, `${segment.largestRead} bytes were read at a time`);
});

test('a write that a power cut tore is cut off, and what it left far behind is found', async () => {
  const segment = new SegmentBytes().mark().body(1, 100);
  const end = segment.at;
  segment.bytes.fill(0xff, end, end + 50);
  segment.bytes[end + 3 * WINDOW_BYTES] = 0xff;
  const scanned = await segment.scan();
  assert.deepEqual(
    placesIn(scanned.index).map(({ id }) => id),
    [1],
  );
  assert.equal(scanned.end, end);
  assert.equal(scanned.dirtyEnd, end + 3 * WINDOW_BYTES + 1);
});

test('a later write behind damage is found wherever it begins', async () => {
  for (let distance = WINDOW_BYTES - MARK_BYTES - 1; distance <= WINDOW_BYTES + 1; distance++) {
    const segment = new SegmentBytes().mark().body(1, 100);
    const damaged = segment.at;
    segment.at = damaged + distance;
    segment.mark();
    await assert.rejects(segment.scan(), (error) => {
      assert.equal(codeOf(error), 'DATA_CORRUPT');
      assert.match(String(error), new RegExp(`offset ${damaged}:`));
      return true;
    });
  }
});

test('a segment that is not the newest must have an end', async () => {
  const segment = new SegmentBytes().mark().body(1, 100);
  await assert.rejects(segment.scan(false), (error) => codeOf(error) === 'DATA_CORRUPT');
});
