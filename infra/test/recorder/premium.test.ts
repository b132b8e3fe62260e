import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { record, type Recording } from './recorder';

describe('stack premium, as the engine is told', () => {
  let recording: Recording;

  before(async () => {
    recording = await record('premium', { image: 'images.example.com/worker:1', disableLocalAuth: false });
  });

  test('the network of the namespace is changed when nothing else of it is', () => {
    const there = recording.get('retrain:infra:Network network').dependencies;
    for (const key of [
      'servicebus:Queue requests',
      'servicebus:Subscription notify',
      'servicebus:NamespaceAuthorizationRule worker',
      'servicebus:QueueAuthorizationRule producer',
    ])
      assert.ok(there.includes(key), key);
  });

  test('events and workers come when they are let in', () => {
    for (const key of ['retrain:infra:StorageEvents storage-events', 'retrain:infra:WorkerJob worker']) {
      const there = recording.get(key).dependencies;
      assert.ok(there.includes('servicebus:NamespaceNetworkRuleSet network-rules'), key);
      assert.ok(there.includes('network:PrivateEndpoint namespace-endpoint'), key);
    }
  });
});
