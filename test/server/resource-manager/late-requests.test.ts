import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { ArmPeer, NAMESPACE } from './arm-peer.ts';

// Requests that are under way while what they are for goes: the namespace, or the broker.

/** Clients that each ask again as soon as they are answered. */
const STORM = 8;

/** Sends a request but for the end of its body, `{}`; returns what sends that, and resolves to status and text of the answer. */
async function begun(peer: ArmPeer, method: string, path: string): Promise<() => Promise<[number, string]>> {
  const { atom } = peer;
  const request = httpRequest({
    host: '127.0.0.1',
    port: atom.server.httpPort,
    method,
    path: `${path}?api-version=2021-11-01`,
    agent: false,
    headers: { authorization: `Bearer ${atom.token(`https://${atom.host}/`)}`, 'content-length': '2' },
  });
  request.write('{');
  // Asked on another connection: the first is being served by then.
  await peer.get(NAMESPACE);
  return async () => {
    request.end('}');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const parts = (await response.toArray()) as Buffer[];
    return [response.statusCode ?? 0, Buffer.concat(parts).toString()];
  };
}

test('what is asked of a namespace that goes before the body has come is not done', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, { queues: [] });
  const late = [
    await begun(peer, 'PUT', `${NAMESPACE}/queues/late`),
    await begun(peer, 'PUT', `${NAMESPACE}/topics/late-topic`),
    await begun(peer, 'POST', `${NAMESPACE}/AuthorizationRules/RootManageSharedAccessKey/listKeys`),
  ];
  await peer.delete(NAMESPACE);
  await peer.until(async () => (await peer.get(NAMESPACE)).status === 404);
  for (const end of late) {
    const [status, text] = await end();
    assert.equal(status, 404, text);
    assert.match(text, /ParentResourceNotFound/);
  }
  const { admin } = peer.atom.server;
  assert.deepEqual([...admin.queues.names, ...admin.topics.list()], []);
});

test('a broker that is asked for changes without end shuts down, and changes nothing after that', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, { queues: [] });
  const over = new AbortController();
  const answers = new Map<number, number>();
  const ask = async (number: number): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const rule = `${NAMESPACE}/AuthorizationRules/rule${number}`;
        const { status } = await (number % 2 === 0
          ? peer.patch(NAMESPACE, { tags: { a: String(Math.random()) } })
          : peer.put(rule, { properties: { rights: [Math.random() < 0.5 ? 'Send' : 'Listen'] } }));
        answers.set(status, (answers.get(status) ?? 0) + 1);
      } catch {
        // Its connection is cut off, or there is nobody any more.
        return;
      }
    }
  };
  const storm = Array.from({ length: STORM }, (_, number) => ask(number));
  await peer.until(async () => (await peer.get(NAMESPACE)).status === 200 && (answers.get(200) ?? 0) > STORM);
  await peer.atom.server.close();
  over.abort();
  const files = ['namespace.json', 'access-rules.json'];
  const content = () => Promise.all(files.map((name) => readFile(join(peer.atom.folder, name), 'utf8')));
  const after = await content();
  await Promise.all(storm);
  assert.deepEqual(await content(), after);
  for (const status of answers.keys()) assert.ok([200, 503].includes(status), String(status));
});
