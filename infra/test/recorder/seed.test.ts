import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretOnWire, record } from './recorder';

test('stack seed can be thrown away like the program of the beginning, and its key is a secret on the wire', async () => {
  const { registrations, outputs } = await record('seed');
  assert.deepEqual(
    registrations.filter(({ protect, retainOnDelete }) => protect || retainOnDelete),
    [],
  );
  const own = outputs.get('pulumi:pulumi:Stack retrain-seed') ?? {};
  assert.deepEqual(Object.keys(own).sort(), [
    'fully_qualified_namespace',
    'namespace_name',
    'primary_connection_string',
    'queue_name',
    'resource_group_name',
    'sessions',
  ]);
  assert.ok(isSecretOnWire(own['primary_connection_string']));
});
