import type { Disk } from '../runtime/disk.ts';
import { RecordKind, type RecoveredRecord } from './journal.ts';
import type { Liveness } from './liveness.ts';
import {
  corrupt,
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  SEGMENT_NAME,
  type SegmentHeader,
  segmentName,
  SIDECAR_NAME,
  sidecarName,
} from './segment-file.ts';
import { IndexBuilder, IndexCursor } from './segment-index.ts';
import { type FoundIndex, isTold, tellInOrder } from './recovered-order.ts';
import { type ScannedSegment, scanSegment } from './segment-scan.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import { readSidecar } from './sidecar.ts';

// Recovery reads each segment's index: from its sidecar or, of the newest segment and wherever a sidecar is missing, from the segment
// itself. Segments are read in the order of their numbers, so that of two copies of a record the newer one counts. When all records have
// been placed and judged, entries and changes are told by rising id: the indexes are read a second time for that, merged, and at any
// moment only those are held whose ids overlap.

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly segments: Segments;
  readonly liveness: Liveness;
  readonly onRecord: (record: RecoveredRecord, live: boolean) => void;
}

export interface Recovered {
  /** The newest segment, when it is not sealed, and the builder of its index, which goes on. */
  readonly tail: { segment: Segment; builder: IndexBuilder } | undefined;
  readonly nextId: number;
  readonly nextNumber: number;
  /** Sealed segments whose sidecar is missing. */
  readonly withoutSidecar: readonly Segment[];
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk, folder, segments, liveness } = options;
  // A process that was killed may have left renames that no power cut would have kept.
  await disk.syncFolder(folder);
  const names = await disk.list(folder);
  const numbers = names.flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? []).map(Number);
  numbers.sort((a, b) => a - b);
  const pass = new FirstPass(liveness);
  const found: FoundIndex[] = [];
  const withoutSidecar: Segment[] = [];
  let tail: Recovered['tail'];
  let nextId = 1;
  for (const number of numbers) {
    const { segment, header } = await openSegment(options, number);
    const { index, fromSidecar } = await readIndex(options, { segment, isNewest: number === numbers.at(-1) });
    await segments.closeFile(segment);
    const { firstTold, told, rising, maxId, interrupted } = pass.place(segment, index);
    for (const slot of interrupted) segments.interrupt(segments.at(slot), number);
    nextId = Math.max(nextId, header.firstId, maxId + 1);
    found.push({ segment, firstTold, told, rising, index: fromSidecar ? undefined : index });
    if (!segment.sealed) tail = { segment, builder: IndexBuilder.from(index) };
    else if (!fromSidecar) withoutSidecar.push(segment);
  }
  pass.judge();
  checkBodies(options);
  await tellInOrder(options, found);
  await removeOrphans(options, { names, numbers });
  return { tail, nextId, nextNumber: (numbers.at(-1) ?? 0) + 1, withoutSidecar };
}

const NO_REFS: readonly number[] = [];

interface PlacedSegment {
  /** The lowest id of an entry or change; Infinity when there is none. */
  readonly firstTold: number;
  /** Entries and changes. */
  readonly told: number;
  /** Whether their ids rise. */
  readonly rising: boolean;
  readonly maxId: number;
  /** Slots of the segments that hold older copies. */
  readonly interrupted: ReadonlySet<number>;
}

/** Places the records of one segment after the other, and remembers who kills whom until all of them are there. */
class FirstPass {
  readonly #liveness: Liveness;
  #victims = new Float64Array(1024);
  #killers = new Float64Array(1024);
  #kills = 0;

  constructor(liveness: Liveness) {
    this.#liveness = liveness;
  }

  place({ slot }: Segment, index: Buffer): PlacedSegment {
    const cursor = new IndexCursor(index);
    const placed = { firstTold: Infinity, told: 0, rising: true, maxId: 0, interrupted: new Set<number>() };
    let lastTold = 0;
    while (cursor.next()) {
      const { kind, id, offset, length } = cursor;
      const refs = kind === RecordKind.body ? NO_REFS : cursor.refs();
      const older = this.#liveness.place({ kind, id, refs }, { slot, offset, length });
      if (older !== undefined) placed.interrupted.add(older);
      if (id > placed.maxId) placed.maxId = id;
      if (isTold(kind)) {
        placed.told++;
        if (id < placed.firstTold) placed.firstTold = id;
        if (id < lastTold) placed.rising = false;
        lastTold = id;
      }
      if (kind === RecordKind.gone) for (const victim of refs) this.#remember(victim, id);
      else if (kind === RecordKind.change && refs.length > 1) this.#remember(refs[1] as number, id);
    }
    return placed;
  }

