import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
// Nothing else of `src`: what a user of the package can write.
import { CommandTrainer, FileRegistry, OutcomeLog, RetrainingWorker } from '../../src/index.ts';
import type { Clock, Files, Plan, Random, TrainerEnd, WorkerFact, WorkerOptions } from '../../src/index.ts';
import { temporaryFolder } from './trainers/run-fixture.ts';

const CONNECTION =
  'Endpoint=sb://127.0.0.1;SharedAccessKeyName=a;SharedAccessKey=a2V5;UseDevelopmentEmulator=true;EntityPath=work';

test('with the public exports alone, a trainer, a registry, an outcome log and a worker can be made', async (t) => {
  const folder = temporaryFolder(t);
  const plan: Plan = {
    runId: 'run-1',
    epoch: 1,
    model: { name: 'births' },
    requests: [],
    triggers: [],
    data: [],
    parameters: {},
    champion: null,
  };
  const script = `require('fs').writeFileSync(process.env.RETRAIN_RESULT, '{"metrics":{"challenger":{"mae":1}},"artifact":"https://example.net/m"}')`;
  const trainer = new CommandTrainer({ command: [process.execPath, '-e', script], folder: join(folder, 'runs') });
  const end: TrainerEnd = await trainer.start({ plan, planKey: 'p' }).result;
  assert.deepEqual(end.kind === 'succeeded' && end.result.metrics, { challenger: { mae: 1 } });

  const registry = new FileRegistry({ folder: join(folder, 'registry') });
  assert.equal((await registry.read('births')).champion, undefined);
  assert.deepEqual(await new OutcomeLog({ folder }).read(), { events: [], skipped: 0 });

  const facts: WorkerFact[] = [];
  const gate = { metric: 'mae', direction: 'minimize', minImprovement: 0 } as const;
  const options: WorkerOptions & { clock?: Clock; files?: Files; random?: Random } = {
    connection: CONNECTION,
    registry,
    policyOf: () => ({ trainer, gate }),
    log: (fact) => facts.push(fact),
  };
  await new RetrainingWorker(options).stop();
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['worker-stopping', 'worker-stopped'],
  );
});
