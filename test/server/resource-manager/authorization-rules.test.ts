import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { StartOptions } from '../../../src/server/index.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { ROOT_KEY } from '../atom-peer.ts';
import { ArmPeer, NAMESPACE, errorOf } from './arm-peer.ts';
import type { ArmBody } from './arm-peer.ts';

// Authorization rules of the namespace, of queues and of topics (docs: rest/api/servicebus, "Authorization Rules").

const ROOT = 'RootManageSharedAccessKey';
const MADE = /^[A-Za-z0-9+/]{43}=$/;
const KEY = Buffer.alloc(32, 7).toString('base64');
const ALL = ['Manage', 'Send', 'Listen'];
const QUEUES = ['q', 'a/b'].map((name) => parseQueueDescription({ name }));

/** Owners of rules: where they are, their ids and types as the service writes them, and what tokens of theirs are good for. */
const OWNERS = [
  {
    path: `${NAMESPACE}/AuthorizationRules`,
    type: 'Microsoft.ServiceBus/namespaces/AuthorizationRules',
    entity: undefined,
    opens: 'q',
  },
  {
    path: `${NAMESPACE}/queues/q/authorizationRules`,
    type: 'Microsoft.ServiceBus/namespaces/queues/authorizationRules',
    entity: 'q',
    opens: 'q',
  },
  {
    path: `${NAMESPACE}/queues/a~b/authorizationRules`,
    type: 'Microsoft.ServiceBus/namespaces/queues/authorizationRules',
    entity: 'a/b',
    opens: 'a/b',
  },
  {
    path: `${NAMESPACE}/topics/t/authorizationRules`,
    type: 'Microsoft.ServiceBus/namespaces/topics/authorizationRules',
    entity: 't',
    opens: 't',
  },
] as const;
const [OF_NAMESPACE, OF_QUEUE] = OWNERS;

async function start(context: TestContext, options: Partial<StartOptions> = {}): Promise<ArmPeer> {
  const peer = await ArmPeer.startWithNamespace(context, { queues: QUEUES, ...options });
  await peer.atom.server.admin.topics.create({ name: 't' });
  return peer;
}

const rights = (...given: string[]) => ({ properties: { rights: given } });
const namesOf = ({ value = [] }: ArmBody) => value.map(({ name }) => name);
/** Whether a key of a rule is good for what it opens. */
const opens = async (peer: ArmPeer, owner: (typeof OWNERS)[number], key: unknown, name = 'app') =>
  (await peer.atom.get(owner.opens, { signer: { name, key: String(key) } })).status === 200;

test('a rule is made, shown, listed, changed and deleted', async (context) => {
  const peer = await start(context);
  for (const { path, type, entity } of OWNERS) {
    const rule = (...given: string[]) => ({
      id: `${path}/app`,
      name: 'app',
      type,
      location: 'westus',
      ...rights(...given),
    });
    const made = await peer.put(`${path}/app`, rights('Listen'));
    assert.deepEqual([made.status, made.body], [200, rule('Listen')]);
    assert.deepEqual((await peer.put(`${path}/app`, rights('send', 'Listen'))).body, rule('Send', 'Listen'));
    const shown = await peer.get(`${path.toUpperCase()}/app`);
    assert.deepEqual([shown.status, shown.body], [200, rule('Send', 'Listen')]);
    const list = await peer.get(path);
    assert.equal(list.status, 200);
    assert.deepEqual(namesOf(list.body), entity === undefined ? ['app', ROOT] : ['app']);
    assert.deepEqual(list.body.value?.[0], rule('Send', 'Listen'));
    assert.equal((await peer.delete(`${path}/app`)).status, 200);
    assert.equal((await peer.delete(`${path}/app`)).status, 204);
    assert.deepEqual(errorOf(await peer.get(`${path}/app`)), [
      404,
      'ResourceNotFound',
      `The resource '${path}/app' was not found. Create it first, or correct its name.`,
    ]);
  }
});

