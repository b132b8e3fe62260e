import * as assert from 'node:assert/strict';
import { it } from 'node:test';
import { Alerts } from '../../components/alerts';
import { registrationsOf } from './component-scene';

it('without mail addresses there are alerts, but no action group; without storage events none on them', async () => {
  const seen = await registrationsOf(
    () =>
      new Alerts('alerts', {
        resourceGroupName: 'group',
        location: 'West US',
        tags: {},
        emails: [],
        namespaceId: 'bus-id',
        watchedQueues: ['model-retraining-queue'],
        systemTopicId: undefined,
      }),
  );
  assert.deepEqual(seen.names(), ['dead-letters', 'server-errors', 'throttled-requests', 'waiting-messages']);
  for (const name of seen.names()) assert.deepEqual(seen.get(name).inputs['actions'], []);
});
