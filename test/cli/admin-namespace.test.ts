import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { withAdmin } from '../../src/cli/admin-client.ts';
import { AdminNamespace } from '../../src/cli/admin-namespace.ts';
import { parseConnection } from '../../src/retraining/connection.ts';
import { startServer } from '../../src/server/index.ts';
import { type NamespaceDescription, planNamespace } from '../../src/topology/index.ts';
import { namespaceText } from '../../src/topology/file/index.ts';
import { namespaceArbitrary } from '../topology/namespace-arbitrary.ts';

test('a broker becomes any namespace by the official admin client, and tells exactly that namespace', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'retrain-admin-'));
  try {
    await using server = await startServer({ dataFolder, amqpPort: 0, httpPort: 0, queues: [] });
    const connection = parseConnection(server.connectionString);
    const written = (namespace: NamespaceDescription) => namespaceText(namespace, { notation: 'yaml' });
    await fc.assert(
      fc.asyncProperty(namespaceArbitrary, async (wanted) => {
        await withAdmin(connection, async (admin) => {
          const namespace = new AdminNamespace(admin);
          const { steps, refusals } = planNamespace(await namespace.read(), wanted, { prune: true });
          assert.deepEqual(refusals, []);
          for (const step of steps) await namespace.carryOut(step);
          const after = await namespace.read();
          assert.equal(await written(after), await written(wanted));
          assert.deepEqual(planNamespace(after, wanted, { prune: true }).steps, []);
        });
      }),
      { numRuns: 25 },
    );
  } finally {
    await rm(dataFolder, { recursive: true });
  }
});
