import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { StorageEvents } from '../../components/storage-events';
import { registrationsOf } from './component-scene';

it('without prefix and suffix, all blobs of the data container count, and those of no container whose name begins so', async () => {
  const seen = await registrationsOf(
    () =>
      new StorageEvents('storage-events', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        events: { dataContainerName: 'data', blobPrefix: undefined, blobSuffix: undefined },
        accountId: 'account',
        deadLetterContainerId: 'dead-letters',
        intakeQueueId: 'intake',
      }),
  );
  const filter = seen.get('storage-events-to-intake').inputs['filter'] as Record<string, unknown>;
  assert.equal(filter['subjectBeginsWith'], '/blobServices/default/containers/data/blobs/');
  assert.ok(!('subjectEndsWith' in filter));
});
