import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { StorageEvents } from '../../components/storage-events';
import { registrationsOf } from './component-scene';
import type { Registrations } from './component-scene';

const BASE = '/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/group/providers';
const accountId = `${BASE}/Microsoft.Storage/storageAccounts/store`;
const deadLetterContainerId = `${accountId}/blobServices/default/containers/event-dead-letters`;
const intakeQueueId = `${BASE}/Microsoft.ServiceBus/namespaces/bus/queues/retraining-intake`;
const roleDefinition = (id: string): string =>
  `/subscriptions/00000000-0000-0000-0000-00000000000a/providers/Microsoft.Authorization/roleDefinitions/${id}`;

describe('storage events', () => {
  let seen: Registrations;
  before(async () => {
    seen = await registrationsOf(
      () =>
        new StorageEvents('storage-events', {
          resourceGroupName: 'group',
          location: 'West US',
          tags: { environment: 'test' },
          events: { dataContainerName: 'training-data', blobPrefix: 'raw/', blobSuffix: '.csv' },
          accountId,
          deadLetterContainerId,
          intakeQueueId,
        }),
    );
  });

  it('come from a system topic on the account, with an identity of its own', () => {
    const { inputs } = seen.get('storage-events');
    assert.deepEqual(inputs, {
      resourceGroupName: 'group',
      location: 'West US',
      tags: { environment: 'test' },
      source: accountId,
      topicType: 'Microsoft.Storage.StorageAccounts',
      identity: { type: 'SystemAssigned' },
    });
  });
  it('are sent by that identity, which may send to the intake queue and write undelivered events, and nothing else', () => {
    assert.deepEqual(seen.names('azure-native:authorization:RoleAssignment'), [
      'storage-events-dead-letters',
      'storage-events-sender',
    ]);
    assert.deepEqual(seen.get('storage-events-sender').inputs, {
      scope: intakeQueueId,
      principalId: 'principal-of-storage-events',
      principalType: 'ServicePrincipal',
      roleDefinitionId: roleDefinition('69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'),
    });
    assert.deepEqual(seen.get('storage-events-dead-letters').inputs, {
      scope: deadLetterContainerId,
      principalId: 'principal-of-storage-events',
      principalType: 'ServicePrincipal',
      roleDefinitionId: roleDefinition('ba92f5b4-2d11-453d-a403-e96b0029c9fe'),
    });
  });
  it('begin only when the identity may deliver them', () => {
    const { after } = seen.get('storage-events-to-intake');
    for (const role of ['storage-events-sender', 'storage-events-dead-letters']) assert.ok(after.includes(role), role);
  });
  it('are CloudEvents on the intake queue, and after a day of tries blobs', () => {
    const { inputs } = seen.get('storage-events-to-intake');
    assert.equal(inputs['eventDeliverySchema'], 'CloudEventSchemaV1_0');
    assert.deepEqual(inputs['deliveryWithResourceIdentity'], {
      identity: { type: 'SystemAssigned' },
      destination: { endpointType: 'ServiceBusQueue', resourceId: intakeQueueId },
    });
    assert.deepEqual(inputs['deadLetterWithResourceIdentity'], {
      identity: { type: 'SystemAssigned' },
      deadLetterDestination: {
        endpointType: 'StorageBlob',
        resourceId: accountId,
        blobContainerName: 'event-dead-letters',
      },
    });
    assert.deepEqual(inputs['retryPolicy'], { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 });
    for (const other of ['destination', 'deadLetterDestination']) assert.equal(inputs[other], undefined);
  });
  it('are new and whole blobs of the data container, with prefix and suffix', () => {
    assert.deepEqual(seen.get('storage-events-to-intake').inputs['filter'], {
      includedEventTypes: ['Microsoft.Storage.BlobCreated'],
      subjectBeginsWith: '/blobServices/default/containers/training-data/blobs/raw/',
      subjectEndsWith: '.csv',
      isSubjectCaseSensitive: false,
      advancedFilters: [{ operatorType: 'StringNotIn', key: 'data.api', values: ['CreateFile', 'SftpCreate'] }],
    });
  });
});
