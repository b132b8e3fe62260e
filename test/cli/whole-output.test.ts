import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli, startBroker, temporaryFolder } from './cli-process.ts';

test('what a command prints arrives whole: it does not end before its reader has taken it', async (t) => {
  const folder = await temporaryFolder(t);
  const config = join(folder, 'namespace.json');
  // As text, ten times what a pipe holds.
  const queues = Array.from({ length: 700 }, (_, index) => ({ name: `q${index}`, userMetadata: 'x'.repeat(1_000) }));
  await writeFile(config, JSON.stringify({ queues }));
  const { env } = await startBroker(t, { data: join(folder, 'data'), args: ['--config', config] });
  const { code, stdout, stderr } = await runCli(['topology', 'export'], { env });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^queues:\n/);
  assert.match(stdout, /topics: \[\]\n$/);
  assert.equal(stdout.match(/userMetadata: x{1000}\n/g)?.length, queues.length);
});
