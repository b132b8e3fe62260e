import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Network } from '../../components/network';
import { registrationsOf, valueOf } from './component-scene';
import type { Registrations } from './component-scene';

const tags = { environment: 'test' };

describe('the network of a namespace with a private endpoint', () => {
  let seen: Registrations;
  let component: Network;
  before(async () => {
    seen = await registrationsOf(() => {
      component = new Network('network', {
        resourceGroupName: 'group',
        location: 'West US',
        tags,
        network: { addressSpace: '10.40.0.0/22', allowedIpRanges: [] },
        namespaceId: 'bus-id',
        namespaceName: 'bus',
        apps: true,
      });
      return component;
    });
  });

  it('lets nobody in from outside but trusted services', () => {
    assert.deepEqual(seen.get('network-rules').inputs, {
      resourceGroupName: 'group',
      namespaceName: 'bus',
      defaultAction: 'Deny',
      publicNetworkAccess: 'Disabled',
      trustedServiceAccessEnabled: true,
      ipRules: [],
    });
  });
  it('has a subnet for endpoints and one that Container Apps have to themselves, made one after the other', () => {
    assert.deepEqual(seen.get('network').inputs['addressSpace'], { addressPrefixes: ['10.40.0.0/22'] });
    assert.equal(seen.get('endpoints-subnet').inputs['addressPrefix'], '10.40.0.128/27');
    const { inputs, after } = seen.get('apps-subnet');
    assert.equal(inputs['addressPrefix'], '10.40.0.0/25');
    assert.deepEqual(inputs['delegations'], [{ name: 'container-apps', serviceName: 'Microsoft.App/environments' }]);
    assert.ok(after.includes('endpoints-subnet'));
  });
  it('has the namespace in it, by its own name', async () => {
    const endpoint = seen.get('namespace-endpoint').inputs;
    assert.deepEqual(endpoint['privateLinkServiceConnections'], [
      { name: 'namespace', privateLinkServiceId: 'bus-id', groupIds: ['namespace'] },
    ]);
    assert.match(JSON.stringify(endpoint['subnet']), /endpoints-subnet/);
    assert.equal(seen.get('dns-zone').inputs['privateZoneName'], 'privatelink.servicebus.windows.net');
    assert.match(JSON.stringify(seen.get('dns-zone-link').inputs['virtualNetwork']), /VirtualNetwork\/network/);
    const group = seen.get('namespace-endpoint-dns').inputs;
    assert.equal(group['privateEndpointName'], 'namespace-endpoint');
    assert.match(JSON.stringify(group['privateDnsZoneConfigs']), /dns-zone/);
    assert.ok(component.appsSubnetId);
    assert.match(await valueOf(component.appsSubnetId), /apps-subnet$/);
  });
  it('changes the namespace once at a time', () => {
    assert.ok(seen.get('namespace-endpoint').after.includes('network-rules'));
  });
  it('has tags on everything that can have some', () => {
    for (const name of ['network', 'dns-zone', 'dns-zone-link', 'namespace-endpoint'])
      assert.deepEqual(seen.get(name).inputs['tags'], tags, name);
  });
});
