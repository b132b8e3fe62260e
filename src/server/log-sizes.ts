import { RetrainError } from '../errors.ts';
import type { QueueDescription } from '../topology/index.ts';
import type { DeclaredEntities } from './declared-entities.ts';
import { LIMITS } from './limits.ts';

/** What the log writes besides two batches into the smallest segment, generously. */
const SEGMENT_OVERHEAD_BYTES = 4_096;

const largestBatchBytes = (messageBytes: number): number =>
  messageBytes + LIMITS.batchMessages * LIMITS.recordBytesPerMessage;

/**
 * Sizes of the log's files with which every message, batch and session state that what is declared allows can be stored: two batches
 * must fit each file, also the one that is kept for a full disk.
 */
export function logSizesFor({ queues, topics = [], queuesIfMissing = [] }: DeclaredEntities): {
  segmentBytes: number;
  reserveBytes: number;
} {
  const entities = [...queues, ...queuesIfMissing, ...topics.map(({ description }) => description)];
  const largest = entities.reduce((most, entity) => Math.max(most, entity.maxMessageSizeInKilobytes), 0);
  const messageBytes = largest * 1024;
  const leastBytes = 2 * largestBatchBytes(messageBytes) + SEGMENT_OVERHEAD_BYTES;
  return {
    segmentBytes: Math.max(LIMITS.segmentBytes, leastBytes),
    reserveBytes: Math.max(LIMITS.reserveBytes, leastBytes),
  };
}

/**
 * Queues that came back from the data folder without being named at the start, or are made later, had no say in the sizes.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` when the queue allows messages that the log could not store
 */
export function checkLogSize(
  { name, maxMessageSizeInKilobytes }: Pick<QueueDescription, 'name' | 'maxMessageSizeInKilobytes'>,
  maxBatchBytes: number,
): void {
  if (largestBatchBytes(maxMessageSizeInKilobytes * 1024) <= maxBatchBytes) return;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `'${name}' has maxMessageSizeInKilobytes ${maxMessageSizeInKilobytes}, but the log is open for batches of ${maxBatchBytes} bytes at most. Name a queue with this size when the broker starts, so that the log's files are made large enough.`,
  );
}
