import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isSecretOnWire, record, type Recording } from './recorder';

const STACK = 'pulumi:pulumi:Stack retrain-dev';
const GROUP = 'resources:ResourceGroup resource-group';
const NAMESPACE = 'servicebus:Namespace retrain-dev';
const MESSAGING = 'retrain:infra:Messaging messaging';
const ACCESS = 'retrain:infra:Access access';
const TOPIC = 'servicebus:Topic outcomes';

describe('stack dev, as the engine is told', () => {
  let recording: Recording;

  before(async () => {
    recording = await record('dev');
  });

  test('every resource has a place: parts in the stack, what belongs to a part in it', () => {
    const strays = recording.registrations.filter(({ key, parent }) => key !== STACK && parent === undefined);
    assert.deepEqual(strays, []);
    for (const part of [MESSAGING, ACCESS, GROUP]) assert.equal(recording.get(part).parent, STACK);
    for (const key of [
      NAMESPACE,
      TOPIC,
      'servicebus:Queue requests',
      'servicebus:Queue intake',
      'servicebus:Subscription status',
      'servicebus:Subscription notify',
    ])
      assert.equal(recording.get(key).parent, MESSAGING);
    for (const key of ['servicebus:NamespaceAuthorizationRule worker', 'servicebus:QueueAuthorizationRule producer'])
      assert.equal(recording.get(key).parent, ACCESS);
  });

  test('nothing is made before what it is made in', () => {
    assert.deepEqual(recording.get(GROUP).dependencies, []);
    assert.deepEqual(recording.get(NAMESPACE).dependencies, [GROUP]);
    for (const key of [
      'servicebus:Queue requests',
      'servicebus:Queue intake',
      TOPIC,
      'servicebus:NamespaceAuthorizationRule worker',
    ])
      assert.deepEqual(recording.get(key).dependencies, [GROUP, NAMESPACE], key);
    for (const key of ['servicebus:Subscription status', 'servicebus:Subscription notify'])
      assert.deepEqual(recording.get(key).dependencies, [GROUP, NAMESPACE, TOPIC], key);
    assert.deepEqual(recording.get('servicebus:QueueAuthorizationRule producer').dependencies, [
      GROUP,
      NAMESPACE,
      'servicebus:Queue requests',
    ]);
  });

  test('a change of what is decided at the start replaces the entity, the old one first as it has the name', () => {
    for (const key of [
      'servicebus:Queue requests',
      'servicebus:Queue intake',
      TOPIC,
      'servicebus:Subscription status',
    ]) {
      assert.deepEqual(recording.get(key).replaceOnChanges, [
        'requiresSession',
        'requiresDuplicateDetection',
        'enablePartitioning',
      ]);
      assert.equal(recording.get(key).deleteBeforeReplace, true);
    }
    // The name of this namespace has a suffix: the next one can come first.
    assert.equal(recording.get(NAMESPACE).deleteBeforeReplace, false);
  });

  test('nothing is protected, and nothing stays behind', () => {
    assert.deepEqual(
      recording.registrations.filter(({ protect, retainOnDelete }) => protect || retainOnDelete),
      [],
    );
  });

  test('outputs of the stack: connection strings are secret on the wire, names are not', () => {
    const outputs = recording.outputs.get(STACK);
    assert.ok(outputs);
    const secret = Object.keys(outputs).filter((name) => isSecretOnWire(outputs[name]));
    assert.deepEqual(secret.sort(), [
      'primary_connection_string',
      'producer_connection_string',
      'worker_connection_string',
    ]);
    assert.equal(outputs['queue_name'], 'model-retraining-queue');
    assert.equal(outputs['sessions'], true);
  });

  test('a part tells its outputs, and none of them is a key', () => {
    assert.deepEqual(recording.outputs.get(MESSAGING), {
      namespaceName: 'retrain-dev0123abcd',
      fullyQualifiedNamespace: 'retrain-dev0123abcd.servicebus.windows.net',
    });
    assert.deepEqual(recording.outputs.get(ACCESS), {});
  });
});
