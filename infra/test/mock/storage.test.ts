import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Storage } from '../../components/storage';
import { registrationsOf, valueOf } from './component-scene';
import type { Registrations } from './component-scene';

const tags = { environment: 'test' };

describe('the storage account with storage events', () => {
  let seen: Registrations;
  let component: Storage;
  before(async () => {
    seen = await registrationsOf(() => {
      component = new Storage('storage', {
        resourceGroupName: 'group',
        location: 'West US',
        tags,
        replication: 'Standard_ZRS',
        events: { dataContainerName: 'training-data', blobPrefix: undefined, blobSuffix: undefined },
        protect: true,
      });
      return component;
    });
  });

  it('is entered by Entra ID and TLS 1.2 only, and shows nothing to the public', () => {
    const { inputs } = seen.get('storage');
    assert.deepEqual(
      { ...inputs, tags: undefined },
      {
        resourceGroupName: 'group',
        location: 'West US',
        tags: undefined,
        kind: 'StorageV2',
        sku: { name: 'Standard_ZRS' },
        minimumTlsVersion: 'TLS1_2',
        enableHttpsTrafficOnly: true,
        allowBlobPublicAccess: false,
        allowSharedKeyAccess: false,
        allowCrossTenantReplication: false,
        defaultToOAuthAuthentication: true,
      },
    );
    assert.deepEqual(inputs['tags'], tags);
  });
  it('has a container for the registry, one for the data and one for undelivered events', () => {
    const containers = seen.names('azure-native:storage:BlobContainer');
    assert.deepEqual(containers, ['data', 'event-dead-letters', 'models']);
    assert.deepEqual(
      containers.map((name) => seen.get(name).inputs['containerName']),
      ['training-data', 'event-dead-letters', 'models'],
    );
    for (const name of containers) assert.equal(seen.get(name).inputs['publicAccess'], 'None');
  });
  it('keeps deleted blobs and containers for two weeks', () => {
    const { inputs } = seen.get('blob-service');
    assert.deepEqual(inputs['deleteRetentionPolicy'], { enabled: true, days: 14 });
    assert.deepEqual(inputs['containerDeleteRetentionPolicy'], { enabled: true, days: 14 });
    assert.equal(inputs['blobServicesName'], 'default');
  });
  it('protects account and containers', () => {
    for (const name of ['storage', 'data', 'models', 'event-dead-letters'])
      assert.equal(seen.get(name).protect, true, name);
  });
  it('tells addresses of containers without a slash too many', async () => {
    assert.equal(await valueOf(component.blobEndpoint), 'https://storage.blob.core.windows.net');
    assert.equal(await valueOf(component.registryContainerUrl), 'https://storage.blob.core.windows.net/models');
    assert.ok(component.dataContainerUrl);
    assert.equal(await valueOf(component.dataContainerUrl), 'https://storage.blob.core.windows.net/training-data');
  });
  it('is one component with everything in it', () => {
    for (const { type, name, parent } of seen.all)
      assert.equal(parent, type === 'retrain:infra:Storage' ? undefined : 'storage', name);
  });
});
