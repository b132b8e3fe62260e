import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { Network } from '../../components/network';
import { registrationsOf } from './component-scene';

it('without a job of the worker, the network has no subnet for Container Apps; given addresses come in beside the endpoint', async () => {
  const seen = await registrationsOf(
    () =>
      new Network('network', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        network: { addressSpace: '10.40.0.0/24', allowedIpRanges: ['203.0.113.0/24'] },
        namespaceId: 'bus-id',
        namespaceName: 'bus',
        apps: false,
      }),
  );
  assert.deepEqual(seen.names('azure-native:network:Subnet'), ['endpoints-subnet']);
  const { inputs } = seen.get('network-rules');
  assert.equal(inputs['publicNetworkAccess'], 'Enabled');
  assert.equal(inputs['defaultAction'], 'Deny');
  assert.deepEqual(inputs['ipRules'], [{ ipMask: '203.0.113.0/24', action: 'Allow' }]);
});
