import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { LIMITS } from '../../../src/server/index.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { ArmPeer, GROUP, NAMESPACE, errorOf } from './arm-peer.ts';

// Who is let in, which requests are read at all, and what nobody serves.

const PROVIDER = '/providers/Microsoft.ServiceBus';
const key = (name: string): string => `key-of-the-rule-${name}`;
const signer = (name: string) => ({ name, key: key(name) });

test('a bearer token must be a signature of a rule that may manage the namespace', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, {
    queues: [parseQueueDescription({ name: 'q' })],
    rules: [
      { name: 'manager', rights: ['Manage'], primaryKey: key('manager') },
      { name: 'sender', rights: ['Send', 'Listen'], primaryKey: key('sender') },
      { name: 'owner', queue: 'q', rights: ['Manage'], primaryKey: key('owner') },
    ],
  });
  const { atom } = peer;
  const statusWith = async (authorization: string | null) => errorOf(await peer.get(NAMESPACE, { authorization }));
  const here = `https://${atom.host}/`;
  assert.equal((await statusWith(`Bearer ${atom.token(here, signer('manager'))}`))[0], 200);
  assert.equal((await statusWith(atom.token(here, signer('manager'))))[0], 200, 'with or without Bearer');
  const jwt = `Bearer ${['{"alg":"none"}', '{}'].map((part) => Buffer.from(part).toString('base64url')).join('.')}.x`;
  for (const [authorization, status, code, wanted] of [
    [null, 401, 'AuthenticationFailed', /'Authorization' header is missing/],
    ['Bearer ', 401, 'AuthenticationFailed', /missing/],
    [jwt, 401, 'InvalidAuthenticationToken', /Send 'Bearer' and a shared access signature.*--auth none/],
    [`Bearer ${atom.token(here, signer('nobody'))}`, 401, 'InvalidAuthenticationToken', /InvalidSignature/],
    [`Bearer ${atom.token(here, undefined, -60_000)}`, 401, 'InvalidAuthenticationToken', /ExpiredToken/],
    [`Bearer ${atom.token(`${here}q`, signer('owner'))}`, 401, 'InvalidAuthenticationToken', /InvalidAudience/],
    [`Bearer ${atom.token(here, signer('sender'))}`, 403, 'AuthorizationFailed', /'sender'.*needs the right Manage/],
  ] as const) {
    const [gotStatus, gotCode, said] = await statusWith(authorization);
    assert.deepEqual([gotStatus, gotCode], [status, code]);
    assert.match(said, wanted);
  }
  const { headers } = await peer.get(NAMESPACE, { authorization: null });
  assert.equal(headers['www-authenticate'], 'Bearer');
});

test('with auth none any token is let in that has not expired, and there must be one', async (context) => {
  const peer = await ArmPeer.start(context, { auth: 'none' });
  const statusWith = async (authorization: string | null) => (await peer.get(NAMESPACE, { authorization })).status;
  assert.equal(await statusWith('Bearer whatever'), 404);
  assert.equal(await statusWith(null), 401);
  const expired = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url');
  assert.equal(await statusWith(`Bearer x.${expired}.x`), 401);
});

test('a version is a date, with or without a suffix', async (context) => {
  const peer = await ArmPeer.start(context);
  for (const apiVersion of ['2014-09-01', '2021-11-01', '2022-10-01-preview', '2026-01-01'])
    assert.equal((await peer.get(NAMESPACE, { apiVersion })).status, 404, apiVersion);
  const [status, code, said] = errorOf(await peer.get(NAMESPACE, { apiVersion: 'latest' }));
  assert.deepEqual([status, code], [400, 'InvalidApiVersionParameter']);
  assert.match(said, /'latest'.*a date such as 2021-11-01/);
  assert.deepEqual(errorOf(await peer.get(NAMESPACE, { apiVersion: null })).slice(0, 2), [
    400,
    'MissingApiVersionParameter',
  ]);
});

test('a path that names nothing here says what is missing', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  for (const [path, status, code, wanted] of [
    ['/subscriptions', 404, 'MissingSubscription', /must begin with \/subscriptions/],
    ['/providers/Microsoft.ServiceBus/operations', 404, 'MissingSubscription', /./],
    ['/subscriptions/s1', 404, 'InvalidResourceType', /none has to be made/],
    [GROUP, 404, 'InvalidResourceType', /Subscriptions and resource groups are not kept here/],
    ['/subscriptions/a%20b', 400, 'InvalidSubscriptionId', /'a b'/],
    [`/subscriptions/s1/resourceGroups/g.${PROVIDER}/namespaces`, 400, 'InvalidResourceGroup', /no period at the end/],
    [`/subscriptions/s1/resourceGroups/${'g'.repeat(91)}${PROVIDER}/namespaces`, 400, 'InvalidResourceGroup', /90/],
    [`${GROUP}/providers/Microsoft.Storage/accounts/a`, 404, 'InvalidResourceNamespace', /'Microsoft\.Storage'/],
    [`${NAMESPACE}/virtualNetworkRules/r`, 404, 'InvalidResourceType', /there are namespaces, /],
    [`${NAMESPACE}/queues/%ff`, 400, 'BadRequest', /percent-encoded/],
    [`/subscriptions/s1${'/x'.repeat(40)}`, 400, 'BadRequest', /42 parts, and at most 32/],
    [`/subscriptions/s1${PROVIDER}/namespaces/retrain-test`, 404, 'ResourceNotFound', /./],
  ] as const) {
    const [gotStatus, gotCode, said] = errorOf(await peer.get(path));
    assert.deepEqual([gotStatus, gotCode], [status, code], path);
    assert.match(said, wanted);
  }
  assert.equal((await peer.put(GROUP, { location: 'westus' })).status, 404);
});

