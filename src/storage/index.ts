export { RecordKind } from './journal.ts';
export type { AppendPurpose, Journal, LogRecord, RecoveredRecord } from './journal.ts';
export { Log } from './log.ts';
export type { LogOptions } from './log.ts';