test('a rule is found whatever the case of its name, but for others that are called just so', async (context) => {
  const peer = await start(context, {
    rules: [
      { name: 'two', rights: ['Send'] },
      { name: 'TWO', rights: ['Listen'] },
    ],
  });
  for (const { path } of OWNERS) {
    await peer.put(`${path}/app`, rights('Send'));
    const other = `${path}/APP`;
    assert.equal((await peer.get(other)).body.name, 'app');
    assert.deepEqual((await peer.put(other, rights('Listen'))).body.properties, { rights: ['Listen'] });
    assert.equal((await peer.post(`${other}/listKeys`, {})).body['keyName'], 'app');
    assert.equal((await peer.post(`${other}/regenerateKeys`, { keyType: 'PrimaryKey' })).body['keyName'], 'app');
    assert.equal((await peer.delete(other)).status, 200);
    assert.equal((await peer.get(`${path}/app`)).status, 404);
  }
  for (const [name, right] of [
    ['two', 'Send'],
    ['TWO', 'Listen'],
  ])
    assert.deepEqual((await peer.get(`${OF_NAMESPACE.path}/${name}`)).body.properties, { rights: [right] });
});

test('a list is sorted, and shown in pages if that is wanted', async (context) => {
  const peer = await start(context);
  const { path } = OF_NAMESPACE;
  for (const name of ['z', 'a']) await peer.put(`${path}/${name}`, rights('Send'));
  const first = await peer.get(path, { query: '&$top=2' });
  assert.deepEqual(namesOf(first.body), ['a', ROOT]);
  const next = new URL(first.body.nextLink ?? '');
  assert.equal(next.host, peer.atom.host);
  const second = await peer.get(next.pathname, { query: next.search.replace(/^\?/, '&'), apiVersion: null });
  assert.deepEqual([namesOf(second.body), second.body.nextLink], [['z'], undefined]);
});

test('its keys are listed with connection strings for the address that was asked, and kept by nobody between', async (context) => {
  const peer = await start(context);
  for (const owner of OWNERS) {
    await peer.put(`${owner.path}/app`, rights(...ALL));
    const { status, headers, body } = await peer.post(`${owner.path}/app/listKeys`, {});
    const { primaryKey, secondaryKey } = body;
    const text = (key: unknown) =>
      `Endpoint=sb://${peer.atom.host};SharedAccessKeyName=app;SharedAccessKey=${String(key)};UseDevelopmentEmulator=true${owner.entity === undefined ? '' : `;EntityPath=${owner.entity}`}`;
    assert.deepEqual(
      [status, headers['cache-control'], body],
      [
        200,
        'no-store',
        {
          keyName: 'app',
          primaryKey,
          secondaryKey,
          primaryConnectionString: text(primaryKey),
          secondaryConnectionString: text(secondaryKey),
        },
      ],
    );
    assert.notEqual(primaryKey, secondaryKey);
    for (const key of [primaryKey, secondaryKey]) {
      assert.match(String(key), MADE);
      assert.ok(await opens(peer, owner, key));
    }
    assert.doesNotMatch((await peer.get(`${owner.path}/app`)).text, /Key/, 'the rule itself shows none');
  }
});

test('the connection string names the host and port that the client has reached', async (context) => {
  const peer = await start(context);
  const endpointFor = async (host: string) => {
    const { body } = await peer.post(`${OF_NAMESPACE.path}/${ROOT}/listKeys`, {}, { headers: { host } });
    return /^Endpoint=([^;]*)/.exec(String(body['primaryConnectionString']))?.[1];
  };
  assert.equal(await endpointFor('broker.example:8443'), 'sb://broker.example:8443');
  assert.equal(await endpointFor('broker.example'), 'sb://broker.example:80');
  assert.equal(await endpointFor('[::1]:5300'), 'sb://[::1]:5300');
  const refused = await peer.post(`${OF_NAMESPACE.path}/${ROOT}/listKeys`, {}, { headers: { host: 'a:b:c' } });
  assert.deepEqual(errorOf(refused), [
    400,
    'BadRequest',
    'The header Host is no host name, so no connection string can be made for it.',
  ]);
});

