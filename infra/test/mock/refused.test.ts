import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mockAzure, runProgram } from './mock-azure';

test('settings that do not fit together fail before anything is registered or asked', async () => {
  const azure = await mockAzure('dev', { sku: 'Basic', lockDuration: 'PT6M' });
  await assert.rejects(
    runProgram(),
    /retrain:lockDuration: "PT6M" is longer than PT5M[^]*retrain:sku: "Basic" has no sessions/,
  );
  assert.deepEqual(azure.resources, []);
  assert.deepEqual(azure.calls, []);
});
