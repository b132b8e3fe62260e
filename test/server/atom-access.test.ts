import assert from 'node:assert/strict';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AccessRule } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import { childOf, childrenOf } from '../../src/server/atom/xml-element.ts';
import { AtomPeer, descriptionOf, refusalOf, valueOf } from './atom-peer.ts';
import type { AtomReply } from './atom-peer.ts';

// Who may do what at the admin API (docs: service-bus-sas.md, "Rights required for Service Bus operations").

const QUEUE = 'QueueDescription';
const key = (name: string): string => `key-of-the-rule-${name}`;
const signer = (name: string) => ({ name, key: key(name) });
const RULES: readonly AccessRule[] = [
  { name: 'sender', rights: ['Send'], primaryKey: key('sender') },
  { name: 'listener', rights: ['Listen'], primaryKey: key('listener') },
  { name: 'manager', rights: ['Manage'], primaryKey: key('manager'), secondaryKey: key('manager-second') },
  { name: 'owner', queue: 'q', rights: ['Manage'], primaryKey: key('owner') },
  { name: 'reader', queue: 'q', rights: ['Listen'], primaryKey: key('reader') },
];
const QUEUES = ['q', 'q/other', 'p'].map((name) => parseQueueDescription({ name }));

const start = (context: Parameters<typeof AtomPeer.start>[0]) =>
  AtomPeer.start(context, { queues: QUEUES, rules: RULES });
const statusOf = async (reply: Promise<AtomReply>) => (await reply).status;

test('the right Manage is needed for everything but rules', async (context) => {
  const peer = await start(context);
  for (const name of ['sender', 'listener']) {
    const options = { signer: signer(name) };
    for (const [method, path, claims] of [
      ['GET', 'q', 'Manage,EntityRead'],
      ['GET', '$Resources/queues', 'Manage,EntityRead'],
      ['GET', '$namespaceinfo', 'Manage,EntityRead'],
      ['PUT', 'new', 'Manage,EntityWrite'],
      ['DELETE', 'q', 'Manage,EntityDelete'],
    ] as const)
      assert.deepEqual(refusalOf(await peer.send(method, path, options)), [
        401,
        '401',
        `${claims} claims required for this operation.`,
      ]);
  }
  for (const secret of [signer('manager'), { name: 'manager', key: key('manager-second') }])
    assert.equal(await statusOf(peer.get('q', { signer: secret })), 200);
  assert.deepEqual(refusalOf(await peer.get('t/Subscriptions/s/Rules', { signer: signer('sender') }))[0], 401);
  assert.deepEqual(refusalOf(await peer.get('t/Subscriptions/s/Rules', { signer: signer('listener') }))[0], 404);
});

test("a queue's rule gives rights on that queue only", async (context) => {
  const peer = await start(context);
  const options = { signer: signer('owner') };
  assert.equal(await statusOf(peer.get('Q', options)), 200);
  assert.equal(await statusOf(peer.update('q', QUEUE, '', options)), 200);
  for (const path of ['q/other', 'p', 'new', '$Resources/queues', '$namespaceinfo'])
    assert.equal(await statusOf(peer.get(path, options)), 401, path);
  assert.equal(await statusOf(peer.put('q/new', QUEUE, '', options)), 401);
  assert.equal(await statusOf(peer.get('q', { signer: signer('reader') })), 401);
  assert.equal(await statusOf(peer.delete('q', options)), 200);
  assert.equal(await statusOf(peer.get('q', options)), 401, 'its rules have gone with it');
});

test('a token is good for what it is for and what lies under it, until it expires', async (context) => {
  const peer = await start(context);
  const withToken = (resource: string, path: string, expiresInMs?: number) =>
    peer.get(path, { authorization: peer.token(resource, signer('manager'), expiresInMs) });
  const base = `https://${peer.host}`;
  for (const resource of [base, `${base}/`, 'sb://other.host/', `${base}/q?api-version=2021-05`, 'sb://any/Q/'])
    assert.equal(await statusOf(withToken(resource, 'q')), 200, resource);
  assert.equal(await statusOf(withToken(`${base}/$Resources`, '$resources/queues')), 200);
  assert.match(refusalOf(await withToken(`${base}/p`, 'q'))[2], /InvalidAudience: The token is for 'p', not for 'q'/);
  assert.match(refusalOf(await withToken(base, 'q', -60_000))[2], /ExpiredToken: The token has expired at /);
  await peer.clock.leap(301_000);
  assert.equal(await statusOf(withToken(base, 'q')), 200);
});