test('a renewed key is another one, or the one that is given; the former opens nothing any more, the other key what it did', async (context) => {
  const peer = await start(context);
  for (const owner of OWNERS) {
    const app = `${owner.path}/app`;
    await peer.put(app, rights(...ALL));
    const { body: former } = await peer.post(`${app}/listKeys`, {});
    const first = await peer.post(`${app}/regenerateKeys`, { keyType: 'PrimaryKey' });
    assert.deepEqual([first.status, first.headers['cache-control']], [200, 'no-store']);
    assert.match(String(first.body['primaryKey']), MADE);
    assert.equal(first.body['secondaryKey'], former['secondaryKey']);
    assert.equal(await opens(peer, owner, former['primaryKey']), false);
    assert.equal(await opens(peer, owner, first.body['primaryKey']), true);
    const second = await peer.post(`${app}/regenerateKeys`, { keyType: 'secondaryKey', key: KEY });
    assert.equal(second.body['secondaryKey'], KEY);
    assert.match(String(second.body['secondaryConnectionString']), new RegExp(`SharedAccessKey=${KEY};`));
    assert.equal(second.body['primaryKey'], first.body['primaryKey']);
    assert.deepEqual(
      await Promise.all([former['secondaryKey'], KEY, first.body['primaryKey']].map((key) => opens(peer, owner, key))),
      [false, true, true],
    );
    assert.deepEqual((await peer.post(`${app}/listKeys`, {})).body, second.body);
  }
});

test('rules and keys are there after a restart', async (context) => {
  const peer = await start(context);
  const all = async () => {
    const found: unknown[] = [];
    for (const { path } of OWNERS)
      found.push((await peer.get(path)).body, (await peer.post(`${path}/app/listKeys`, {})).body);
    // The port is another one after the restart.
    return JSON.stringify(found).replaceAll(`:${peer.atom.server.httpPort}`, '');
  };
  for (const { path } of OWNERS) {
    await peer.put(`${path}/app`, rights('Send'));
    await peer.post(`${path}/app/regenerateKeys`, { keyType: 'PrimaryKey' });
  }
  const before = await all();
  await peer.atom.restart();
  assert.equal(await all(), before);
});

test('rules go with what they were given to', async (context) => {
  const peer = await start(context);
  for (const { path } of OWNERS) await peer.put(`${path}/app`, rights('Send'));
  await peer.atom.delete('q');
  await peer.atom.server.admin.queues.create({ name: 'q' });
  assert.deepEqual(namesOf((await peer.get(OF_QUEUE.path)).body), []);
  assert.deepEqual(namesOf((await peer.get(OF_NAMESPACE.path)).body), ['app', ROOT]);
  assert.equal((await peer.delete(NAMESPACE)).status, 202);
  await peer.until(async () => (await peer.get(NAMESPACE)).status === 404);
  await peer.makeNamespace();
  assert.deepEqual(namesOf((await peer.get(OF_NAMESPACE.path)).body), [ROOT]);
  assert.doesNotMatch(await readFile(join(peer.atom.folder, 'access-rules.json'), 'utf8'), /"app"/);
});

