import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MockAzure, mockAzure, runProgram } from './mock-azure';

describe('stack dev', () => {
  let azure: MockAzure;
  let outputs: Awaited<ReturnType<typeof runProgram>>;

  before(async () => {
    azure = await mockAzure('dev');
    outputs = await runProgram();
  });

  test('leaves the name of the namespace to the provider, which makes it unique', () => {
    const { inputs } = azure.find('servicebus:Namespace', 'retrain-dev');
    assert.equal('namespaceName' in inputs, false);
    assert.deepEqual(inputs['sku'], { name: 'Standard', tier: 'Standard' });
    assert.equal('zoneRedundant' in inputs, false);
    assert.equal(azure.find('resources:ResourceGroup', 'resource-group').inputs['resourceGroupName'], 'retrain-dev');
  });

  test('has the queue that the worker wants', () => {
    assert.deepEqual(azure.find('servicebus:Queue', 'requests').inputs, {
      resourceGroupName: 'retrain-dev',
      namespaceName: 'retrain-dev0123abcd',
      queueName: 'model-retraining-queue',
      maxDeliveryCount: 10,
      lockDuration: 'PT1M',
      requiresSession: true,
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: 'PT10M',
      defaultMessageTimeToLive: 'P14D',
      deadLetteringOnMessageExpiration: true,
      maxSizeInMegabytes: 1024,
    });
  });

  test('has the intake queue without sessions, and the outcome topic with its two subscriptions', () => {
    assert.deepEqual(azure.find('servicebus:Queue', 'intake').inputs, {
      resourceGroupName: 'retrain-dev',
      namespaceName: 'retrain-dev0123abcd',
      queueName: 'retraining-intake',
      requiresDuplicateDetection: true,
      defaultMessageTimeToLive: 'P14D',
      deadLetteringOnMessageExpiration: true,
    });
    assert.deepEqual(azure.names('servicebus:Topic'), ['outcomes']);
    assert.deepEqual(azure.find('servicebus:Subscription', 'notify').inputs, {
      resourceGroupName: 'retrain-dev',
      namespaceName: 'retrain-dev0123abcd',
      topicName: 'model-retraining-outcomes',
      subscriptionName: 'notify',
      lockDuration: 'PT5M',
      maxDeliveryCount: 1000,
      defaultMessageTimeToLive: 'P14D',
    });
    assert.equal(azure.find('servicebus:Subscription', 'status').inputs['subscriptionName'], 'status');
  });

  test('lets producers send to the queue of requests only, and workers listen and send, and nobody manage', () => {
    assert.deepEqual(azure.names('servicebus:NamespaceAuthorizationRule'), ['worker']);
    assert.deepEqual(azure.find('servicebus:NamespaceAuthorizationRule', 'worker').inputs, {
      resourceGroupName: 'retrain-dev',
      namespaceName: 'retrain-dev0123abcd',
      authorizationRuleName: 'worker',
      rights: ['Listen', 'Send'],
    });
    assert.deepEqual(azure.names('servicebus:QueueAuthorizationRule'), ['producer']);
    assert.deepEqual(azure.find('servicebus:QueueAuthorizationRule', 'producer').inputs, {
      resourceGroupName: 'retrain-dev',
      namespaceName: 'retrain-dev0123abcd',
      queueName: 'model-retraining-queue',
      authorizationRuleName: 'producer',
      rights: ['Send'],
    });
  });

  test('has the key of the root rule read by nobody', () => {
    assert.deepEqual(azure.calls.map(({ inputs }) => String(inputs['authorizationRuleName'])).sort(), [
      'producer',
      'worker',
    ]);
  });

  test('tells names in the open and connection strings as secrets, the primary one the worker has', () => {
    const namespace = 'Endpoint=sb://retrain-dev0123abcd.servicebus.windows.net/';
    const worker = { value: `${namespace};SharedAccessKeyName=worker;SharedAccessKey=key-of-worker`, secret: true };
    assert.deepEqual(outputs, {
      resource_group_name: { value: 'retrain-dev', secret: false },
      namespace_name: { value: 'retrain-dev0123abcd', secret: false },
      fully_qualified_namespace: { value: 'retrain-dev0123abcd.servicebus.windows.net', secret: false },
      queue_name: { value: 'model-retraining-queue', secret: false },
      sessions: { value: true, secret: false },
      intake_queue_name: { value: 'retraining-intake', secret: false },
      outcome_topic_name: { value: 'model-retraining-outcomes', secret: false },
      status_subscription_name: { value: 'status', secret: false },
      notify_subscription_name: { value: 'notify', secret: false },
      primary_connection_string: worker,
      producer_connection_string: {
        value: `${namespace};SharedAccessKeyName=producer;SharedAccessKey=key-of-producer;EntityPath=model-retraining-queue`,
        secret: true,
      },
      worker_connection_string: worker,
    });
  });
});