test('without a token that can be verified nobody is let in, and is told why', async (context) => {
  const peer = await start(context);
  const said = async (authorization?: string) =>
    refusalOf(await peer.get('q', authorization === undefined ? { signer: null } : { authorization }));
  assert.deepEqual(await said(), [401, '401', 'MissingToken: The authorization header was not found.']);
  assert.match(
    (await said('Bearer ey.ey.sig'))[2],
    /^InvalidToken: Only shared access signatures can be verified here\. .*--auth none/,
  );
  assert.match((await said('SharedAccessSignature sr=x'))[2], /not a shared access signature/);
  assert.match((await said(peer.token('sb://x/', { name: 'manager', key: 'wrong' })))[2], /InvalidSignature/);
  assert.match((await said(peer.token('sb://x/', signer('nobody'))))[2], /InvalidSignature/);
  const large = await peer.send('PUT', 'new', { signer: null, body: 'x'.repeat(1024 * 1024) });
  assert.equal(large.status, 401, 'and no body is looked at');
});

test('with auth none everybody is let in, but for whose token says that it has expired', async (context) => {
  const peer = await AtomPeer.start(context, { auth: 'none' });
  assert.equal((await peer.put('q', QUEUE, '', { signer: null })).status, 201);
  const jwt = (exp: number) => `Bearer e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.sig`;
  const nowS = peer.clock.wallMs() / 1000;
  assert.equal(await statusOf(peer.get('q', { authorization: jwt(nowS + 60) })), 200);
  assert.match(refusalOf(await peer.get('q', { authorization: jwt(nowS - 60) }))[2], /ExpiredToken/);
  assert.match(
    refusalOf(await peer.get('q', { authorization: peer.token('sb://x/', undefined, -60_000) }))[2],
    /ExpiredToken/,
  );
});

test('who lets a queue forward must be allowed to manage where it forwards to', async (context) => {
  const peer = await start(context);
  const options = { signer: signer('owner') };
  const forward = (element: string, headers: Record<string, string> = {}) =>
    peer.update('q', QUEUE, `<${element}>p</${element}>`, { ...options, headers });
  for (const [element, header] of [
    ['ForwardTo', 'ServiceBusSupplementaryAuthorization'],
    ['ForwardDeadLetteredMessagesTo', 'ServiceBusDlqSupplementaryAuthorization'],
  ] as const) {
    assert.match(
      refusalOf(await forward(element))[2],
      /^To forward to 'p' the header ServiceBusSupplementaryAuthorization/,
    );
    assert.match(
      refusalOf(await forward(element, { [header]: peer.token(`sb://x/q`, signer('manager')) }))[2],
      /InvalidAudience/,
    );
    assert.match(
      refusalOf(await forward(element, { [header]: peer.token(`sb://x/p`, signer('sender')) }))[2],
      /Manage claims on 'p' required/,
    );
    assert.equal(await statusOf(forward(element, { [header]: peer.token(`sb://x/p`, signer('manager')) })), 200);
    assert.equal(await statusOf(forward(element)), 200, 'where it forwards to already needs no right');
    await peer.update('q', QUEUE, '', options);
  }
  // The Go client signs the name alone, the JavaScript client the host without a scheme.
  assert.equal(
    await statusOf(forward('ForwardTo', { ServiceBusSupplementaryAuthorization: peer.token('p', signer('manager')) })),
    200,
  );
  assert.equal(
    await statusOf(
      peer.put('new', QUEUE, '<ForwardTo>p</ForwardTo>', {
        headers: { ServiceBusSupplementaryAuthorization: peer.token(peer.host) },
      }),
    ),
    201,
  );
});

test('a token for one queue does not let it forward to another, whatever the rule that signed it', async (context) => {
  const peer = await start(context);
  const authorization = peer.token(`https://${peer.host}/q`);
  const forward = (headers: Record<string, string> = {}) =>
    peer.update('q', QUEUE, '<ForwardTo>p</ForwardTo>', { authorization, headers });
  assert.match(refusalOf(await forward())[2], /^To forward to 'p' the header ServiceBusSupplementaryAuthorization/);
  assert.match(
    refusalOf(await forward({ host: 'q', ServiceBusSupplementaryAuthorization: authorization }))[2],
    /^InvalidAudience/,
    'though the client calls the host as the queue is called',
  );
  assert.equal(valueOf(await peer.get('q'), 'ForwardTo'), undefined);
  assert.equal(await statusOf(forward({ ServiceBusSupplementaryAuthorization: peer.token('sb://x/p') })), 200);
});

