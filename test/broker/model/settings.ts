import fc from 'fast-check';
import type { QueueDescriptionInput } from '../../../src/topology/index.ts';

/** How a queue of the model is configured. Durations are milliseconds; Infinity is "never". */
export interface Settings {
  readonly status: 'Active' | 'Disabled' | 'SendDisabled' | 'ReceiveDisabled';
  readonly forwardTo: string | undefined;
  readonly forwardDeadTo: string | undefined;

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

/** The queues of the model. */
export const QUEUES = ['q', 'r'] as const;

const sometimes = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(...QUEUES) },
);

/** Few values, all multiples of others, so that things fall due together. */
export const settingsArbitrary: fc.Arbitrary<Settings> = fc.record({
  sessions: fc.boolean(),
  duplicateWindowMs: fc.constantFrom(undefined, 20_000, 30_000),
  defaultTimeToLiveMs: fc.constantFrom(Infinity, Infinity, 10_000, 20_000),
  deadLetterExpired: fc.boolean(),
  maxDeliveryCount: fc.integer({ min: 1, max: 3 }),
  lockDurationMs: fc.constantFrom(5000, 10_000, 30_000),
  status: fc.oneof(
    { weight: 20, arbitrary: fc.constant<Settings['status']>('Active') },
    { weight: 1, arbitrary: fc.constantFrom<Settings['status'][]>('Disabled', 'SendDisabled', 'ReceiveDisabled') },
  ),
  forwardTo: sometimes,
  forwardDeadTo: sometimes,
});

/** What a queue of this name may have of these settings: it forwards to another one, and session queues only their dead letters. */
export function fitting(name: string, settings: Settings): Settings {
  const { sessions, forwardTo, forwardDeadTo } = settings;
  const other = QUEUES.find((one) => one !== name);
  return {
    ...settings,
    forwardTo: sessions || forwardTo === undefined ? undefined : other,
    forwardDeadTo: forwardDeadTo === undefined ? undefined : other,
  };
}

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
    status: settings.status,
    ...(settings.forwardTo === undefined ? {} : { forwardTo: settings.forwardTo }),
    ...(settings.forwardDeadTo === undefined ? {} : { forwardDeadLetteredMessagesTo: settings.forwardDeadTo }),
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
    ...(settings.status === 'Active' ? [] : [settings.status]),
    ...(settings.forwardTo === undefined ? [] : [`forwards to ${settings.forwardTo}`]),
    ...(settings.forwardDeadTo === undefined ? [] : [`dead letters to ${settings.forwardDeadTo}`]),
    settings.deadLetterExpired ? 'expired to dead letters' : 'expired dropped',
  ].join(', ');
}
