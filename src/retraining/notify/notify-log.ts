import type { ErrorCode } from '../../errors.ts';

/** What the notifier tells whoever operates it: one value per fact, told at the moment it became true. */
export type NotifyFact =
  | { readonly fact: 'notifier-started'; readonly from: string; readonly rules: number }
  | { readonly fact: 'notifier-stopped' }
  | {
      readonly fact: 'notifier-unreachable';
      readonly reason: string;
      readonly code: ErrorCode;
      readonly retryInMs: number;
    }
  /** The broker answers again. */
  | { readonly fact: 'notifier-reachable' }
  /** Somebody was told; `events` are settled next. */
  | { readonly fact: 'notified'; readonly rule: string; readonly model: string; readonly events: number }
  | {
      readonly fact: 'notify-failed';
      readonly rule: string;
      readonly model: string;
      readonly reason: string;
      readonly tries: number;
      /** Absent after the last. */
      readonly retryInMs?: number;
    }
  /** The tries are used up: the event lies in the dead-letter queue of its subscription. */
  | { readonly fact: 'notify-given-up'; readonly model: string; readonly id: string; readonly reason: string }
  /** A message that is no outcome event was dead-lettered. */
  | { readonly fact: 'notify-unreadable'; readonly reason: string }
  /** An event could not be settled; it comes again and is recognised. */
  | { readonly fact: 'notify-unsettled'; readonly model: string; readonly reason: string }
  | { readonly fact: 'notify-state-unkept'; readonly reason: string }
  | { readonly fact: 'backlog-unseen'; readonly reason: string };

export type NotifyLog = (fact: NotifyFact) => void;
