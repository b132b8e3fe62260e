import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MockAzure, mockAzure, runProgram } from './mock-azure';

// The program of the beginning, verbatim.
describe('stack seed', () => {
  let azure: MockAzure;
  let outputs: Awaited<ReturnType<typeof runProgram>>;

  before(async () => {
    azure = await mockAzure('seed');
    outputs = await runProgram();
  });

  test('is a resource group, a namespace and a queue, and nothing else on Azure', () => {
    const onAzure = azure.resources.filter(({ type }) => type.startsWith('azure-native:'));
    assert.deepEqual(
      onAzure.map(({ type, name }) => `${type} ${name}`),
      [
        'azure-native:resources:ResourceGroup resource-group',
        'azure-native:servicebus:Namespace retrain-seed',
        'azure-native:servicebus:Queue requests',
      ],
    );
  });

  test('has the names, region and tier of the beginning', () => {
    assert.deepEqual(azure.find('resources:ResourceGroup', 'resource-group').inputs, {
      resourceGroupName: 'my-ai-resources',
      location: 'West US',
      tags: {},
    });
    assert.deepEqual(azure.find('servicebus:Namespace', 'retrain-seed').inputs, {
      resourceGroupName: 'my-ai-resources',
      namespaceName: 'ai-model-retraining-namespace',
      location: 'West US',
      sku: { name: 'Standard', tier: 'Standard' },
      // What Azure has when nothing is said.
      minimumTlsVersion: '1.2',
      disableLocalAuth: false,
      publicNetworkAccess: 'Enabled',
      tags: {},
    });
  });

  test('has the queue of the beginning: ten deliveries, a lock of a minute, no sessions', () => {
    assert.deepEqual(azure.find('servicebus:Queue', 'requests').inputs, {
      resourceGroupName: 'my-ai-resources',
      namespaceName: 'ai-model-retraining-namespace',
      queueName: 'model-retraining-queue',
      maxDeliveryCount: 10,
      lockDuration: 'PT1M',
    });
  });

  test('has the outputs of the beginning, the connection string of the root rule as a secret', () => {
    assert.deepEqual(outputs, {
      resource_group_name: { value: 'my-ai-resources', secret: false },
      namespace_name: { value: 'ai-model-retraining-namespace', secret: false },
      fully_qualified_namespace: { value: 'ai-model-retraining-namespace.servicebus.windows.net', secret: false },
      queue_name: { value: 'model-retraining-queue', secret: false },
      sessions: { value: false, secret: false },
      primary_connection_string: {
        value:
          'Endpoint=sb://ai-model-retraining-namespace.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=key-of-RootManageSharedAccessKey',
        secret: true,
      },
    });
  });
});
