import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { parseConfiguration } from '../../../src/retraining/configuration/configuration.ts';
import { configurationJsonSchema } from '../../../src/retraining/configuration/configuration-schema.ts';

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));

/** The blocks of YAML in a page that are whole configurations. */
function configurationsIn(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks.filter((block) => /^models:/m.test(block) && block.includes('trainer:') && block.includes('gate:'));
}

const FILES = ['examples/team/retrain.yaml', 'examples/azure/retrain.yaml'];
const EXAMPLES: readonly [string, string][] = [
  ...FILES.map((file): [string, string] => [file, readFileSync(join(ROOT, file), 'utf8')]),
  ...['README.md', 'docs/configuration.md'].flatMap((page) =>
    configurationsIn(page).map((block): [string, string] => [page, block]),
  ),
];

test('each page that shows a whole configuration has one', () => {
  assert.deepEqual(new Set(EXAMPLES.map(([page]) => page)).size, 4);
});

/** Of the job of a worker on Azure (infra/components/worker-job.ts): all that it gives, and no other. */
const AZURE = {
  RETRAIN_NAMESPACE: 'contoso.servicebus.windows.net',
  AZURE_CLIENT_ID: '00000000-0000-0000-0000-000000000001',
  RETRAIN_QUEUE: 'model-retraining-queue',
  RETRAIN_INTAKE_QUEUE: 'retraining-intake',
  RETRAIN_OUTCOME_TOPIC: 'model-retraining-outcomes',
  RETRAIN_REGISTRY_URL: 'https://contoso.blob.core.windows.net/models',
  RETRAIN_STATE: '/var/lib/retrain',
};

for (const [page, text] of EXAMPLES)
  test(`the configuration of ${page} can be used, and editors say so, too`, async () => {
    await parseConfiguration(text, {
      file: page,
      environment: page.includes('azure') ? AZURE : { ALERT_URL: 'https://example.com/hook' },
    });
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    assert.ok(ajv.validate(configurationJsonSchema(), parse(text)), ajv.errorsText());
  });

test('the example for Azure leads to what its job was given', async () => {
  const file = 'examples/azure/retrain.yaml';
  const { connection, queues, outcomes, registry, folders, worker } = await parseConfiguration(
    readFileSync(join(ROOT, file), 'utf8'),
    { file, environment: AZURE },
  );
  assert.deepEqual(connection, {
    fullyQualifiedNamespace: AZURE.RETRAIN_NAMESPACE,
    clientId: AZURE.AZURE_CLIENT_ID,
  });
  assert.equal(queues.requests, AZURE.RETRAIN_QUEUE);
  assert.equal(queues.intake, AZURE.RETRAIN_INTAKE_QUEUE);
  assert.ok('topic' in outcomes && outcomes.topic === AZURE.RETRAIN_OUTCOME_TOPIC);
  assert.equal(registry.azureBlob?.accountUrl, 'https://contoso.blob.core.windows.net');
  assert.equal(registry.azureBlob.container, 'models');
  assert.equal(folders.state, AZURE.RETRAIN_STATE);
  // The container gets half a minute between the platform's two signals.
  assert.ok(worker.grace < 30_000);
});
