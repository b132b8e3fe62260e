import type { Color, Mark, RuleSet } from './topic-plan.ts';
import { marksOf } from './topic-plan.ts';
import type { World } from './world.ts';

/** `making` and `leaving`: asked for, and not answered yet, or never; the next start of the broker tells. */
export type Presence = 'making' | 'present' | 'leaving' | 'gone';

/** A copy as its receivers have seen it. */
export interface TopicCopy {
  readonly uid: string;
  /** Its number in the topic. */
  readonly originalNumber: number;
  readonly sequenceNumber: number;
  readonly mark: Mark;
  /** Whether its completion was acknowledged. */
  isOver: boolean;
}

/** A time, in monotonic milliseconds, in which there may have been the rule that comes and goes. */
interface Period {
  readonly extra: boolean;
  readonly fromMs: number;
  untilMs: number;
}

/** One subscription from its making to its end. Another one of the same name is another. */
export class SubscriptionModel {
  readonly name: string;
  readonly set: RuleSet;
  /** Which of the topics that have had the name it belongs to. */
  readonly topicBirth: number;
  readonly copies = new Map<number, TopicCopy>();
  presence: Presence = 'making';
  /** Monotonic: when it was first asked for, when it was certainly there, when its end was asked for, when it was certainly gone. */
  readonly askedMs: number;
  madeMs = Infinity;
  leavingMs = Infinity;
  goneMs = Infinity;
  readonly #world: World;
  readonly #periods: Period[];

  constructor(world: World, options: { name: string; set: RuleSet; topicBirth: number }) {
    this.name = options.name;
    this.set = options.set;
    this.topicBirth = options.topicBirth;
    this.#world = world;
    this.askedMs = this.#now;
    this.#periods = [{ extra: false, fromMs: 0, untilMs: Infinity }];
  }

  /** Whether it has the rule that comes and goes; undefined when nobody knows. */
  get extra(): boolean | undefined {
    const open = this.#open;
    return open.length === 1 ? open[0]?.extra : undefined;
  }

  settle(presence: 'present' | 'gone'): void {
    const now = this.#now;
    if (presence === 'present') {
      this.madeMs = Math.min(this.madeMs, now);
      this.leavingMs = Infinity;
    } else this.goneMs = now;
    this.presence = presence;
  }

  startLeaving(): void {
    this.presence = 'leaving';
    this.leavingMs = this.#now;
  }

  /** The rule that comes and goes is added or removed. To be called with what became of it. */
  startChange(extra: boolean): (result: 'done' | 'refused' | 'lost') => void {
    const period: Period = { extra, fromMs: this.#now, untilMs: Infinity };
    this.#periods.push(period);
    return (result) => {
      if (result === 'refused') this.#periods.splice(this.#periods.indexOf(period), 1);
      else if (result === 'done') this.#endAllBut(period);
    };
  }

  /** A broker that has just started has it with these rules, by their names. */
  observe(rules: readonly string[], own: readonly string[]): void {
    const extra = rules.includes('extra');
    const rest = rules.filter((name) => name !== 'extra');
    const period = this.#open.find((one) => one.extra === extra);
    if (!period || JSON.stringify(rest) !== JSON.stringify(own))
      return this.#world.violate(`subscription ${this.name} has the rules ${rules.join(', ')} after a start`);
    this.#endAllBut(period);
  }

  /** Whether it was certainly there all the time. */
  isCertain({ fromMs, toMs }: { fromMs: number; toMs: number }): boolean {
    return this.presence === 'present' && this.madeMs < fromMs && this.leavingMs > toMs;
  }

  /** What a message that came in this time may have become. */
  possible({ fromMs, toMs }: { fromMs: number; toMs: number }, color: Color): Mark[][] {
    if (this.askedMs > toMs || this.goneMs < fromMs) return [];
    const extras = this.#periods.filter((one) => one.fromMs <= toMs && one.untilMs >= fromMs).map(({ extra }) => extra);
    return [...new Set(extras)].map((extra) => marksOf(this.set, extra, color));
  }

  get #open(): Period[] {
    return this.#periods.filter(({ untilMs }) => untilMs === Infinity);
  }

  get #now(): number {
    return this.#world.clock.monotonicMs();
  }

  #endAllBut(period: Period): void {
    for (const other of this.#periods) if (other !== period) other.untilMs = Math.min(other.untilMs, this.#now);
  }
}