const ruleXml = (name: string, rights: readonly string[], keys = ''): string =>
  `<AuthorizationRule i:type="SharedAccessAuthorizationRule"><ClaimType>SharedAccessKey</ClaimType><ClaimValue>None</ClaimValue><Rights>${rights.map((right) => `<AccessRights>${right}</AccessRights>`).join('')}</Rights><KeyName>${name}</KeyName>${keys}</AuthorizationRule>`;
const rulesXml = (...rules: string[]): string => `<AuthorizationRules>${rules.join('')}</AuthorizationRules>`;

function rulesOf(reply: AtomReply): Record<string, Record<string, string | readonly string[]>> {
  const rules = childrenOf(childOf(descriptionOf(reply), 'AuthorizationRules'), 'AuthorizationRule');
  return Object.fromEntries(
    rules.map((rule) => [
      childOf(rule, 'KeyName')?.text ?? '',
      {
        rights: childrenOf(childOf(rule, 'Rights'), 'AccessRights').map(({ text }) => text),
        primaryKey: childOf(rule, 'PrimaryKey')?.text ?? '',
        secondaryKey: childOf(rule, 'SecondaryKey')?.text ?? '',
      },
    ]),
  );
}

const KEYS = `<PrimaryKey>${key('app')}</PrimaryKey><SecondaryKey>${key('app-second')}</SecondaryKey>`;

test('rules of a new queue are in force at once, with the keys that were given or made, and after a restart', async (context) => {
  const peer = await AtomPeer.start(context);
  const made = await peer.put(
    'q',
    QUEUE,
    rulesXml(ruleXml('app', ['Manage', 'Send', 'Listen'], KEYS), ruleXml('made', ['Send'])),
  );
  const rules = rulesOf(made);
  assert.deepEqual(rules['app'], {
    rights: ['Manage', 'Send', 'Listen'],
    primaryKey: key('app'),
    secondaryKey: key('app-second'),
  });
  assert.deepEqual(rules['made']?.['rights'], ['Send']);
  assert.match(String(rules['made']?.['primaryKey']), /^[A-Za-z0-9+/]{43}=$/);
  assert.match(made.text, /<CreatedTime>20.*Z<\/CreatedTime><ModifiedTime>20.*Z<\/ModifiedTime><KeyName>/);
  for (const secret of [key('app'), key('app-second')])
    assert.equal(await statusOf(peer.get('q', { signer: { name: 'app', key: secret } })), 200);
  const stored = await readFile(join(peer.folder, 'access-rules.json'), 'utf8');
  assert.match(stored, /key-of-the-rule-app-second/);
  await peer.restart();
  assert.deepEqual(rulesOf(await peer.get('q', { signer: signer('app') })), rules);
});

test('an update replaces the rules that it gives, keeps keys that it leaves out, and says nothing about what it leaves out', async (context) => {
  const peer = await AtomPeer.start(context);
  const made = rulesOf(
    await peer.put('q', QUEUE, rulesXml(ruleXml('app', ['Manage'], KEYS), ruleXml('old', ['Send']))),
  );
  assert.deepEqual(rulesOf(await peer.update('q', QUEUE, '')), made);
  const changed = rulesOf(
    await peer.update(
      'q',
      QUEUE,
      rulesXml(ruleXml('old', ['Listen']), ruleXml('app', ['Manage'], `<PrimaryKey>${key('next')}</PrimaryKey>`)),
    ),
  );
  assert.deepEqual(changed, {
    old: { ...made['old'], rights: ['Listen'] },
    app: { rights: ['Manage'], primaryKey: key('next'), secondaryKey: key('app-second') },
  });
  assert.equal(await statusOf(peer.get('q', { signer: signer('app') })), 401, 'the former key is worth nothing');
  assert.equal(await statusOf(peer.get('q', { signer: { name: 'app', key: key('next') } })), 200);
  assert.deepEqual(rulesOf(await peer.update('q', QUEUE, '<AuthorizationRules />')), {});
  assert.equal(await statusOf(peer.get('q', { signer: { name: 'app', key: key('next') } })), 401);
  await peer.restart();
  assert.deepEqual(rulesOf(await peer.get('q')), {});
});

