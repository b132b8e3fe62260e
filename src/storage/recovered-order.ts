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
  /** Whether the ids of its entries and changes rise; copies stand later than their ids would. */
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

/** One segment's entries and changes by rising id. Only copies make it necessary to sort. */
class ByRisingId {
  readonly #segment: Segment;
  readonly #cursor: IndexCursor;
  #sorted: { ids: Float64Array; starts: Map<number, number> } | undefined;
  #next = 0;
  /** Of the record that is told next; Infinity behind the last. */
  id = 0;

  constructor({ segment, rising }: FoundIndex, index: Buffer) {
    this.#segment = segment;
    this.#cursor = new IndexCursor(index);
    this.#sorted = rising ? undefined : sortedById(index);
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
      const id = this.#sorted.ids[this.#next++];
      if (id !== undefined) cursor.seek(this.#sorted.starts.get(id) as number);
      this.id = id ?? Infinity;
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

function sortedById(index: Buffer): { ids: Float64Array; starts: Map<number, number> } {
  const starts = new Map<number, number>();
  const cursor = new IndexCursor(index);
  while (cursor.next()) if (isTold(cursor.kind)) starts.set(cursor.id, cursor.at);
  return { ids: Float64Array.from(starts.keys()).sort(), starts };
}
