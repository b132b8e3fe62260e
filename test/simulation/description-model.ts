import type { QueueDescription } from '../../src/topology/index.ts';
import type { World } from './world.ts';

export type ChangeResult = 'done' | 'refused' | 'lost';

/** A description that was in force for some time, or may have been. Monotonic milliseconds. */
interface Period {
  readonly description: QueueDescription;
  readonly fromMs: number;
  untilMs: number;
}

/** How a queue is described: a change that was acknowledged stays, one that was not answered may have been made or not. */
export class DescriptionModel {
  readonly #world: World;
  readonly #periods: Period[];

  constructor(world: World, initial: QueueDescription) {
    this.#world = world;
    this.#periods = [{ description: initial, fromMs: 0, untilMs: Infinity }];
  }

  /** What may be in force now; the latest change comes last. */
  get present(): QueueDescription[] {
    const now = this.#now;
    return this.during(now, now);
  }

  /** All that may have been in force at some time. */
  get ever(): QueueDescription[] {
    return this.#periods.map(({ description }) => description);
  }

  during(fromMs: number, untilMs: number): QueueDescription[] {
    return this.#periods
      .filter((period) => period.fromMs <= untilMs && period.untilMs >= fromMs)
      .map(({ description }) => description);
  }

  /** Somebody changes the description. To be called with what became of it. */
  startChange(description: QueueDescription): (result: ChangeResult) => void {
    const period: Period = { description, fromMs: this.#now, untilMs: Infinity };
    this.#periods.push(period);
    return (result) => {
      if (result === 'refused') this.#periods.splice(this.#periods.indexOf(period), 1);
      else if (result === 'done') this.#endAllBut(period);
    };
  }

  /** A broker that has just started has the queue with this description. */
  observe(description: QueueDescription): void {
    const open = this.#periods.filter(({ untilMs }) => untilMs === Infinity);
    const seen = textOf(description);
    const period = open.find((one) => textOf(one.description) === seen);
    if (period) this.#endAllBut(period);
    else {
      const allowed = open.map((one) => textOf(one.description)).join(' or ');
      this.#world.violate(`queue ${description.name} is described as ${seen} after a start; it must be ${allowed}`);
    }
  }

  get #now(): number {
    return this.#world.clock.monotonicMs();
  }

  #endAllBut(period: Period): void {
    for (const other of this.#periods) if (other !== period) other.untilMs = Math.min(other.untilMs, this.#now);
  }
}

/** Equal for equal descriptions: the order of properties, and those that are absent, do not matter. */
function textOf(description: QueueDescription): string {
  return JSON.stringify(description, Object.keys(description).sort());
}
