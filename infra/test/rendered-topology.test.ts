import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEYS, type Kind } from '../settings/keys';
import { renderTopology } from '../rendered-topology';
import description from '../topology.json';
import { projectConfig } from './stack-config';

const KIND_OF_TYPE = {
  string: 'text',
  integer: 'integer',
  boolean: 'boolean',
  array: 'list',
  object: 'map',
} as const satisfies Record<string, Kind>;

describe('Pulumi.yaml', () => {
  const config = projectConfig();

  test('has the keys that the program reads, with their types', () => {
    assert.deepEqual(
      Object.fromEntries(Object.entries(config).map(([key, { type }]) => [key, KIND_OF_TYPE[type]])),
      KEYS,
    );
  });

  test('has a default and a description of each', () => {
    for (const [key, { default: value, description: text }] of Object.entries(config)) {
      assert.notEqual(value, undefined, key);
      assert.ok(text.length > 10 && !text.endsWith('.'), key);
    }
  });

  test('has the defaults of topology.json, where 0 or an empty text is none', () => {
    for (const [key, value] of Object.entries(description.settings)) {
      const own = config[key]?.default;
      assert.deepEqual(own === 0 || own === '' ? null : own, value, key);
    }
  });
});

describe('the topology', () => {
  test('of layout worker: the queue with all that the worker wants, the plain intake queue, the outcomes', () => {
    assert.deepEqual(renderTopology(description.settings), {
      queues: {
        requests: {
          name: 'model-retraining-queue',
          properties: {
            maxDeliveryCount: 10,
            lockDuration: 'PT1M',
            requiresSession: true,
            requiresDuplicateDetection: true,
            duplicateDetectionHistoryTimeWindow: 'PT10M',
            defaultMessageTimeToLive: 'P14D',
            deadLetteringOnMessageExpiration: true,
            maxSizeInMegabytes: 1024,
          },
        },
        intake: {
          name: 'retraining-intake',
          properties: {
            requiresDuplicateDetection: true,
            defaultMessageTimeToLive: 'P14D',
            deadLetteringOnMessageExpiration: true,
          },
        },
      },
      topics: {
        outcomes: {
          name: 'model-retraining-outcomes',
          properties: { requiresDuplicateDetection: true },
          subscriptions: {
            status: { name: 'status', properties: { defaultMessageTimeToLive: 'P14D' } },
            notify: {
              name: 'notify',
              properties: { lockDuration: 'PT5M', maxDeliveryCount: 1000, defaultMessageTimeToLive: 'P14D' },
            },
          },
        },
      },
    });
  });

  test('of layout plain: one queue with two properties', () => {
    assert.deepEqual(renderTopology({ ...description.settings, layout: 'plain' }), {
      queues: {
        requests: { name: 'model-retraining-queue', properties: { maxDeliveryCount: 10, lockDuration: 'PT1M' } },
      },
      topics: {},
    });
  });

  test('has the properties whose settings are set', () => {
    const { queues } = renderTopology({ ...description.settings, maxMessageSizeInKilobytes: 2048, sessions: false });
    assert.equal(queues['requests']?.properties['maxMessageSizeInKilobytes'], 2048);
    assert.equal(queues['requests']?.properties['requiresSession'], false);
  });

  test('of a layout or with a setting that there is not is an error of the program', () => {
    assert.throws(() => renderTopology({ ...description.settings, layout: 'other' }), /no layout other/);
    const { queueName: _, ...rest } = description.settings;
    assert.throws(() => renderTopology(rest), /queueName, which there is not/);
  });
});
