import fc from 'fast-check';
import type {
  QueueDescriptionInput,
  SubscriptionDescriptionInput,
  TopicDescriptionInput,
} from '../../../src/topology/index.ts';
import { kindOf, nameInTopic, TOPIC, type World } from './worlds.ts';

/** How a queue, topic or subscription of the model is configured. Durations are milliseconds; Infinity is "never". */
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
  /** It goes when nobody has used it for so long. */
  readonly idleMs: number;
  /** Of a subscription: what its filters fail on goes to its dead-letter queue. */
  readonly deadLetterFailures: boolean;
}

/** Bytes that a queue of the model may hold, and bytes of a message: a handful of the largest fill it. */
export const MAX_QUEUE_BYTES = 1024 * 1024;
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** Where to, the world tells. */
const sometimes = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant('somewhere') },
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
  idleMs: fc.oneof(
    { weight: 5, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.constantFrom(300_000, 320_000) },
  ),
  deadLetterFailures: fc.boolean(),
});

/** What an entity of this name may have of these settings: session queues forward only their dead letters, topics nothing, and what forwards is never idle. */
export function fitting(world: World, name: string, settings: Settings): Settings {
  const kind = kindOf(name);
  const sessions = kind !== 'topic' && settings.sessions;
  const ways = world.ways[name];
  const forwardTo = sessions || settings.forwardTo === undefined ? undefined : ways?.forwardTo;
  return {
    ...settings,
    sessions,
    duplicateWindowMs: kind === 'subscription' ? undefined : settings.duplicateWindowMs,
    deadLetterExpired: kind !== 'topic' && settings.deadLetterExpired,
    forwardTo,
    forwardDeadTo: settings.forwardDeadTo === undefined ? undefined : ways?.forwardDeadTo,
    idleMs: forwardTo === undefined ? settings.idleMs : Infinity,
  };
}

function duration(ms: number): string {
  return `PT${ms / 1000}S`;
}

function describeCommon({ defaultTimeToLiveMs, status, idleMs }: Settings) {
  return {
    status,
    ...(defaultTimeToLiveMs === Infinity ? {} : { defaultMessageTimeToLive: duration(defaultTimeToLiveMs) }),
    ...(idleMs === Infinity ? {} : { autoDeleteOnIdle: duration(idleMs) }),
  };
}

function describeIncoming({ duplicateWindowMs }: Settings) {
  return {
    ...(duplicateWindowMs === undefined
      ? {}
      : {
          requiresDuplicateDetection: true,
          duplicateDetectionHistoryTimeWindow: duration(duplicateWindowMs),
        }),
    maxSizeInMegabytes: 1,
    maxMessageSizeInKilobytes: 256,
  };
}

function describeOutgoing(settings: Settings) {
  return {
    requiresSession: settings.sessions,
    deadLetteringOnMessageExpiration: settings.deadLetterExpired,
    maxDeliveryCount: settings.maxDeliveryCount,
    lockDuration: duration(settings.lockDurationMs),
    ...(settings.forwardTo === undefined ? {} : { forwardTo: settings.forwardTo }),
    ...(settings.forwardDeadTo === undefined ? {} : { forwardDeadLetteredMessagesTo: settings.forwardDeadTo }),
  };
}

export function describeQueue(name: string, settings: Settings): QueueDescriptionInput {
  return { name, ...describeCommon(settings), ...describeIncoming(settings), ...describeOutgoing(settings) };
}

export function describeTopic(name: string, settings: Settings): TopicDescriptionInput {
  return { name, ...describeCommon(settings), ...describeIncoming(settings) };
}

export function describeSubscription(path: string, settings: Settings): SubscriptionDescriptionInput {
  return {
    topicName: TOPIC,
    name: nameInTopic(path),
    ...describeCommon(settings),
    ...describeOutgoing(settings),
    deadLetteringOnFilterEvaluationExceptions: settings.deadLetterFailures,
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
    ...(settings.idleMs === Infinity ? [] : [`gone when idle for ${settings.idleMs} ms`]),
    ...(settings.deadLetterFailures ? [] : ['failures dropped']),
    settings.deadLetterExpired ? 'expired to dead letters' : 'expired dropped',
  ].join(', ');
}
