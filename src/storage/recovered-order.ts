import { RetrainError } from '../errors.ts';
import type { Disk } from '../runtime/disk.ts';
import { RecordKind, type RecoveredRecord } from './journal.ts';
import type { Liveness } from './liveness.ts';
import { IndexCursor } from './segment-index.ts';
import type { Segment } from './segment.ts';
import { readSidecar } from './sidecar.ts';

/** The index of one segment, as the first reading found it. */
export interface FoundIndex {
  readonly segment: Segment;
  /** The lowest id of an entry or a change; Infinity when there is none. */
  readonly firstTold: number;
  /** Entries and changes. */
  readonly told: number;
  /** Whether their ids rise; copies stand later than their ids would, and a snapshot before records that were begun earlier. */
  readonly rising: boolean;
  /** Held only where there is no sidecar to read again. */
  readonly index: Buffer | undefined;
}

export interface TellOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly liveness: Liveness;
  readonly onRecord: (record: RecoveredRecord, live: boolean) => void;
}

/** Entries and changes are told to the user of the log; bodies and gones are storage's own. */
export function isTold(kind: number): kind is RecoveredRecord['kind'] {
  return kind === RecordKind.entry || kind === RecordKind.change;
}

/** Tells every entry and every live change by rising id: merges the segments, in which copies stand later than their ids would. */
export async function tellInOrder(options: TellOptions, found: readonly FoundIndex[]): Promise<void> {
  const waiting = found.filter(({ firstTold }) => firstTold < Infinity);
  waiting.sort((a, b) => b.firstTold - a.firstTold);
  let active: ByRisingId[] = [];
  while (waiting.length > 0 || active.length > 0) {
    const next = waiting.at(-1);
    let lowest = active[0];
    let second = Infinity;
    for (const run of active.slice(1)) {
      if (run.id < (lowest as ByRisingId).id) {
        second = (lowest as ByRisingId).id;
        lowest = run;
      } else {
        second = Math.min(second, run.id);
      }
    }
    if (next && (!lowest || next.firstTold <= lowest.id)) {
      waiting.pop();
      active.push(new ByRisingId(next, next.index ?? (await readAgain(options, next.segment))));
      continue;
    }
    const run = lowest as ByRisingId;
    run.tellBelow(Math.min(second, next?.firstTold ?? Infinity), options);
    if (run.id === Infinity) active = active.filter((other) => other !== run);
  }
}

async function readAgain({ disk, folder }: TellOptions, { number, seed, name }: Segment): Promise<Buffer> {
  const sidecar = await readSidecar({ disk, folder, number, seed });
  if (sidecar) return sidecar.index;
  throw new RetrainError('DATA_CORRUPT', `the index of ${folder}/${name} changed while it was read; start again`);
}

/** One segment's entries and changes by rising id. Only copies and snapshots make it necessary to sort. */
class ByRisingId {
  readonly #segment: Segment;
  readonly #cursor: IndexCursor;
  /** Where its records begin in the index. */
  #sorted: Uint32Array | undefined;
  #next = 0;
  /** Of the record that is told next; Infinity behind the last. */
  id = 0;

  constructor({ segment, rising, told }: FoundIndex, index: Buffer) {
    this.#segment = segment;
    this.#cursor = new IndexCursor(index);
    this.#sorted = rising ? undefined : startsById(index, told);
    this.#advance();
  }

  /** Tells records until the next one's id is `limit` or more: at least one, when copies of a record stand in two segments. */
  tellBelow(limit: number, { liveness, onRecord }: TellOptions): void {
    const cursor = this.#cursor;
    do {
      const { id, kind } = cursor;
      if (isTold(kind) && liveness.isIn(id, this.#segment.slot)) {
        const live = liveness.isLive(id);
        if (live || kind === RecordKind.entry) onRecord({ kind, id, refs: cursor.refs(), bytes: cursor.bytes() }, live);
      }
      this.#advance();
    } while (this.id < limit);
  }

  #advance(): void {
    const cursor = this.#cursor;
    if (this.#sorted) {
      const start = this.#sorted[this.#next++];
      if (start !== undefined) cursor.seek(start);
      this.id = start === undefined ? Infinity : cursor.id;
      return;
    }
    while (cursor.next()) {
      if (!isTold(cursor.kind)) continue;
      this.id = cursor.id;
      return;
    }
    this.id = Infinity;
  }
}

/** Where the entries and changes of an index begin, by rising id. What was appended in order is merged, not sorted. */
function startsById(index: Buffer, told: number): Uint32Array {
  const ids = new Float64Array(told);
  const starts = new Uint32Array(told);
  /** Where stretches of rising ids begin. */
  const runs: number[] = [];
  const cursor = new IndexCursor(index);
  for (let at = 0; cursor.next();) {
    if (!isTold(cursor.kind)) continue;
    if (at === 0 || cursor.id < (ids[at - 1] as number)) runs.push(at);
    ids[at] = cursor.id;
    starts[at++] = cursor.at;
  }
  return mergeRuns({ ids, starts }, runs).starts;
}

interface Columns {
  readonly ids: Float64Array;
  readonly starts: Uint32Array;
}

/** Merges neighbours until one run is left. `runs` are where they begin. */
function mergeRuns(columns: Columns, runs: readonly number[]): Columns {
  let from = columns;
  let to: Columns = { ids: new Float64Array(from.ids.length), starts: new Uint32Array(from.starts.length) };
  for (let begins = runs; begins.length > 1;) {
    const longer: number[] = [];
    for (let run = 0; run < begins.length; run += 2) {
      const start = begins[run] as number;
      const end = begins[run + 2] ?? from.ids.length;
      mergeTwo({ from, to }, { start, middle: begins[run + 1] ?? end, end });
      longer.push(start);
    }
    [from, to] = [to, from];
    begins = longer;
  }
  return from;
}

function mergeTwo(
  { from, to }: { from: Columns; to: Columns },
  { start, middle, end }: { start: number; middle: number; end: number },
): void {
  let left = start;
  let right = middle;
  for (let at = start; at < end; at++) {
    const takesLeft = right === end || (left < middle && (from.ids[left] as number) <= (from.ids[right] as number));
    const taken = takesLeft ? left++ : right++;
    to.ids[at] = from.ids[taken] as number;
    to.starts[at] = from.starts[taken] as number;
  }
}