test('rules that cannot be in force are refused, and the queue is not made', async (context) => {
  const peer = await AtomPeer.start(context);
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      rulesXml(...Array.from({ length: 13 }, (_, index) => ruleXml(`r${index}`, ['Send']))),
      /queue 'q' has more than 12 access rules/,
    ],
    [rulesXml(ruleXml('a', ['Send']), ruleXml('a', ['Listen'])), /access rule 'a' is given twice for queue 'q'/],
    [rulesXml(ruleXml('a', [])), /access rule 'a' has no rights/],
    [rulesXml(ruleXml('a', ['Fly'])), /The authorization rule 'a' has the right 'Fly'/],
    [rulesXml(ruleXml('a', ['Send'], '<PrimaryKey>short</PrimaryKey>')), /the primary access key of rule 'a'/],
    [rulesXml(ruleXml('', ['Send'])), /An authorization rule has no KeyName/],
    [
      rulesXml(ruleXml('a', ['Send']).replace('SharedAccessAuthorizationRule', 'AllowRule')),
      /has the type 'AllowRule'/,
    ],
  ];
  for (const [inner, said] of cases) {
    const [status, , detail] = refusalOf(await peer.put('q', QUEUE, inner));
    assert.equal(status, 400);
    assert.match(detail, said);
  }
  assert.deepEqual(peer.server.admin.queues.names, []);
});

test('a queue whose rules cannot be kept is not made', async (context) => {
  const peer = await AtomPeer.start(context);
  const path = join(peer.folder, 'access-rules.json');
  await mkdir(path);
  const [status, , said] = refusalOf(await peer.put('q', QUEUE, rulesXml(ruleXml('app', ['Manage'], KEYS))));
  assert.equal(status, 503);
  assert.match(said, /access-rules\.json cannot be written: .*; see to the disk and to who may write there\.$/);
  assert.deepEqual(peer.server.admin.queues.names, []);
  await rmdir(path);
  assert.equal(await statusOf(peer.put('q', QUEUE, rulesXml(ruleXml('app', ['Manage'], KEYS)))), 201);
});

test('rules go with their queue: another one of its name begins without them, also after a restart', async (context) => {
  const peer = await AtomPeer.start(context);
  const inner = rulesXml(ruleXml('app', ['Manage'], KEYS));
  await peer.put('q', QUEUE, inner);
  await peer.delete('q');
  assert.deepEqual(rulesOf(await peer.put('q', QUEUE, '')), {});
  assert.doesNotMatch(await readFile(join(peer.folder, 'access-rules.json'), 'utf8').catch(() => ''), /"app"/);
  await peer.delete('q');
  await peer.put('q', QUEUE, inner);
  // Deleted by the program that the broker runs in, not through the API.
  await peer.server.admin.queues.delete('q');
  await peer.server.admin.queues.create({ name: 'q' });
  assert.equal(await statusOf(peer.get('q', { signer: signer('app') })), 401);
});

test('rules that are still in the file are not those of another queue of the name', async (context) => {
  const peer = await AtomPeer.start(context);
  const path = join(peer.folder, 'access-rules.json');
  await peer.put('q', QUEUE, rulesXml(ruleXml('app', ['Manage'], KEYS)));
  const before = await readFile(path, 'utf8');
  await peer.delete('q');
  await peer.clock.leap(1);
  await peer.put('q', QUEUE, '');
  await peer.server.close();
  await writeFile(path, before);
  await peer.startServer();
  assert.deepEqual(rulesOf(await peer.get('q')), {});
  assert.doesNotMatch(await readFile(path, 'utf8'), /"app"/);
});

test('a declared rule is shown, can have other keys, and neither goes nor changes its rights', async (context) => {
  const declared = { name: 'app', queue: 'q', rights: ['Send', 'Listen'] } as const;
  const peer = await AtomPeer.start(context, { queues: QUEUES, rules: [declared] });
  const shown = rulesOf(await peer.get('q'));
  assert.deepEqual(shown['app']?.['rights'], ['Send', 'Listen']);
  assert.match(
    refusalOf(await peer.update('q', QUEUE, '<AuthorizationRules />'))[2],
    /access rule 'app' of 'q' is declared at the start \(--access-rule\), so it cannot be left out here/,
  );
  assert.match(
    refusalOf(await peer.update('q', QUEUE, rulesXml(ruleXml('app', ['Send']))))[2],
    /with the rights Send,Listen, not Send; change it there/,
  );
  const inner = rulesXml(ruleXml('app', ['Listen', 'Send'], KEYS), ruleXml('more', ['Send']));
  const changed = rulesOf(await peer.update('q', QUEUE, inner));
  assert.deepEqual(Object.keys(changed), ['app', 'more']);
  assert.equal(changed['app']?.['primaryKey'], key('app'));
  await peer.restart({ queues: QUEUES, rules: [declared] });
  assert.deepEqual(rulesOf(await peer.get('q')), {
    ...changed,
    app: { ...changed['app'], rights: ['Send', 'Listen'] },
  });
  await peer.restart({ queues: QUEUES, rules: [] });
  assert.deepEqual(
    Object.keys(rulesOf(await peer.get('q'))),
    ['more'],
    'a declared rule is in force as long as it is declared',
  );
});
