import { RetrainError } from '../errors.ts';

// The size of an entity and of its messages, as the service's admin APIs take and write them.

/** Partitions of a partitioned entity on the service's Standard tier, each of which has the size that was asked for. */
const PARTITIONS = 16;
/** The largest size that can be asked for; what is larger is the size of all partitions together, as it is read. */
const LARGEST_SIZE_MB = 5_120;

/** What MaxMessageSizeInKilobytes may be (service-bus-protocol.md §12.5). */
const MESSAGE_SIZE_KB = { min: 1_024, max: 102_400 };
/** What entities have that were not asked; the service's Standard tier writes it, and takes it back. */
const STANDARD_MESSAGE_SIZE_KB = 256;

interface Sized {
  readonly maxSizeInMegabytes: number;
  readonly enablePartitioning: boolean;
}

/** MaxSizeInMegabytes as it is read: of a partitioned entity, all partitions together. */
export function shownSize({ maxSizeInMegabytes, enablePartitioning }: Sized): number {
  return enablePartitioning ? maxSizeInMegabytes * PARTITIONS : maxSizeInMegabytes;
}

/**
 * `given` with the size of one partition. A client that sends back what it has read means the size that it has read.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` for a message size that the service does not allow
 */
export function withSizes(given: Record<string, unknown>, present?: Sized & { maxMessageSizeInKilobytes: number }) {
  const { maxSizeInMegabytes: size, maxMessageSizeInKilobytes: message } = given;
  const partitioned = present?.enablePartitioning ?? given['enablePartitioning'] === true;
  if (
    typeof message === 'number' &&
    message !== STANDARD_MESSAGE_SIZE_KB &&
    message !== present?.maxMessageSizeInKilobytes &&
    (message < MESSAGE_SIZE_KB.min || message > MESSAGE_SIZE_KB.max)
  )
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `The specified value ${message} is invalid: the value for 'MaxMessageSizeInKilobytes' must be between ${MESSAGE_SIZE_KB.min} and ${MESSAGE_SIZE_KB.max}.`,
    );
  if (typeof size !== 'number' || !partitioned) return given;
  const isTotal = present ? size === shownSize(present) || size > LARGEST_SIZE_MB : size > LARGEST_SIZE_MB;
  if (!isTotal) return given;
  if (size % PARTITIONS !== 0)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `The specified value ${size} is invalid. The property 'MaxSizeInMegabytes' of a partitioned entity is the size of its ${PARTITIONS} partitions together: give a multiple of ${PARTITIONS}.`,
    );
  return { ...given, maxSizeInMegabytes: size / PARTITIONS };
}
