import type { ErrorCode } from '../../errors.ts';

/** Why an event is in the dead-letter queue of the intake queue. */
export type IntakeDeadLetterReason = 'NoMatchingRule' | 'InvalidEvent';

/** What the intake tells whoever operates it: one value per fact. */
export type IntakeFact =
  | { readonly fact: 'intake-started'; readonly queue: string; readonly rules: number; readonly slots: number }
  | { readonly fact: 'intake-stopped' }
  /** Nothing can be received; it is tried again, whatever the reason. Told when it begins and when the reason changes. */
  | {
      readonly fact: 'intake-unreachable';
      readonly reason: string;
      readonly code?: ErrorCode;
      readonly retryInMs: number;
    }
  | { readonly fact: 'intake-reachable' }
  /** An event became a request that the broker has accepted. */
  | {
      readonly fact: 'event-taken';
      readonly model: string;
      readonly id: string;
      readonly type: string;
      readonly eventId: string;
      readonly rule: string;
    }
  | { readonly fact: 'event-ignored'; readonly type: string; readonly eventId: string; readonly rule: string }
  | {
      readonly fact: 'event-dead-lettered';
      readonly reason: IntakeDeadLetterReason;
      readonly description: string;
      readonly messageId?: string;
    }
  /** The broker does not take the request now; the event is held and tried again. */
  | {
      readonly fact: 'event-waiting';
      readonly model: string;
      readonly reason: string;
      readonly code?: ErrorCode;
      readonly retryInMs: number;
    }
  /** The message was not settled; it comes again and its requests are recognised. */
  | { readonly fact: 'event-unsettled'; readonly reason: string; readonly messageId?: string };

export type IntakeLog = (fact: IntakeFact) => void;
