import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Plan } from '../../../src/retraining/plan.ts';
import { planKey } from '../../../src/retraining/identity.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';

/** A folder that is gone when the test is over. */
export function temporaryFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'retrain-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Writes a Node program and returns the command that runs it. */
export function program(folder: string, source: string, name = 'trainer.mjs'): [string, ...string[]] {
  const file = join(folder, name);
  writeFileSync(file, source);
  return [process.execPath, file];
}

export function planOf(overrides: Partial<Plan> = {}): Plan {
  const requests = overrides.requests ?? [
    {
      id: 'r1',
      source: '/test',
      time: '2026-01-01T00:00:00Z',
      trigger: { kind: 'manual' as const },
      data: [],
      parameters: {},
    },
  ];
  return {
    runId: 'run-1',
    epoch: 1,
    model: { name: 'births' },
    triggers: requests.map(({ trigger }) => trigger),
    data: [],
    parameters: {},
    champion: null,
    ...overrides,
    requests,
  };
}

export function runOf(plan: Partial<Plan> = {}, rest: Partial<TrainerRun> = {}): TrainerRun {
  const whole = planOf(plan);
  return { plan: whole, planKey: planKey(whole.requests), ...rest };
}

/** Looks every few milliseconds until `check` gives something; the bound only ends a test that would fail anyway. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 60_000, what = 'the condition' }: { withinMs?: number; what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await check();
    if (value) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process is there and not a zombie. */
export { startOf } from '../../../src/retraining/trainers/run-process.ts';
