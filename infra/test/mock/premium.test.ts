import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MockAzure, mockAzure, runProgram } from './mock-azure';

describe('stack premium', () => {
  let azure: MockAzure;
  let outputs: Awaited<ReturnType<typeof runProgram>>;

  before(async () => {
    azure = await mockAzure('premium', {
      image: 'images.example.com/worker:1',
      maxMessageSizeInKilobytes: 2048,
      capacity: 2,
    });
    outputs = await runProgram();
  });

  test('has units of its own, over the zones of its region, and is closed to public networks', () => {
    const { inputs } = azure.find('servicebus:Namespace', 'retrain-premium');
    assert.deepEqual(inputs['sku'], { name: 'Premium', tier: 'Premium', capacity: 2 });
    assert.equal(inputs['zoneRedundant'], true);
    assert.equal(inputs['location'], 'West US 2');
    assert.equal(inputs['publicNetworkAccess'], 'Disabled');
    assert.equal(inputs['minimumTlsVersion'], '1.2');
  });

  test('takes larger messages on the queue of requests', () => {
    assert.equal(azure.find('servicebus:Queue', 'requests').inputs['maxMessageSizeInKilobytes'], 2048);
  });

  test('tells no connection string', () => {
    assert.deepEqual(
      Object.keys(outputs).filter((name) => name.includes('connection_string')),
      [],
    );
  });
});