  judge(): void {
    for (let at = 0; at < this.#kills; at++) {
      this.#liveness.judge(this.#victims[at] as number, this.#killers[at] as number);
    }
  }

  #remember(victim: number, killer: number): void {
    if (this.#kills === this.#victims.length) {
      this.#victims = doubled(this.#victims);
      this.#killers = doubled(this.#killers);
    }
    this.#victims[this.#kills] = victim;
    this.#killers[this.#kills++] = killer;
  }
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(values.length * 2);
  longer.set(values);
  return longer;
}

/** A live entry without its body: a segment is missing, or was replaced by an older one. */
function checkBodies({ liveness, segments, folder }: RecoveryOptions): void {
  const bereft = liveness.settle();
  if (bereft === undefined) return;
  const place = liveness.placeOf(bereft);
  const path = place ? segments.path(segments.at(place.slot)) : folder;
  throw corrupt(path, place?.offset ?? 0, `the body of entry ${bereft} is missing`);
}

async function openSegment(
  { disk, segments, folder }: RecoveryOptions,
  number: number,
): Promise<{ segment: Segment; header: SegmentHeader }> {
  const path = `${folder}/${segmentName(number)}`;
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    const bytes = Buffer.alloc(Math.min(size, SEGMENT_HEADER_BYTES));
    await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes, { path, number });
    return { segment: segments.add(header, size), header };
  } finally {
    await file.close();
  }
}

export async function readIndex(
  { disk, folder, segments }: Pick<RecoveryOptions, 'disk' | 'folder' | 'segments'>,
  { segment, isNewest }: { segment: Segment; isNewest: boolean },
): Promise<{ index: Buffer; fromSidecar: boolean }> {
  const sidecar = await readSidecar({ disk, folder, number: segment.number, seed: segment.seed });
  if (sidecar) {
    segment.sealed = true;
    segment.end = sidecar.end;
    return { index: sidecar.index, fromSidecar: true };
  }
  const path = segments.path(segment);
  const read = (into: Buffer, offset: number): Promise<number> => segments.read(segment, { into, offset });
  const { seed, capacity } = segment;
  const scanned = await scanSegment({ capacity, read }, { path, seed, tail: isNewest });
  segment.end = scanned.end;
  segment.sealed = scanned.sealed;
  if (isNewest) await settleTail({ disk, path, read, scanned });
  return { index: scanned.index, fromSidecar: false };
}

/**
 * Makes durable what was found at the tail before anybody builds on it. The last write is written again, because after a sync
 * that failed the page cache may hold what the disk does not; and behind it zeros replace whatever a power cut left of a write, lest it pass
 * for records later.
 */
async function settleTail({
  disk,
  path,
  read,
  scanned: { lastMark, end, dirtyEnd },
}: {
  disk: Disk;
  path: string;
  read: (into: Buffer, offset: number) => Promise<number>;
  scanned: ScannedSegment;
}): Promise<void> {
  const bytes = Buffer.alloc(dirtyEnd - lastMark);
  await read(bytes.subarray(0, end - lastMark), lastMark);
  const file = await disk.open(path, 'write');
  try {
    await file.writeDurably([bytes], lastMark);
  } finally {
    await file.close();
  }
}

/** Sidecars outlive their segments when a crash falls between the two removals. */
async function removeOrphans(
  { disk, folder }: RecoveryOptions,
  { names, numbers }: { names: readonly string[]; numbers: readonly number[] },
): Promise<void> {
  const known = new Set(numbers);
  for (const name of names) {
    const number = SIDECAR_NAME.exec(name)?.[1];
    if (number !== undefined && !known.has(Number(number)))
      await disk.remove(`${folder}/${sidecarName(Number(number))}`);
  }
}
