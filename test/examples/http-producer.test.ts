import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { readRequest } from '../../src/retraining/envelope.ts';
import { RetrainListener } from '../../src/retraining/listener/listener.ts';
import { listenerSettingsSchema } from '../../src/retraining/listener/listener-settings.ts';
import { addRequestRoutes } from '../../src/retraining/listener/request-routes.ts';
import { openWorld } from '../retraining/worker/worker-fixture.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', '..', 'examples', 'http-producer', 'request.mjs');
const TOKEN = 'a-token-of-enough-characters';

const run = promisify(execFile);

test('the example sends a request by HTTP, once however often it is called, and says what is wrong', async (t) => {
  const world = await openWorld(t);
  const listener = new RetrainListener({ settings: listenerSettingsSchema.parse({ port: 0, tokens: [TOKEN] }) });
  addRequestRoutes(listener, { producer: world.producer });
  await listener.start();
  t.after(() => listener.stop());
  const env = { ...process.env, RETRAIN_URL: listener.url, RETRAIN_TOKEN: TOKEN };
  const args = [SCRIPT, 'births', 'https://example.net/births-2024.csv'];
  const first = await run(process.execPath, args, { env });
  assert.equal(first.stdout, 'accepted births|https://example.net/births-2024.csv\n');
  const second = await run(process.execPath, args, { env });
  assert.equal(second.stdout, first.stdout);
  const messages = await world.peek();
  assert.equal(messages.length, 1);
  const read = messages[0] && readRequest(messages[0]);
  assert.ok(read?.kind === 'valid');
  assert.equal(read.event.data.data[0]?.uri, 'https://example.net/births-2024.csv');

  const refused = run(process.execPath, [SCRIPT, '../births'], { env });
  await assert.rejects(refused, { code: 1, stderr: /Unprocessable Entity: request: model\.name[^]*#\/model\/name: / });
  const stranger = run(process.execPath, args, { env: { ...env, RETRAIN_TOKEN: 'x' } });
  await assert.rejects(stranger, { code: 1, stderr: /Unauthorized: no valid token/ });
});
