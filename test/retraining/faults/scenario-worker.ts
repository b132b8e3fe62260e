import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outliveClientRejections } from '../../../src/cli/client-rejections.ts';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import type { Trainer, TrainerEnd, TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { RetrainingWorker } from '../../../src/retraining/worker/worker.ts';
import { KINDS, POISON } from './scenario-models.ts';
import { failure, success, trainer } from '../worker/worker-fixture.ts';

// A worker of a scenario, in a process of its own: `node scenario-worker.js CONFIG`. What its trainers do hangs on the model's
// name, and on files, so that the next worker goes on where this one was killed. Its facts go to a file.

interface ScenarioWorkerConfig {
  readonly connection: string;
  readonly queue: string;
  readonly outcomes: string;
  readonly folder: string;
}

const SLOW_MS = 1200;
/** Succeeds after a while; a run that is told to stop leaves a child behind that its supervisor has to end. */
const SCRIPT = `
  (sleep 30) &
  sleep 0.4
  echo weights > "$RETRAIN_OUTPUT/model"
  printf '{"metrics":{"challenger":{"mape":1}},"artifact":"model"}' > "$RETRAIN_RESULT"`;

function pauseFor(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopped.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

async function train(folder: string, kind: string, run: TrainerRun, stopped: AbortSignal): Promise<TrainerEnd> {
  const { requests, epoch } = run.plan;
  await pauseFor(kind === 'slow' ? SLOW_MS : 30, stopped);
  if (stopped.aborted) return failure({ meaning: 'interrupted', reason: 'told to stop' });
  if (kind === 'picky' && requests.some(({ id }) => id.includes(POISON))) return failure({ meaning: 'permanent' });
  const tried = join(folder, 'tried', encodeURIComponent(requests[0]?.id ?? ''));
  if (kind === 'flaky' && !existsSync(tried)) {
    mkdirSync(join(folder, 'tried'), { recursive: true });
    writeFileSync(tried, '');
    return failure();
  }
  return success(folder, run, 100 / epoch);
}

function trainerFor(folder: string, kind: string): Trainer {
  if (kind === 'command')
    return new CommandTrainer({ command: ['sh', '-c', SCRIPT], folder: join(folder, 'runs'), graceMs: 300 });
  return trainer((run, stopped) => train(folder, kind, run, stopped));
}

const { folder, ...config } = JSON.parse(process.argv[2] ?? '') as ScenarioWorkerConfig;
const trainers = new Map(KINDS.map((kind) => [kind as string, trainerFor(folder, kind)]));
const worker = new RetrainingWorker({
  ...config,
  concurrency: 2,
  registry: new FileRegistry({ folder: join(folder, 'registry') }),
  policyOf: (model) => {
    const [kind = ''] = model.split('/');
    const known = trainers.get(kind);
    if (!known) return undefined;
    return {
      trainer: known,
      gate: { metric: 'mape', direction: 'minimize', minImprovement: 0 },
      ...(kind === 'cooled' && { cooldownMs: 500 }),
    };
  },
  graceMs: 300,
  marginMs: 500,
  operationMs: 1500,
  backoff: { baseMs: 100, maxMs: 300 },
  log: (fact) => appendFileSync(join(folder, `facts-${process.pid}.jsonl`), `${JSON.stringify(fact)}\n`),
});
// As the command line does.
outliveClientRejections((line) => appendFileSync(join(folder, `facts-${process.pid}.jsonl`), `${line}\n`));
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
await worker.start();
