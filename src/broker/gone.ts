import { RetrainError } from '../errors.ts';
import { type Journal, type LogRecord, RecordKind } from '../storage/index.ts';

const NOTHING = Buffer.alloc(0);

/** The record that ends the life of entries and changes. */
export function gone(journal: Journal, ids: readonly number[]): LogRecord {
  return { kind: RecordKind.gone, id: journal.nextId(), refs: ids, bytes: NOTHING };
}

/** Entries and changes that one record ends. */
const KILLS_PER_RECORD = 1000;

/** Ends any number of entries, in records of bounded size. Returns the last position. */
export function killAll(journal: Journal, ids: readonly number[]): number {
  let position = journal.appended;
  for (let at = 0; at < ids.length; at += KILLS_PER_RECORD) {
    position = journal.append([gone(journal, ids.slice(at, at + KILLS_PER_RECORD))], 'settle');
  }
  return position;
}

/** Whether the journal had no room: nothing was appended. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof RetrainError && error.code === 'DISK_FULL';
}