test('what no rule can be is refused, and nothing is made of it', async (context) => {
  const peer = await start(context);
  const list = 'properties.rights must be a list with one or more of Send, Listen, Manage.';
  const wrong: readonly (readonly [name: string, body: object, said: RegExp | string])[] = [
    ['app', {}, list],
    ['app', rights(), list],
    ['app', { properties: { rights: 'Send' } }, list],
    ['app', { properties: [] }, "'properties' must be a JSON object."],
    ['app', rights('Fly'), 'properties.rights has "Fly"; rights are Send, Listen, Manage.'],
    ['app', rights('Manage'), /^properties\.rights has Manage, which includes Send and Listen: name all three\.$/],
    ['app', rights('Manage', 'Send'), /name all three/],
    ['a'.repeat(51), rights('Send'), /must have 1 to 50 letters, digits, periods, hyphens and underscores/],
    ['a b', rights('Send'), /must have 1 to 50 letters/],
  ];
  for (const { path, entity } of OWNERS) {
    for (const [name, body, said] of wrong) {
      const [status, code, text] = errorOf(await peer.put(`${path}/${encodeURIComponent(name)}`, body));
      assert.deepEqual([status, code], [400, 'BadRequest'], text);
      if (typeof said === 'string') assert.equal(text, said);
      else assert.match(text, said);
    }
    const room = entity === undefined ? 11 : 12;
    for (let count = 0; count < room; count++) await peer.put(`${path}/r${count}`, rights('Send'));
    const [status, , said] = errorOf(await peer.put(`${path}/one-too-many`, rights('Send')));
    assert.equal(status, 400);
    assert.match(said, /has more than 12 access rules/);
    assert.equal((await peer.get(path)).body.value?.length, 12);
  }
});

test('a key stays when no connection string can be made with the one that would follow', async (context) => {
  const peer = await start(context);
  const path = `${OF_NAMESPACE.path}/app`;
  await peer.put(path, rights('Send'));
  const before = (await peer.post(`${path}/listKeys`, {})).body;
  const refused = await peer.post(`${path}/regenerateKeys`, { keyType: 'PrimaryKey' }, { headers: { host: 'x:y' } });
  assert.deepEqual(errorOf(refused).slice(0, 2), [400, 'BadRequest']);
  assert.deepEqual((await peer.post(`${path}/listKeys`, {})).body, before);
});

test('what is wrong with a key or its kind is said without the key', async (context) => {
  const peer = await start(context);
  const app = `${OF_QUEUE.path}/app`;
  await peer.put(app, rights('Send'));
  const { body: former } = await peer.post(`${app}/listKeys`, {});
  const types = 'keyType must be PrimaryKey or SecondaryKey.';
  const key = /^key must be base64 of 32 bytes, which are 44 characters/;
  for (const [body, said] of [
    [{}, types],
    [{ keyType: 'AllKeys' }, types],
    [{ keyType: 'PrimaryKey', key: 'not-base64-of-anything' }, key],
    [{ keyType: 'PrimaryKey', key: '' }, key],
    [{ keyType: 'PrimaryKey', key: Buffer.alloc(33, 1).toString('base64') }, key],
    [{ keyType: 'PrimaryKey', key: 7 }, key],
  ] as const) {
    const [status, , text] = errorOf(await peer.post(`${app}/regenerateKeys`, body));
    assert.equal(status, 400);
    if (typeof said === 'string') assert.equal(text, said);
    else assert.match(text, said);
    assert.ok(!text.includes('not-base64'));
  }
  assert.deepEqual((await peer.post(`${app}/listKeys`, {})).body, former);
});

test('there is nothing of a rule, a queue or a topic that is not there', async (context) => {
  const peer = await start(context);
  for (const { path } of OWNERS)
    for (const work of [
      peer.post(`${path}/none/listKeys`, {}),
      peer.post(`${path}/none/regenerateKeys`, { keyType: 'PrimaryKey' }),
      peer.get(`${path}/none`),
    ])
      assert.deepEqual(errorOf(await work).slice(0, 2), [404, 'ResourceNotFound']);
  // Queues and topics share their names, but not their paths.
  for (const owner of ['queues/none', 'queues/t', 'topics/none', 'topics/q']) {
    const path = `${NAMESPACE}/${owner}/authorizationRules`;
    for (const work of [
      peer.get(path),
      peer.put(`${path}/app`, rights('Send')),
      peer.delete(`${path}/app`),
      peer.post(`${path}/app/listKeys`, {}),
    ])
      assert.deepEqual(errorOf(await work).slice(0, 2), [404, 'ParentResourceNotFound'], owner);
  }
});

