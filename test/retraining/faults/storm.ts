import type { TestContext } from 'node:test';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { good } from '../worker/worker-fixture.ts';
import { openFaultWorld } from './fault-world.ts';

/** Requests that a sender has under way at the same time. */
const SENT_AT_ONCE = 50;
const SLOTS = 8;

/**
 * Sends `requests`, spread over `models`, as fast as the broker takes them while a worker is at work, and asserts that each
 * was answered once. Resolves with the number of runs, the milliseconds until all were sent, and those until all were answered.
 */
export async function storm(
  t: Pick<TestContext, 'after'>,
  { models, requests, withinMs }: { models: number; requests: number; withinMs: number },
): Promise<{ runs: number; sentMs: number; answeredMs: number }> {
  const world = await openFaultWorld(t);
  const runs: TrainerRun[] = [];
  await world.work({ concurrency: SLOTS, trainer: good(world.folder, runs) });
  const begunMs = performance.now();
  let next = 0;
  const send = async (): Promise<void> => {
    while (next < requests) await world.send(`storm/${next++ % models}`);
  };
  await Promise.all(Array.from({ length: Math.min(SENT_AT_ONCE, requests) }, send));
  const sentMs = performance.now() - begunMs;
  const answered = async (): Promise<boolean> => {
    const told = (await world.outcomes()).filter(({ type }) => /promoted|rejected/.test(type));
    return told.flatMap(({ data }) => data.requests ?? []).length >= requests;
  };
  await eventually(answered, { what: `${requests} answers`, withinMs });
  const answeredMs = performance.now() - begunMs;
  await world.auditor.emptied();
  await world.auditor.holds({ told: { failed: 0, deadlettered: 0, interrupted: 0 } });
  return { runs: runs.length, sentMs, answeredMs };
}
