import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { record, type Recording } from './recorder';

const TEAM = 'bbbbbbbb-0000-0000-0000-000000000002';

describe('stack prod, as the engine is told', () => {
  let recording: Recording;

  before(async () => {
    recording = await record('prod', {
      image: 'images.example.com/worker:1',
      workerPrincipalIds: [TEAM],
      namespaceName: 'fixed-name',
    });
  });

  test('namespace, queues and topic are protected', () => {
    const kept = recording.registrations.filter(({ protect }) => protect).map(({ key }) => key);
    for (const key of [
      'servicebus:Namespace retrain-prod',
      'servicebus:Queue intake',
      'servicebus:Queue requests',
      'servicebus:Topic outcomes',
    ])
      assert.ok(kept.includes(key), key);
  });

  test('a namespace whose name is fixed goes before its successor comes', () => {
    assert.equal(recording.get('servicebus:Namespace retrain-prod').deleteBeforeReplace, true);
  });

  test('a role comes after what it is for', () => {
    assert.deepEqual(recording.get(`authorization:RoleAssignment intake-receiver-${TEAM}`).dependencies, [
      'servicebus:Queue intake',
    ]);
    assert.deepEqual(recording.get(`authorization:RoleAssignment outcomes-sender-${TEAM}`).dependencies, [
      'servicebus:Topic outcomes',
    ]);
  });

  test('the lock comes after all that is beneath the namespace, so that it goes first', () => {
    const beneath = recording.registrations
      .filter(
        ({ type, parent }) =>
          type.startsWith('azure-native:servicebus:') ||
          (type.endsWith(':RoleAssignment') && parent === 'retrain:infra:Access access'),
      )
      .map(({ key }) => key);
    const { dependencies } = recording.get('authorization:ManagementLockByScope namespace-lock');
    assert.deepEqual(
      beneath.filter((key) => !dependencies.includes(key)),
      [],
    );
    assert.ok(beneath.length >= 6 + 5);
  });

  test('outputs that the stack has not are absent', () => {
    const outputs = recording.outputs.get('pulumi:pulumi:Stack retrain-prod') ?? {};
    assert.equal(outputs['fully_qualified_namespace'], 'fixed-name.servicebus.windows.net');
    assert.deepEqual(
      Object.entries(outputs).filter(([name, value]) => name.includes('connection_string') || value === null),
      [],
    );
  });
});