test('the root rule stays as it is, and the key that the broker was given', async (context) => {
  const peer = await start(context);
  const root = `${OF_NAMESPACE.path}/${ROOT}`;
  assert.deepEqual((await peer.get(root)).body.properties, { rights: ['Send', 'Listen', 'Manage'] });
  const { body } = await peer.post(`${root}/listKeys`, {});
  assert.deepEqual(Object.keys(body), ['keyName', 'primaryKey', 'primaryConnectionString']);
  assert.equal(body['primaryKey'], ROOT_KEY);
  assert.equal((await peer.put(root, rights(...ALL))).status, 200);
  for (const [work, said] of [
    [peer.delete(root), /is there always, so it cannot be deleted/],
    [peer.put(root, rights('Send')), /always has the rights Send,Listen,Manage/],
    [
      peer.post(`${root}/regenerateKeys`, { keyType: 'PrimaryKey' }),
      /was given to the broker \(RETRAIN_ACCESS_KEY or --emulator\), so it cannot be changed here/,
    ],
  ] as const) {
    const [status, code, text] = errorOf(await work);
    assert.deepEqual([status, code], [400, 'BadRequest']);
    assert.match(text, said);
    assert.ok(!text.includes(ROOT_KEY));
  }
});

test('a rule that was declared at the start is shown, its keys can be renewed, and the rest is refused', async (context) => {
  const peer = await start(context, { rules: [{ name: 'app', queue: 'q', rights: ['Send', 'Listen', 'Manage'] }] });
  const app = `${OF_QUEUE.path}/app`;
  assert.equal((await peer.put(app, rights(...ALL))).status, 200);
  for (const [work, said] of [
    [peer.delete(app), /is declared at the start \(--access-rule\), so it cannot be left out here; start the broker/],
    [peer.put(app, rights('Send')), /is declared at the start \(--access-rule\) with the rights .*; change it there/],
  ] as const) {
    const [status, , text] = errorOf(await work);
    assert.equal(status, 400);
    assert.match(text, said);
  }
  const { body } = await peer.post(`${app}/regenerateKeys`, { keyType: 'PrimaryKey' });
  assert.ok(await opens(peer, OF_QUEUE, body['primaryKey']));
  await peer.atom.restart();
  assert.ok(await opens(peer, OF_QUEUE, body['primaryKey']));
});

test('a change that cannot be written is refused, and not in force', async (context) => {
  const peer = await start(context);
  const app = `${OF_QUEUE.path}/app`;
  await peer.put(app, rights(...ALL));
  const { body: keys } = await peer.post(`${app}/listKeys`, {});
  const path = join(peer.atom.folder, 'access-rules.json');
  await rename(path, `${path}.away`);
  await mkdir(path);
  for (const work of [
    peer.put(`${OF_NAMESPACE.path}/other`, rights('Send')),
    peer.post(`${app}/regenerateKeys`, { keyType: 'PrimaryKey' }),
    peer.delete(app),
  ]) {
    const [status, code, said] = errorOf(await work);
    assert.deepEqual([status, code], [503, 'ServiceUnavailable']);
    assert.match(said, /access-rules\.json.* cannot be written/);
  }
  assert.deepEqual((await peer.post(`${app}/listKeys`, {})).body, keys);
  assert.ok(await opens(peer, OF_QUEUE, keys['primaryKey']));
  assert.deepEqual(namesOf((await peer.get(OF_NAMESPACE.path)).body), [ROOT]);
  await rmdir(path);
  await rename(`${path}.away`, path);
});

test('a rule with Manage that was made so lets in here, one without does not', async (context) => {
  const peer = await start(context);
  const { path } = OF_NAMESPACE;
  await peer.put(`${path}/manager`, rights(...ALL));
  await peer.put(`${path}/sender`, rights('Send'));
  const as = async (name: string) => {
    const { body } = await peer.post(`${path}/${name}/listKeys`, {});
    const token = peer.atom.token(`https://${peer.atom.host}/`, { name, key: String(body['primaryKey']) });
    return (await peer.get(path, { authorization: `Bearer ${token}` })).status;
  };
  assert.deepEqual([await as('manager'), await as('sender')], [200, 403]);
});
