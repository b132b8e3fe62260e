import type { GateResult } from '../gate.ts';
import { advance, emptyLedger } from '../worker/ledger.ts';
import type { RequestRef, Ledger } from '../worker/ledger-record.ts';
import { nextRun } from '../worker/ledger-view.ts';

const OWNER = { host: 'backtest', pid: 0, startTime: '' };
const DIGEST = '0'.repeat(64);

/** The ledger of a model as the worker would write it, without a worker: it knows cool-down and budget. */
export class RunLedger {
  readonly #limits: { readonly coolDownMs: number; readonly maxRunsPerDay: number };
  #ledger: Ledger;

  constructor(model: string, limits: { coolDownMs: number; maxRunsPerDay: number }) {
    this.#limits = limits;
    this.#ledger = emptyLedger(model);
  }

  /** When a run may start that may not start now, and what it has to wait for. */
  startAfter(nowMs: number): { readonly atMs: number; readonly why: 'coolDown' | 'budget' } | undefined {
    const { coolDownMs, maxRunsPerDay } = this.#limits;
    const { atMs, cause } = nextRun(this.#ledger, { nowMs, maxRunsPerDay, cooldownMs: coolDownMs });
    // 0 is no time, also where a history goes back beyond 1970.
    if (atMs === 0 || atMs <= nowMs) return undefined;
    return { atMs, why: cause === 'budget' ? 'budget' : 'coolDown' };
  }

  start(requests: readonly RequestRef[], atMs: number): void {
    const epoch = this.#ledger.epoch + 1;
    const taken = requests.map(({ source, id }) => ({ source, id, hop: 0 }));
    this.#ledger = advance(this.#ledger, {
      type: 'started',
      runId: String(epoch),
      epoch,
      owner: OWNER,
      atMs,
      requests: taken,
    });
  }

  end(verdict: GateResult['verdict'], reason: string, atMs: number): void {
    const { coolDownMs } = this.#limits;
    const metrics = { challenger: {} };
    this.#ledger = advance(this.#ledger, { type: 'trained', atMs, metrics, artifact: '', digest: DIGEST });
    this.#ledger = advance(this.#ledger, {
      type: 'decided',
      atMs,
      verdict,
      reason,
      registryEpoch: this.#ledger.epoch - 1,
      previousChampion: null,
      pendingEvents: [],
    });
    this.#ledger = advance(this.#ledger, { type: 'applied' });
    this.#ledger = advance(this.#ledger, { type: 'told' });
    this.#ledger = advance(this.#ledger, { type: 'settled', nextRunAtMs: coolDownMs > 0 ? atMs + coolDownMs : 0 });
  }
}
