import { join } from 'node:path';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { RetrainingWorker } from '../../../src/retraining/worker/worker.ts';
import type { WorkerOptions } from '../../../src/retraining/worker/worker.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';

/** What a worker of a scene needs to know, whether it runs in a process of its own or in the test's. */
export interface SceneConfig {
  readonly connectionString: string;
  readonly queue: string;
  readonly outcomes: string;
  readonly folder: string;
  readonly command: readonly [string, ...string[]];
  readonly killAt?: { readonly moment: 'before' | 'after'; readonly type: string };
  readonly cooldownMs?: number;
  /** Of a queue without sessions. */
  readonly ledgerFolder?: string;
}

export function sceneWorker(config: SceneConfig, options: Partial<WorkerOptions> = {}): RetrainingWorker {
  const { connectionString, queue, outcomes, folder, command, cooldownMs, ledgerFolder } = config;
  const clock = systemClock;
  const trainer = new CommandTrainer({
    command,
    cwd: folder,
    folder: join(folder, 'runs'),
    graceMs: 300,
    files,
    clock,
  });
  return new RetrainingWorker({
    connection: connectionString,
    queue,
    outcomes,
    ...(ledgerFolder !== undefined && { ledgerFolder }),
    registry: new FileRegistry({ folder: join(folder, 'registry'), files, clock, random: systemRandom }),
    policyOf: () => ({
      trainer,
      gate: { metric: 'mape', direction: 'minimize', minImprovement: 0 },
      ...(cooldownMs !== undefined && { cooldownMs }),
    }),
    graceMs: 300,
    marginMs: 500,
    operationMs: 1500,
    backoff: { baseMs: 100, maxMs: 200 },
    ...options,
  });
}
