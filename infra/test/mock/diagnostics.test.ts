import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { Diagnostics } from '../../components/diagnostics';
import { registrationsOf } from './component-scene';

it('all logs and metrics of namespace and blob service go to a workspace that keeps them for so many days', async () => {
  const seen = await registrationsOf(
    () =>
      new Diagnostics('diagnostics', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: { environment: 'test' },
        retentionDays: 90,
        namespaceId: 'bus-id',
        blobServiceId: 'blob-id',
      }),
  );
  const { inputs } = seen.get('workspace');
  assert.deepEqual(inputs, {
    resourceGroupName: 'group',
    location: 'West US',
    tags: { environment: 'test' },
    sku: { name: 'PerGB2018' },
    retentionInDays: 90,
  });
  for (const [name, resourceUri, category] of [
    ['namespace-logs', 'bus-id', 'AllMetrics'],
    ['blob-logs', 'blob-id', 'Transaction'],
  ] as const) {
    const setting = seen.get(name).inputs;
    assert.match(String(setting['workspaceId']), /Workspace\/workspace$/);
    assert.deepEqual(
      [setting['resourceUri'], setting['logs'], setting['metrics']],
      [resourceUri, [{ categoryGroup: 'allLogs', enabled: true }], [{ category, enabled: true }]],
    );
  }
});
