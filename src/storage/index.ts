export { RecordKind } from './journal.ts';
export type { AppendPurpose, Journal, LogRecord, RecoveredRecord } from './journal.ts';
