import fc from 'fast-check';
import type { QueueDescriptionInput } from '../../../src/topology/index.ts';

/** How a queue of the model is configured. Durations are milliseconds; Infinity is "never". */
export interface Settings {
  readonly sessions: boolean;
  readonly duplicateWindowMs: number | undefined;
  readonly defaultTimeToLiveMs: number;
  readonly deadLetterExpired: boolean;
  readonly maxDeliveryCount: number;
  readonly lockDurationMs: number;
}

/** Bytes that a queue of the model may hold, and bytes of a message: a handful of the largest fill it. */
export const MAX_QUEUE_BYTES = 1024 * 1024;
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** Few values, all multiples of others, so that things fall due together. */
export const settingsArbitrary: fc.Arbitrary<Settings> = fc.record({
  sessions: fc.boolean(),
  duplicateWindowMs: fc.constantFrom(undefined, 20_000, 30_000),
  defaultTimeToLiveMs: fc.constantFrom(Infinity, Infinity, 10_000, 20_000),
  deadLetterExpired: fc.boolean(),
  maxDeliveryCount: fc.integer({ min: 1, max: 3 }),
  lockDurationMs: fc.constantFrom(5000, 10_000, 30_000),
});

export function describeQueue(name: string, settings: Settings): QueueDescriptionInput {
  const { duplicateWindowMs, defaultTimeToLiveMs } = settings;
  const duration = (ms: number): string => `PT${ms / 1000}S`;
  return {
    name,
    requiresSession: settings.sessions,
    ...(duplicateWindowMs === undefined
      ? {}
      : {
          requiresDuplicateDetection: true,
          duplicateDetectionHistoryTimeWindow: duration(duplicateWindowMs),
        }),
    ...(defaultTimeToLiveMs === Infinity ? {} : { defaultMessageTimeToLive: duration(defaultTimeToLiveMs) }),
    deadLetteringOnMessageExpiration: settings.deadLetterExpired,
    maxDeliveryCount: settings.maxDeliveryCount,
    lockDuration: duration(settings.lockDurationMs),
    maxSizeInMegabytes: 1,
    maxMessageSizeInKilobytes: 256,
  };
}

export function tellSettings(settings: Settings): string {
  const { duplicateWindowMs, defaultTimeToLiveMs } = settings;
  return [
    settings.sessions ? 'sessions' : 'plain',
    `locks ${settings.lockDurationMs} ms`,
    `${settings.maxDeliveryCount} deliveries`,
    ...(duplicateWindowMs === undefined ? [] : [`duplicates ${duplicateWindowMs} ms`]),
    ...(defaultTimeToLiveMs === Infinity ? [] : [`lives ${defaultTimeToLiveMs} ms`]),
    settings.deadLetterExpired ? 'expired to dead letters' : 'expired dropped',
  ].join(', ');
}
