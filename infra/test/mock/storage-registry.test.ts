import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Storage } from '../../components/storage';
import { registrationsOf } from './component-scene';
import type { Registrations } from './component-scene';

describe('the storage account of a worker without storage events', () => {
  let seen: Registrations;
  let component: Storage;
  before(async () => {
    seen = await registrationsOf(() => {
      component = new Storage('storage', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        replication: 'Standard_LRS',
        events: undefined,
        protect: false,
      });
      return component;
    });
  });

  it('has the container of the registry only', () => {
    assert.deepEqual(seen.names('azure-native:storage:BlobContainer'), ['models']);
    assert.equal(component.dataContainerId, undefined);
    assert.equal(component.deadLetterContainerId, undefined);
  });
  it('can be deleted', () => {
    assert.deepEqual(seen.names(), ['blob-service', 'models', 'storage']);
    assert.ok(seen.all.every(({ protect }) => !protect));
  });
});
