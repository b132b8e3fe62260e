import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MockAzure, mockAzure, runProgram } from './mock-azure';

const PIPELINE = 'aaaaaaaa-0000-0000-0000-000000000001';
const TEAM = 'bbbbbbbb-0000-0000-0000-000000000002';
const SENDER = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39';
const RECEIVER = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0';

describe('stack prod', () => {
  let azure: MockAzure;
  let outputs: Awaited<ReturnType<typeof runProgram>>;

  before(async () => {
    // Whoever is both has each role once; case makes no difference.
    const ids = { producerPrincipalIds: [PIPELINE, TEAM.toUpperCase()], workerPrincipalIds: [TEAM] };
    azure = await mockAzure('prod', { image: 'images.example.com/worker:1', ...ids });
    outputs = await runProgram();
  });

  test('takes no keys: no rules, no key is read, no connection string is told', () => {
    assert.equal(azure.find('servicebus:Namespace', 'retrain-prod').inputs['disableLocalAuth'], true);
    assert.deepEqual(azure.names('servicebus:NamespaceAuthorizationRule'), []);
    assert.deepEqual(azure.names('servicebus:QueueAuthorizationRule'), []);
    assert.deepEqual(
      azure.calls.filter(({ token }) => token.includes('servicebus')),
      [],
    );
    assert.deepEqual(
      Object.keys(outputs).filter((name) => name.includes('connection_string')),
      [],
    );
    assert.equal(outputs['fully_qualified_namespace']?.value, 'retrain-prod0123abcd.servicebus.windows.net');
  });

  test('gives roles on queues and topic, none on the namespace', () => {
    const given = azure.resources
      .filter(({ name }) => name.includes(PIPELINE) || name.includes(TEAM))
      .map(({ inputs }) => ({ ...inputs, scope: String(inputs['scope']).split('/').slice(-2).join('/') }))
      .map(({ scope, ...inputs }) => ({
        scope,
        ...inputs,
        roleDefinitionId: String((inputs as never)['roleDefinitionId']),
      }));
    const subscription = '/subscriptions/11111111-2222-3333-4444-555555555555';
    const roleId = (role: string) => `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
    const expected = [
      { scope: 'Queue/model-retraining-queue', roleDefinitionId: roleId(SENDER), principalId: PIPELINE },
      { scope: 'Queue/model-retraining-queue', roleDefinitionId: roleId(SENDER), principalId: TEAM },
      { scope: 'Queue/model-retraining-queue', roleDefinitionId: roleId(RECEIVER), principalId: TEAM },
      { scope: 'Queue/retraining-intake', roleDefinitionId: roleId(RECEIVER), principalId: TEAM },
      { scope: 'Topic/model-retraining-outcomes', roleDefinitionId: roleId(RECEIVER), principalId: TEAM },
      { scope: 'Topic/model-retraining-outcomes', roleDefinitionId: roleId(SENDER), principalId: TEAM },
    ];
    const order = (one: object) => JSON.stringify(one, ['scope', 'roleDefinitionId', 'principalId', 'principalType']);
    assert.deepEqual(given.map(order).sort(), expected.map(order).sort());
  });

  test('says of no principal what it is: users, groups and identities may be set', () => {
    const ours = azure.resources.filter(({ name }) => name.includes(TEAM));
    assert.equal(ours.length, 5);
    assert.deepEqual(
      ours.filter(({ inputs }) => 'principalType' in inputs),
      [],
    );
  });

  test('locks the namespace against deletion', () => {
    const { inputs } = azure.find('authorization:ManagementLockByScope', 'namespace-lock');
    assert.equal(inputs['level'], 'CanNotDelete');
    assert.match(String(inputs['scope']), /\/Namespace\/retrain-prod0123abcd$/);
  });

  test('tags what can have tags', () => {
    assert.deepEqual(azure.find('servicebus:Namespace', 'retrain-prod').inputs['tags'], { environment: 'production' });
    assert.deepEqual(azure.find('resources:ResourceGroup', 'resource-group').inputs['tags'], {
      environment: 'production',
    });
  });
});