test('a method that a resource has not is refused with those that it has', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  for (const [method, path, allow] of [
    ['POST', NAMESPACE, 'GET, PUT, PATCH, DELETE'],
    ['PATCH', `${NAMESPACE}/queues/q`, 'GET, PUT, DELETE'],
    ['DELETE', `${NAMESPACE}/queues`, 'GET'],
  ] as const) {
    const reply = await peer.send(method, path);
    assert.deepEqual(errorOf(reply).slice(0, 2), [405, 'MethodNotAllowed']);
    assert.equal(reply.headers.allow, allow);
  }
  assert.deepEqual(errorOf(await peer.post(`${NAMESPACE}/failover`, {})).slice(0, 2), [404, 'InvalidResourceType']);
});

test('a body is a JSON object of bounded size and depth', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const path = `${NAMESPACE}/queues/q`;
  const send = async (body: string) => errorOf(await peer.send('PUT', path, { body })).slice(0, 2);
  assert.deepEqual(await send('{'), [400, 'InvalidRequestContent']);
  assert.deepEqual(await send('[]'), [400, 'InvalidRequestContent']);
  const deep = 31;
  assert.deepEqual(await send(`{"a":${'['.repeat(deep)}${']'.repeat(deep)}}`), [200, undefined]);
  assert.deepEqual(await send(`{"a":${'['.repeat(deep + 2)}${']'.repeat(deep + 2)}}`), [400, 'InvalidRequestContent']);
  const padded = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`;
  assert.deepEqual(await send(padded(LIMITS.adminRequestBytes)), [200, undefined]);
  assert.deepEqual(await send(padded(LIMITS.adminRequestBytes + 1)), [413, 'RequestEntityTooLarge']);
});

test('a body that does not come in time ends its connection', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const { atom } = peer;
  const request = httpRequest({
    host: '127.0.0.1',
    port: atom.server.httpPort,
    method: 'PUT',
    path: `${NAMESPACE}/queues/q?api-version=2021-11-01`,
    agent: false,
    headers: { authorization: `Bearer ${atom.token(`https://${atom.host}/`)}`, 'content-length': '100' },
  });
  const ended = new Promise<string>((resolve) => {
    request.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    request.once('response', () => resolve('response'));
  });
  request.write('{');
  // Asked on another connection: the first is being served by then.
  await peer.get(NAMESPACE);
  await atom.clock.leap(LIMITS.httpRequestMs + 1_000);
  assert.equal(await ended, 'ECONNRESET');
});

test('names are checked for whether a namespace can have them', async (context) => {
  const peer = await ArmPeer.start(context);
  const path = `/subscriptions/s1${PROVIDER}/CheckNameAvailability`;
  const check = async (name: string) => {
    const { status, body } = await peer.post(path, { name });
    assert.equal(status, 200);
    return [body['nameAvailable'], body['reason']];
  };
  assert.deepEqual(await check('retrain-test'), [true, 'None']);
  for (const name of ['short', 'x'.repeat(51), '1-begins', 'ends-', 'queues-sb', 'queues-MGMT', 'under_score'])
    assert.deepEqual(await check(name), [false, 'InvalidName'], name);
  assert.deepEqual(await check('x'.repeat(50)), [true, 'None']);
  await peer.makeNamespace();
  assert.deepEqual(await check('Retrain-Test'), [false, 'NameInUse']);
  assert.deepEqual(await check('another'), [false, 'TooManyNamespaceInCurrentSubscription']);
  assert.deepEqual(errorOf(await peer.post(path, {})).slice(0, 2), [400, 'BadRequest']);
});

test('network rules are kept, and the namespace shows those that it has unless told', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const path = `${NAMESPACE}/networkRuleSets/default`;
  const rules = { defaultAction: 'Deny', trustedServiceAccessEnabled: true, ipRules: [{ ipMask: '1.2.3.4' }] };
  assert.equal((await peer.get(path)).body.properties?.['defaultAction'], 'Allow');
  assert.equal((await peer.put(path, { properties: rules })).status, 200);
  await peer.atom.restart();
  const { body } = await peer.get(path);
  assert.deepEqual(body.properties, {
    defaultAction: 'Deny',
    publicNetworkAccess: 'Enabled',
    trustedServiceAccessEnabled: true,
    virtualNetworkRules: [],
    ipRules: [{ ipMask: '1.2.3.4', action: 'Allow' }],
  });
  assert.equal((await peer.get(`${NAMESPACE}/networkRuleSets`)).body.value?.length, 1);
  assert.equal((await peer.get(`${NAMESPACE}/networkRuleSets/other`)).status, 400);
  assert.equal((await peer.put(path, { properties: { defaultAction: 'Maybe' } })).status, 400);
});
