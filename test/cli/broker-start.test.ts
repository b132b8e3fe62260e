import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startCli, temporaryFolder } from './cli-process.ts';

/** What only the admin API, TLS, WebSockets and files need. */
const NOT_AT_THE_START =
  /\/node_modules\/(fast-xml-parser|ws|yaml|jsonc-parser|@azure|@peculiar|pkijs)\/|\/server\/atom\/|\/topology\/file\/(yaml|json)-text|\/network\/(tls-identity|local-authority|make-certificate)/;

/** Every file of code that a process has loaded, by what V8 says of it when it ends. */
async function loadedFiles(folder: string): Promise<string[]> {
  const urls = new Set<string>();
  for (const name of await readdir(folder)) {
    const { result } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { result: { url: string }[] };
    for (const { url } of result) if (url.startsWith('file:')) urls.add(fileURLToPath(url));
  }
  return [...urls];
}

test('a broker loads what only some clients need when the first of them comes', async (t) => {
  const folder = await temporaryFolder(t);
  const coverage = join(folder, 'coverage');
  const args = ['broker', '--data', join(folder, 'data'), '--amqp-port', '0', '--http-port', '0', '--json'];
  const cli = startCli(t, args, { env: { NODE_V8_COVERAGE: coverage } });
  await cli.printed(/\n/);
  cli.child.kill('SIGTERM');
  assert.equal((await cli.finished).code, 0);
  const loaded = await loadedFiles(coverage);
  assert.ok(loaded.some((file) => file.endsWith('gateway.js')));
  assert.deepEqual(
    loaded.filter((file) => NOT_AT_THE_START.test(file)),
    [],
  );
});
