import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { OutcomeEvent } from '../outcome.ts';
import { outcomeOf } from '../outcome.ts';
import { NOTIFY_KINDS } from './notify-settings.ts';
import type { NotifyRule } from './notify-settings.ts';

/** Events that one text is about, at most: when so many wait it is sent at once, whatever `every` says. */
export const GROUP_MAX = 250;
/** Events that are held under their locks, at most: then the largest group is sent at once. */
export const HELD_MAX = 1_000;

/** A rule with the name under which its state is kept. */
export interface NamedRule {
  readonly name: string;
  readonly rule: NotifyRule;
}

/** An event that somebody has to be told of. */
export interface HeldEvent {
  readonly key: string;
  readonly event: OutcomeEvent;
  /** Undefined when its lock is gone: it will be delivered again. */
  message: ServiceBusReceivedMessage | undefined;
  /** Names of the rules that have not told it yet. */
  readonly pending: Set<string>;
  readonly failures: string[];
}

/** What one rule will tell about one model in one text. */
export interface Group extends NamedRule {
  readonly model: string;
  readonly firstAtMs: number;
  readonly events: HeldEvent[];
}

const KIND_OF: Readonly<Record<string, (typeof NOTIFY_KINDS)[number]>> = { deadlettered: 'dead-lettered' };

/** @param interruption which interruption in a row the event is, 0 when it is none */
export function matches({ on, models }: NotifyRule, event: OutcomeEvent, interruption: number): boolean {
  if (models && !models.includes(event.data.model)) return false;
  const outcome = outcomeOf(event);
  const kind = KIND_OF[outcome] ?? outcome;
  return on.some((what) => {
    if (typeof what === 'string') return what === kind;
    return 'interrupted' in what && interruption > 0 && interruption % what.interrupted === 0;
  });
}

/** Events that wait for their texts, by rule and model. */
export class Groups {
  readonly #groups = new Map<string, Group>();

  add(named: NamedRule, held: HeldEvent, nowMs: number): void {
    const { model } = held.event.data;
    const key = `${named.name} ${model}`;
    const group = this.#groups.get(key) ?? { ...named, model, firstAtMs: nowMs, events: [] };
    group.events.push(held);
    this.#groups.set(key, group);
  }

  /**
   * Takes out the groups whose text is due: `groupFor` after their first event, and `every` after the last text of the same
   * rule and model; at once when they are full, the largest also when all that may be held is held.
   */
  takeDue({
    nowMs,
    sentAtMs,
    isBusy,
    isFull,
    most,
  }: {
    nowMs: number;
    sentAtMs: (rule: string, model: string) => number | undefined;
    isBusy: (rule: string, model: string) => boolean;
    isFull: boolean;
    most: number;
  }): Group[] {
    const free = [...this.#groups].filter(([, { name, model }]) => !isBusy(name, model));
    const size = Math.max(0, ...free.map(([, { events }]) => events.length));
    const due = free.filter(([, group]) => {
      const { name, model, rule, firstAtMs, events } = group;
      if (events.length >= GROUP_MAX || (isFull && events.length === size)) return true;
      const sent = sentAtMs(name, model) ?? -Infinity;
      // A clock that was set back must not silence anybody.
      const notBeforeMs = sent > nowMs ? nowMs : sent + rule.every;
      return nowMs >= Math.max(firstAtMs + rule.groupFor, notBeforeMs);
    });
    return due.slice(0, most).map(([key, group]) => {
      this.#groups.delete(key);
      if (group.events.length <= GROUP_MAX) return group;
      this.#groups.set(key, { ...group, events: group.events.slice(GROUP_MAX) });
      return { ...group, events: group.events.slice(0, GROUP_MAX) };
    });
  }
}
