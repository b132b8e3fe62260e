import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import { assertFailure } from './cli-process.ts';
import { CliBench } from './cli-bench.ts';

const MODEL = { trainer: { command: ['true'] }, gate: { metric: 'mape', direction: 'minimize' } };
const TOPIC = 'model-retraining-outcomes';

test('notify tells by the rules of the configuration, until Ctrl-C; its lines name the configuration', async (t) => {
  const bench = await CliBench.open(t);
  const file = join(bench.folder, 'retrain.yaml');
  const told = join(bench.folder, 'told.json');
  const program = `require('fs').writeFileSync(process.argv[1], require('fs').readFileSync(0))`;
  const rule = { on: ['dead-lettered'], command: [process.execPath, '-e', program, told], groupFor: '0s' };
  await writeFile(file, JSON.stringify({ models: { births: MODEL }, notify: [rule] }));
  assertFailure(
    await bench.run(['notify', '--config', file]),
    1,
    new RegExp(`"${TOPIC}/Subscriptions/notify" does not exist`),
  );

  await bench.ok(['entities', 'create', TOPIC, '--topic']);
  for (const name of ['status', 'notify']) await bench.ok(['entities', 'create', `${TOPIC}/${name}`]);
  const notifier = bench.start(['notify', '--config', file]);
  await notifier.printed(/notify: 1 rule, from model-retraining-outcomes\/Subscriptions\/notify\n/);
  await using producer = new RetrainingProducer({ connection: bench.connectionString });
  const { id } = await producer.request({ model: { name: 'rent' }, trigger: { kind: 'manual' } });
  const worker = bench.start(['worker', '--config', file]);
  await worker.printed(/rent: dead-lettered/);
  await notifier.printed(/rent: rule-1 told 1 outcome\n/);
  const { text } = JSON.parse(await readFile(told, 'utf8')) as { text: string };
  assert.match(text, /^rent: dead-lettered at .*UnknownModel: no trainer is configured for the model rent/);
  assert.ok(text.includes(`Again: retrain dlq replay model-retraining-queue --request=${id} --config ${file}`), text);
  notifier.child.kill('SIGINT');
  const { code, stdout } = await notifier.finished;
  assert.equal(code, 0);
  assert.match(stdout, /stopping; Ctrl-C again ends at once\n[^]*notify: stopped\n$/);
  // The next command finds everything in the configuration: what is told, and where.
  assert.match(await bench.ok(['explain', id, '--config', file]), /dead-lettered at /);
});

test('a configuration without rules is refused', async (t) => {
  const bench = await CliBench.open(t);
  const file = join(bench.folder, 'retrain.yaml');
  await writeFile(file, JSON.stringify({ models: { births: MODEL } }));
  assertFailure(await bench.run(['notify', '--config', file]), 2, /no rules under notify/);
});
