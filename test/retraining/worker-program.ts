import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { CommandTrainer } from '../../src/retraining/command-trainer.ts';
import { RetrainingWorker } from '../../src/retraining/worker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { files } from '../../src/runtime/files.ts';
import { GATE, registryIn } from './worker-fixture.ts';

// A worker process that a test can kill: `node worker-program.js CONFIG`. It kills itself, as the system would, at the given
// write of the ledger.

export interface ProgramConfig {
  readonly connectionString: string;
  readonly queue: string;
  readonly outcomes: string;
  readonly folder: string;
  readonly command: readonly [string, ...string[]];
  readonly killAt?: { readonly moment: 'before' | 'after'; readonly type: string };
  readonly cooldownMs?: number;
}

const config = JSON.parse(process.argv[2] ?? '') as ProgramConfig;
const trainer = new CommandTrainer({
  command: config.command,
  cwd: config.folder,
  folder: join(config.folder, 'runs'),
  graceMs: 300,
  files,
  clock: systemClock,
});
const worker = new RetrainingWorker({
  connectionString: config.connectionString,
  queue: config.queue,
  outcomes: config.outcomes,
  registry: registryIn(config.folder),
  policyOf: () => ({ trainer, gate: GATE, ...(config.cooldownMs !== undefined && { cooldownMs: config.cooldownMs }) }),
  graceMs: 300,
  marginMs: 500,
  operationMs: 2000,
  backoff: { baseMs: 100, maxMs: 200 },
  onLedgerWrite(moment, { type }) {
    if (config.killAt?.moment === moment && config.killAt.type === type) process.kill(process.pid, 'SIGKILL');
  },
  log: (fact) => void writeSync(1, `${JSON.stringify(fact)}\n`),
});
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
await worker.start();
