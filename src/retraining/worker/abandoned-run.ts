import { planKey } from '../identity.ts';
import type { Trainer } from '../trainers/trainer.ts';
import type { StartedRun } from './ledger-record.ts';

/**
 * Ends a run whose requests have all expired or come too late, while nobody held the session: one that lives elsewhere goes
 * on, and nothing would ever look at it again. A run of this host ended with its worker. Resolves when it has ended, or cannot
 * be made to.
 */
export async function abandon(
  trainer: Trainer,
  { model, run, graceMs }: { model: string; run: StartedRun; graceMs: number },
): Promise<void> {
  if (trainer.reattaches !== true) return;
  const { runId, epoch, requests } = run;
  const nothing = { requests: [], triggers: [], data: [], parameters: {} } as const;
  const handle = trainer.start({
    plan: { model: { name: model }, ...nothing, runId, epoch, champion: null },
    planKey: planKey(requests),
  });
  // Nothing is awaited in between: a run that is not there must not be started for that.
  handle.stop(graceMs, 'cancelled');
  await handle.result;
}
