import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { DEFAULT_QUEUE, parseQueueDescription } from '../../src/topology/index.ts';
import {
  namespaceOf,
  parseTopologyTemplate,
  renderTopology,
  stackSettings,
  TOPOLOGY_TEMPLATE,
} from '../../src/topology/stack/index.ts';

function refusal(text: RegExp) {
  return (error: unknown): boolean =>
    error instanceof RetrainError && error.code === 'CONFIGURATION_INVALID' && text.test(error.message);
}

test('the default is what the worker wants: sessions, duplicates dropped, nothing lost by expiration', () => {
  const { queues, topics } = renderTopology(TOPOLOGY_TEMPLATE, {});
  assert.deepEqual(queues['requests'], DEFAULT_QUEUE);
  assert.equal(DEFAULT_QUEUE.name, 'model-retraining-queue');
  assert.equal(DEFAULT_QUEUE.requiresSession, true);
  assert.equal(DEFAULT_QUEUE.requiresDuplicateDetection, true);
  assert.equal(DEFAULT_QUEUE.deadLetteringOnMessageExpiration, true);
  assert.equal(DEFAULT_QUEUE.defaultMessageTimeToLive, 'P14D');
  // Event Grid does not deliver to a queue with sessions.
  assert.equal(queues['intake']?.requiresSession, false);
  assert.equal(queues['intake']?.requiresDuplicateDetection, true);
  assert.deepEqual(Object.keys(topics['outcomes']?.subscriptions ?? {}), ['status', 'notify']);
});

test('the plain layout is the queue of the beginning, and nothing else', () => {
  assert.deepEqual(namespaceOf(renderTopology(TOPOLOGY_TEMPLATE, { layout: 'plain' })), {
    queues: [parseQueueDescription({ name: 'model-retraining-queue', maxDeliveryCount: 10, lockDuration: 'PT1M' })],
    topics: [],
  });
});

test('a setting decides the properties that name it', () => {
  const settings = { queueName: 'models', lockDuration: 'PT2M', sessions: false, outcomeTimeToLive: 'P3D' };
  const { queues, topics } = renderTopology(TOPOLOGY_TEMPLATE, settings);
  assert.deepEqual(queues['requests'], {
    ...DEFAULT_QUEUE,
    name: 'models',
    lockDuration: 'PT2M',
    requiresSession: false,
  });
  assert.equal(topics['outcomes']?.subscriptions['status']?.defaultMessageTimeToLive, 'P3D');
});

test('what cannot be is refused with the setting or the property', () => {
  const render = (settings: Record<string, string>) => () => renderTopology(TOPOLOGY_TEMPLATE, settings);
  assert.throws(render({ lockDuration: 'PT6M' }), refusal(/lockDuration: 'PT6M' must be .* from PT5S to PT5M/));
  assert.throws(render({ layout: 'grand' }), refusal(/layout 'grand' is not known: set layout to plain or worker/));
  const stray = {
    settings: { layout: 'one' },
    layouts: { one: { queues: { a: { name: { setting: 'b' } } }, topics: {} } },
  };
  assert.throws(() => renderTopology(parseTopologyTemplate(stray, 'f'), {}), refusal(/no setting 'b'/));
  assert.throws(() => parseTopologyTemplate({ settings: {} }, 'f.json'), refusal(/f\.json is no topology .*layouts/));
});

const PROJECT = `name: teams
config:
  lockDuration: { type: string, default: PT2M }
  maxSizeInMegabytes: { type: integer, default: 2048 }
  timeToLive: P7D
  location: { type: string, default: West US }
  maxMessageSizeInKilobytes: { type: integer, default: 0 }
`;

function settingsOf(stack: string): ReturnType<typeof stackSettings> {
  const project = { file: 'Pulumi.yaml', text: PROJECT };
  return stackSettings(TOPOLOGY_TEMPLATE, { project, stack: { file: 'Pulumi.dev.yaml', text: stack } });
}

test('the stack counts before the project, and the project before the template', async () => {
  const settings = await settingsOf('config:\n  teams:lockDuration: PT3M\n  azure-native:location: x\n');
  assert.equal(settings['lockDuration'], 'PT3M');
  assert.equal(settings['maxSizeInMegabytes'], 2048);
  assert.equal(settings['timeToLive'], 'P7D');
  assert.equal(settings['maxDeliveryCount'], 10);
  assert.equal(settings['maxMessageSizeInKilobytes'], null);
  assert.equal(settings['location'], undefined);
  assert.equal((await settingsOf(''))['lockDuration'], 'PT2M');
});

test('numbers and truth values may be texts, as pulumi config set writes them', async () => {
  const settings = await settingsOf('config:\n  teams:maxDeliveryCount: "5"\n  teams:sessions: "false"\n');
  assert.equal(settings['maxDeliveryCount'], 5);
  assert.equal(settings['sessions'], false);
});

test('a wrong value is refused with its place; a secret is not shown', async () => {
  await assert.rejects(
    settingsOf('config:\n  teams:maxDeliveryCount: often\n'),
    refusal(/Pulumi\.dev\.yaml:2:\d+: config\["teams:maxDeliveryCount"\]: must be a whole number, not 'often'/),
  );
  await assert.rejects(settingsOf('config:\n  teams:sessions: perhaps\n'), refusal(/must be true or false/));
  await assert.rejects(
    settingsOf('config:\n  teams:queueName:\n    secure: v1:abc\n'),
    (error: Error) => /must not be a secret/.test(error.message) && !error.message.includes('abc'),
  );
});
