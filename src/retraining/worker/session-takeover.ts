import { hostIdentity } from '../../runtime/host-identity.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import type { Owner, Run } from './ledger-record.ts';
import { isRunning, startOf } from '../trainers/run-process.ts';

/** Models whose unfinished run is remembered; the one remembered longest ago is forgotten first, which only costs waiting. */
const WATCHED_MAX = 1000;

/** Signs a run that its worker has let go: it goes on elsewhere, and may be taken over at once. */
export const NOBODY: Owner = { host: '', pid: 0, startTime: '' };

/** How the start of a process begins that its system does not tell. */
const UNKNOWN_START = 'unknown-';

export type TakeOver =
  /** The run is ours, or nobody's any more: go on with it. */
  | { readonly take: true; readonly why: 'own' | 'let-go' | 'owner-gone' | 'lease-unchanged' }
  /** Somebody may be working on it: write nothing. */
  | { readonly take: false };

interface Watched {
  readonly runId: string;
  readonly lease: number;
  readonly sinceMs: number;
}

/**
 * Decides when another's unfinished run may be taken over: at once when its owner let it go, or was a process of this host
 * that is gone; else only when its lease counter has not moved for a lock duration and a margin, watched on the monotonic
 * clock. An owner that is alive and lost its link accepts the session again within that time and raises the counter.
 */
export class TakeOverWatch {
  readonly #me: Owner;
  readonly #watched = new Map<string, Watched>();

  constructor(me: Owner) {
    this.#me = me;
  }

  async judge(
    model: string,
    run: Run,
    { nowMs, unchangedForMs }: { nowMs: number; unchangedForMs: number },
  ): Promise<TakeOver> {
    const { owner, runId, lease } = run;
    // This process gave the run up, or it would hold the session now.
    if (isSameOwner(owner, this.#me)) return this.#take(model, 'own');
    if (isSameOwner(owner, NOBODY)) return this.#take(model, 'let-go');
    if (await this.#isGone(owner)) return this.#take(model, 'owner-gone');
    const watched = this.#watched.get(model);
    if (watched?.runId !== runId || watched.lease !== lease) {
      this.#remember(model, { runId, lease, sinceMs: nowMs });
      return { take: false };
    }
    return nowMs - watched.sinceMs >= unchangedForMs ? this.#take(model, 'lease-unchanged') : { take: false };
  }

  /** Only of a process that could be seen from here: one that cannot be told apart from others may be alive. */
  async #isGone({ host, pid, startTime }: Owner): Promise<boolean> {
    if (host !== this.#me.host || startTime.startsWith(UNKNOWN_START)) return false;
    return !(await isRunning({ pid, start: startTime }));
  }

  #take(model: string, why: (TakeOver & { take: true })['why']): TakeOver {
    this.#watched.delete(model);
    return { take: true, why };
  }

  #remember(model: string, watched: Watched): void {
    this.#watched.delete(model);
    this.#watched.set(model, watched);
    const oldest = this.#watched.keys().next();
    if (this.#watched.size > WATCHED_MAX && !oldest.done) this.#watched.delete(oldest.value);
  }
}

export function isSameOwner(a: Owner, b: Owner): boolean {
  return a.host === b.host && a.pid === b.pid && a.startTime === b.startTime;
}

/** This process, as it signs runs. Of one whose start is not known, random digits keep a later one with its pid apart. */
export async function ownProcess({
  random = systemRandom,
  start = startOf,
}: { random?: Random; start?: typeof startOf } = {}): Promise<Owner> {
  const startTime = (await start(process.pid)) ?? `${UNKNOWN_START}${random.bytes(8).toString('hex')}`;
  return { host: await hostIdentity(), pid: process.pid, startTime };
}
