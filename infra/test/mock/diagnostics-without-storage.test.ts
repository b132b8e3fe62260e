import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { Diagnostics } from '../../components/diagnostics';
import { registrationsOf } from './component-scene';

it('without a storage account there are the logs of the namespace', async () => {
  const seen = await registrationsOf(
    () =>
      new Diagnostics('diagnostics', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        retentionDays: 30,
        namespaceId: 'bus-id',
        blobServiceId: undefined,
      }),
  );
  assert.deepEqual(seen.names(), ['namespace-logs', 'workspace']);
});
