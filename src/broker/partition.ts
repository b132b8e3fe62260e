import type { MessageFacts } from './message.ts';

/** Partitions of a queue with `enablePartitioning` (service-bus-partitioning, Standard tier). */
export const PARTITIONS = 16;

/** The partition stands in the bits above these of a sequence number (message-sequencing); with 16 of them the whole is exact in a number. */
const UNIT = 2 ** 48;

export function withPartition(sequenceNumber: number, partition: number): number {
  return sequenceNumber + partition * UNIT;
}

/** The part of a sequence number that counts within the queue. */
export function withoutPartition(sequenceNumber: number): number {
  return sequenceNumber % UNIT;
}

/** What decides about the partition of a message; a session is in one partition (service-bus-partitioning). */
export function partitionKeyOf({ sessionId, partitionKey }: MessageFacts): string | undefined {
  return sessionId ?? partitionKey;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The partition that all messages with an equal key go to (FNV-1a, folded). */
export function partitionOf(key: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), FNV_PRIME);
  return ((hash >>> 16) ^ (hash & 0xffff)) % PARTITIONS;
}
