import type { CancelTimer, Clock } from '../../src/runtime/clock.ts';
import { FakeClock } from '../fake-clock.ts';
import { SeededRandom } from './seeded-random.ts';

/** Something that must hold did not. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** No run needs more; one that does goes round in circles. */
const MAX_STEPS = 400_000;

/**
 * The one thread of a run. Everything that happens is a timer of one fake clock: a chunk that arrives, a sector that is on the disk, a
 * client that has slept enough. `run` fires them one by one and lets all promises settle in between, so that a seed decides everything.
 */
export class World {
  readonly clock = new FakeClock();
  readonly random: SeededRandom;
  /** Timers fired so far: the measure in which power cuts are planned. */
  steps = 0;
  /** By how much the wall clock was set back and forth in all, in milliseconds. */
  wallSteppedMs = 0;
  readonly #onTrace: ((line: string) => void) | undefined;
  readonly #due = new Map<number, () => void>();
  #onDelicate: (() => void) | undefined;
  #names = 0;
  #violation: Violation | undefined;

  constructor(options: { seed: number; onTrace?: (line: string) => void }) {
    this.random = new SeededRandom(options.seed);
    this.#onTrace = options.onTrace;
  }

  get tracing(): boolean {
    return this.#onTrace !== undefined;
  }

  trace(who: string, what: string): void {
    this.#onTrace?.(`${this.clock.monotonicMs().toFixed(3).padStart(12)} ms  ${who.padEnd(14)} ${what}`);
  }

  /** A name that nothing else in the run has. */
  nextName(of: string): string {
    return `${of}/${++this.#names}`;
  }

  /** Ends the run as failed. The first violation counts. */
  violate(what: string): void {
    if (this.#violation) return;
    this.trace('CHECK', what);
    this.#violation = new Violation(what);
  }

  /** The clock as an actor sees it who never dies. */
  after(delayMs: number, callback: () => void): CancelTimer {
    return this.clock.after(Math.ceil(delayMs * 1024) / 1024, callback);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Sets the wall clock forth or back. */
  stepWall(ms: number): void {
    if (ms === 0) return;
    this.trace('clock', `the wall clock is set by ${ms} ms`);
    this.clock.step(ms);
    this.wallSteppedMs += Math.abs(ms);
  }

  /** Calls `callback` when `steps` more timers have fired. */
  afterSteps(steps: number, callback: () => void): void {
    this.#due.set(this.steps + Math.max(1, steps), callback);
  }

  /** Something is asked for now that the end of the process must not break in two. */
  markDelicate(): void {
    this.#onDelicate?.();
    this.#onDelicate = undefined;
  }

  /** Resolves when something of that kind is asked for, or after `limitMs`. */
  nextDelicate(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onDelicate = resolve;
      this.after(limitMs, resolve);
    });
  }

  /** Resolves or rejects as `work` does, and fails the run when that takes longer than anything may take. */
  async within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
    const cancel = this.after(limitMs, () => this.violate(`${what}: no answer within ${limitMs} ms`));
    try {
      return await work;
    } finally {
      cancel();
    }
  }

  /** Fires timers until `work` is done. @throws Violation, or what `work` throws */
  async run(work: Promise<void>): Promise<void> {
    const end: { over: boolean; failure?: unknown } = { over: false };
    work.then(
      () => (end.over = true),
      (failure: unknown) => Object.assign(end, { over: true, failure }),
    );
    await settled();
    while (!end.over) {
      const dueMs = this.clock.nextDueMs();
      if (dueMs === undefined) this.violate('nothing happens any more, and somebody still waits');
      else if (++this.steps > MAX_STEPS) this.violate(`the run is not over after ${MAX_STEPS} steps`);
      if (this.#violation) break;
      this.clock.advance(dueMs as number);
      const planned = this.#due.get(this.steps);
      if (planned) {
        this.#due.delete(this.steps);
        planned();
      }
      await settled();
    }
    if (this.#violation) throw this.#violation;
    if (end.failure !== undefined) throw end.failure;
  }
}

/** Until no promise can go on by itself. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The clock of a process: when the process dies, nothing that it waited for happens any more. */
export class MortalClock implements Clock {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #timers = new Set<CancelTimer>();
  #dead = false;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork();
  }

  wallMs(): number {
    return this.#world.clock.wallMs();
  }

  monotonicMs(): number {
    return this.#world.clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    if (this.#dead) return () => undefined;
    const cancelTimer = this.#world.after(Math.max(0, delayMs), () => {
      this.#timers.delete(cancel);
      callback();
    });
    const cancel = (): void => {
      this.#timers.delete(cancel);
      cancelTimer();
    };
    this.#timers.add(cancel);
    return cancel;
  }

  soon(callback: () => void): void {
    this.after(this.#random.delayMs(0.01), callback);
  }

  die(): void {
    this.#dead = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  get dead(): boolean {
    return this.#dead;
  }
}
