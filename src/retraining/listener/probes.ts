import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';

/** How long one check may take until it counts as failed, milliseconds. */
export const CHECK_WITHIN_MS = 3_000;
const REASON_MAX_LENGTH = 300;

/** Passes, or throws what is wrong. */
export type Check = () => Promise<void> | void;
export type Checks = Readonly<Record<string, Check>>;

export interface CheckResult {
  readonly name: string;
  readonly status: 'pass' | 'fail';
  readonly reason?: string;
}

/** Body of `GET /livez` and `/readyz`: 200 when healthy, 503 when not. */
export interface ProbeReport {
  readonly status: 'healthy' | 'unhealthy';
  readonly message: string;
  readonly checks: readonly CheckResult[];
}

/** A set of checks. However many ask at once, each check runs once for all of them. */
export class Probe {
  readonly #checks: Checks;
  readonly #clock: Clock;
  #running: Promise<ProbeReport> | undefined;

  constructor({ checks, clock }: { checks: Checks; clock: Clock }) {
    this.#checks = checks;
    this.#clock = clock;
  }

  report(): Promise<ProbeReport> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<ProbeReport> {
    const checks = await Promise.all(Object.entries(this.#checks).map(([name, check]) => this.#check(name, check)));
    const failed = checks.filter(({ status }) => status === 'fail');
    if (failed.length === 0) return { status: 'healthy', message: 'all is well', checks };
    const message = failed.map(({ name, reason }) => `${name}: ${reason ?? 'failed'}`).join('; ');
    return { status: 'unhealthy', message, checks };
  }

  async #check(name: string, check: Check): Promise<CheckResult> {
    const ended = new AbortController();
    const late = pause(this.#clock, CHECK_WITHIN_MS, ended.signal).then(() => {
      if (!ended.signal.aborted) throw new RetrainError('UNREACHABLE', `no answer within ${CHECK_WITHIN_MS} ms`);
    });
    try {
      await Promise.race([Promise.resolve().then(check), late]);
      return { name, status: 'pass' };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { name, status: 'fail', reason: (reason.split('\n', 1)[0] ?? '').slice(0, REASON_MAX_LENGTH) };
    } finally {
      ended.abort();
    }
  }
}
