import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { subnetsOf } from '../../components/address-space';
import { isRestricted, Network, publicNetworkAccess } from '../../components/network';
import { registrationsOf } from './component-scene';

it('without a private endpoint, given addresses reach the namespace, and there is no network', async () => {
  const network = { addressSpace: undefined, allowedIpRanges: ['203.0.113.0/24', '198.51.100.7'] };
  const seen = await registrationsOf(
    () =>
      new Network('network', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        network,
        namespaceId: 'bus-id',
        namespaceName: 'bus',
        apps: true,
      }),
  );
  assert.deepEqual(seen.names(), ['network-rules']);
  const { inputs } = seen.get('network-rules');
  assert.equal(inputs['publicNetworkAccess'], 'Enabled');
  assert.equal(inputs['defaultAction'], 'Deny');
  assert.deepEqual(inputs['ipRules'], [
    { ipMask: '203.0.113.0/24', action: 'Allow' },
    { ipMask: '198.51.100.7', action: 'Allow' },
  ]);
});

it('a namespace has no public address only when a private endpoint is the one way in', () => {
  const [none, some] = [[], ['203.0.113.0/24']];
  const space = '10.40.0.0/24';
  assert.equal(publicNetworkAccess({ addressSpace: space, allowedIpRanges: none }), 'Disabled');
  assert.equal(publicNetworkAccess({ addressSpace: space, allowedIpRanges: some }), 'Enabled');
  assert.equal(publicNetworkAccess({ addressSpace: undefined, allowedIpRanges: none }), 'Enabled');
  assert.equal(isRestricted({ addressSpace: undefined, allowedIpRanges: none }), false);
  assert.equal(isRestricted({ addressSpace: undefined, allowedIpRanges: some }), true);
  assert.equal(isRestricted({ addressSpace: space, allowedIpRanges: none }), true);
});

it('subnets are the first of the address space, and a space without room for them is refused', () => {
  assert.deepEqual(subnetsOf('10.40.0.0/24'), { apps: '10.40.0.0/25', endpoints: '10.40.0.128/27' });
  assert.deepEqual(subnetsOf('172.16.0.0/12'), { apps: '172.16.0.0/25', endpoints: '172.16.0.128/27' });
  for (const space of ['10.40.0.0/25', '10.40.0.128/24', '10.400.0.0/24', 'anything', '10.40.0.0'])
    assert.throws(() => subnetsOf(space), new RegExp(space.replaceAll('.', '\\.')));
});
