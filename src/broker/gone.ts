import { type Journal, type LogRecord, RecordKind } from '../storage/index.ts';

const NOTHING = Buffer.alloc(0);

/** The record that ends the life of entries and changes. */
export function gone(journal: Journal, ids: readonly number[]): LogRecord {
  return { kind: RecordKind.gone, id: journal.nextId(), refs: ids, bytes: NOTHING };
}
