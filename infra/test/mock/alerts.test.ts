import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Alerts } from '../../components/alerts';
import { registrationsOf } from './component-scene';
import type { Registrations } from './component-scene';

const tags = { environment: 'test' };

describe('alerts', () => {
  let seen: Registrations;
  const criterion = (name: string): Record<string, unknown> =>
    (seen.get(name).inputs['criteria'] as { allOf: Record<string, unknown>[] }).allOf[0] ?? {};
  before(async () => {
    seen = await registrationsOf(
      () =>
        new Alerts('alerts', {
          resourceGroupName: 'group',
          location: 'West US',
          tags,
          emails: ['team@example.com', 'boss@example.com'],
          namespaceId: 'bus-id',
          watchedQueues: ['model-retraining-queue', 'retraining-intake'],
          systemTopicId: 'topic-id',
        }),
    );
  });

  it('are mailed to everybody', () => {
    const { inputs } = seen.get('alert-mails');
    assert.deepEqual(inputs['emailReceivers'], [
      { name: 'mail-1', emailAddress: 'team@example.com', useCommonAlertSchema: true },
      { name: 'mail-2', emailAddress: 'boss@example.com', useCommonAlertSchema: true },
    ]);
    assert.ok(String(inputs['groupShortName']).length <= 12);
    for (const name of seen.names('azure-native:monitor:MetricAlert'))
      assert.match(JSON.stringify(seen.get(name).inputs['actions']), /alert-mails"\}\]$/);
  });
  it('tell of the first dead letter, in any queue or subscription', () => {
    assert.deepEqual(criterion('dead-letters'), {
      criterionType: 'StaticThresholdCriterion',
      name: 'dead-letters',
      metricNamespace: 'Microsoft.ServiceBus/namespaces',
      metricName: 'DeadletteredMessages',
      timeAggregation: 'Maximum',
      operator: 'GreaterThan',
      threshold: 0,
      dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }],
    });
    assert.deepEqual(seen.get('dead-letters').inputs['scopes'], ['bus-id']);
  });
  it('tell of a queue that was not empty at any time of an hour', () => {
    const { inputs } = seen.get('waiting-messages');
    assert.equal(inputs['windowSize'], 'PT1H');
    const { metricName, timeAggregation, threshold, dimensions } = criterion('waiting-messages');
    assert.deepEqual([metricName, timeAggregation, threshold], ['ActiveMessages', 'Minimum', 0]);
    assert.deepEqual(dimensions, [
      { name: 'EntityName', operator: 'Include', values: ['model-retraining-queue', 'retraining-intake'] },
    ]);
  });
  it('tell of a namespace at its limits, of a service that fails, and of events that were given up', () => {
    assert.equal(criterion('throttled-requests')['metricName'], 'ThrottledRequests');
    assert.equal(criterion('server-errors')['metricName'], 'ServerErrors');
    assert.equal(criterion('undelivered-events')['metricName'], 'DeadLetteredCount');
    assert.deepEqual(seen.get('undelivered-events').inputs['scopes'], ['topic-id']);
  });
  it('are on, resolve themselves, say what to do, and have tags', () => {
    const alerts = seen.names('azure-native:monitor:MetricAlert');
    assert.equal(alerts.length, 5);
    for (const name of alerts) {
      const { inputs } = seen.get(name);
      assert.equal(inputs['enabled'], true);
      assert.equal(inputs['autoMitigate'], true);
      assert.equal(inputs['location'], 'Global');
      assert.ok(String(inputs['description']).length > 20);
      assert.ok(Number(inputs['severity']) >= 1 && Number(inputs['severity']) <= 3);
      assert.deepEqual(inputs['tags'], tags);
    }
  });
});
