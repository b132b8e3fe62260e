import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isUnder, parseAddress, pathOf } from '../../src/server/address.ts';
import { rootRule } from '../../src/server/access-rule.ts';
import type { AccessRule } from '../../src/server/access-rule.ts';
import { AccessRules } from '../../src/server/access-rules.ts';
import { Claims } from '../../src/server/claims.ts';
import { connectionString, isLoopback } from '../../src/server/connection-string.ts';
import { verifySasToken } from '../../src/server/sas-token.ts';
import { FakeClock } from '../fake-clock.ts';

const NOW = Date.UTC(2026, 0, 1);
const KEY = 'c2VjcmV0IGtleSBmb3IgdGVzdHM=';
const SENDER: AccessRule = { name: 'sender', primaryKey: 'other-key-of-sender', rights: ['Send'] };
const OF_QUEUE: AccessRule = {
  name: 'app',
  queue: 'Q1',
  primaryKey: 'key-of-app-at-q1',
  secondaryKey: 'second-key-of-app',
  rights: ['Listen'],
};
const rules = new AccessRules([rootRule(KEY, 'second-key-of-root'), SENDER, OF_QUEUE]);

function sign(options: {
  resource: string;
  key?: string;
  name?: string;
  expiresAtS?: number;
  order?: string[];
}): string {
  const { resource, key = KEY, name = 'RootManageSharedAccessKey', expiresAtS = NOW / 1000 + 3600 } = options;
  const sr = encodeURIComponent(resource);
  const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${expiresAtS}`).digest('base64'));
  const fields: Record<string, string> = { sr, sig, se: String(expiresAtS), skn: name };
  const order = options.order ?? ['sr', 'sig', 'se', 'skn'];
  return `SharedAccessSignature ${order.map((field) => `${field}=${fields[field]}`).join('&')}`;
}

const verify = (token: string, audience = 'sb://localhost:5672/q1') =>
  verifySasToken({ token, audience, rules, nowMs: NOW });

test('a token signed with the key of a rule gives its rights until it expires, whatever the order of its fields', () => {
  for (const order of [undefined, ['skn', 'se', 'sig', 'sr']]) {
    const verdict = verify(sign({ resource: 'sb://localhost:5672/q1', ...(order ? { order } : {}) }));
    assert.deepEqual(verdict, {
      granted: true,
      credential: { rule: rootRule(KEY, 'second-key-of-root'), key: KEY },
      expiresAtMs: NOW + 3_600_000,
    });
  }
  const verdict = verify(sign({ resource: 'sb://localhost/q1', name: 'sender', key: 'other-key-of-sender' }));
  assert.ok(verdict.granted);
  assert.deepEqual(verdict.credential, { rule: SENDER, key: SENDER.primaryKey });
});

test('a token for a path is good for what lies under it, and for nothing beside it', () => {
  assert.ok(verify(sign({ resource: 'sb://localhost/' })).granted);
  assert.ok(verify(sign({ resource: 'amqps://localhost/Q1' }), 'sb://other/q1/$management').granted);
  assert.ok(!verify(sign({ resource: 'sb://localhost/q1' }), 'sb://localhost/q10').granted);
  assert.ok(!verify(sign({ resource: 'sb://localhost/q1/$management' }), 'sb://localhost/q1').granted);
});

test('wrong signature, unknown rule and expiry are 401 with a reason; what is no token is 400', () => {
  const cases: [string, number, RegExp][] = [
    [sign({ resource: 'sb://localhost/q1', key: 'wrong' }), 401, /InvalidSignature/],
    [sign({ resource: 'sb://localhost/q1', name: 'nobody' }), 401, /InvalidSignature/],
    [sign({ resource: 'sb://localhost/q1', name: 'nobody', key: '' }), 401, /InvalidSignature/],
    [sign({ resource: 'sb://localhost/q1', expiresAtS: NOW / 1000 }), 401, /ExpiredToken/],
    [sign({ resource: 'sb://localhost/q2' }), 401, /InvalidAudience/],
    ['SharedAccessSignature sr=a&se=1', 400, /shared access signature/],
    ['Bearer x', 400, /shared access signature/],
    [`SharedAccessSignature ${'x'.repeat(5000)}`, 400, /shared access signature/],
  ];
  for (const [token, statusCode, text] of cases) {
    const verdict = verify(token);
    assert.ok(!verdict.granted);
    assert.equal(verdict.statusCode, statusCode);
    assert.match(verdict.description, text);
  }
});

test('addresses are compared by path: scheme, host, slashes, percent-encoding and case do not count', () => {
  assert.equal(pathOf('sb://localhost:5672/a/b'), 'a/b');
  assert.equal(pathOf('/a%20b/'), 'a b');
  assert.equal(pathOf('amqps://host'), '');
  assert.equal(pathOf('a%zz'), 'a%zz');
  assert.deepEqual(parseAddress('amqps://h/Q1/$DeadLetterQueue'), { path: 'Q1/$DeadLetterQueue', kind: 'entity' });
  assert.deepEqual(parseAddress('q1/$Management'), { path: 'q1', kind: 'management' });
  assert.deepEqual(parseAddress('$cbs'), { path: '$cbs', kind: 'cbs' });
  assert.ok(isUnder('Q1', 'q1'));
  assert.ok(isUnder('q1', ''));
  assert.ok(!isUnder('q1', 'q1/x'));
});

test('the path of a long address takes a time in proportion to its length', () => {
  const secondsFor = (characters: number): number => {
    const fill = (text: string): string => text.repeat(characters / text.length);
    const before = process.cpuUsage();
    for (const address of [`a${fill('/')}a`, `${fill('?')}\n`, `sb://a${fill('#')}\n`, fill('a:'), `/${fill('%')}`])
      pathOf(address);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  // A frame's worth took 8 s of CPU time when it grew with the square, and takes some milliseconds.
  assert.ok(secondsFor(60_000) < 1);
});

test('both keys of a rule sign tokens', () => {
  const verdict = verify(sign({ resource: 'sb://localhost/', key: 'second-key-of-root' }));
  assert.equal(verdict.granted && verdict.credential.key, 'second-key-of-root');
});

test("a queue's rule signs tokens for its queue and what lies under it, and for nothing else", () => {
  const app = { name: 'app', key: OF_QUEUE.primaryKey };
  for (const path of ['q1', 'Q1', 'q1/$management', 'q1/$DeadLetterQueue/$management'])
    assert.ok(verify(sign({ ...app, resource: `sb://h/${path}` }), `sb://h/${path}`).granted, path);
  assert.ok(verify(sign({ ...app, key: 'second-key-of-app', resource: 'sb://h/q1' })).granted);
  for (const path of ['', 'q2', 'q10', '$management']) {
    const verdict = verify(sign({ ...app, resource: `sb://h/${path}` }), `sb://h/${path}`);
    assert.match(verdict.granted ? 'granted' : verdict.description, /InvalidSignature/, path);
  }
});

test("the queue's rule is looked at first, then the namespace's of the same name", () => {
  const ofNamespace = { ...SENDER, name: 'app' };
  const both = new AccessRules([ofNamespace, OF_QUEUE]);
  const ruleOf = (key: string, path: string) => {
    const audience = `sb://h/${path}`;
    const verdict = verifySasToken({
      token: sign({ resource: audience, name: 'app', key }),
      audience,
      rules: both,
      nowMs: NOW,
    });
    return verdict.granted ? verdict.credential.rule : undefined;
  };
  assert.equal(ruleOf(OF_QUEUE.primaryKey, 'q1'), OF_QUEUE);
  assert.equal(ruleOf(SENDER.primaryKey, 'q1'), ofNamespace);
  assert.equal(ruleOf(SENDER.primaryKey, 'q2'), ofNamespace);
  assert.equal(ruleOf(OF_QUEUE.primaryKey, 'q2'), undefined);
});

test('rules that cannot be are refused, each with its reason', () => {
  const many = Array.from({ length: 12 }, (_, i) => ({ ...SENDER, name: `r${i}` }));
  const cases: [AccessRule[], RegExp][] = [
    [[{ ...SENDER, name: '' }], /the name of access rule ''/],
    [[{ ...SENDER, name: 'a;b' }], /the name of access rule 'a;b' must have 1 to 50/],
    [[{ ...SENDER, name: 'a'.repeat(51) }], /1 to 50/],
    [[{ ...SENDER, queue: '' }], /'sender' is for a queue without a name/],
    [[{ ...SENDER, rights: [] }], /'sender' has no rights: give Send, Listen or Manage/],
    [[{ ...SENDER, primaryKey: 'short' }], /the primary access key of rule 'sender' must have at least 16/],
    [[{ ...SENDER, secondaryKey: 'with a space in the key' }], /the secondary access key of rule 'sender'/],
    [[SENDER, SENDER], /'sender' is given twice for the namespace/],
    [[OF_QUEUE, { ...OF_QUEUE, queue: 'q1' }], /'app' is given twice for queue 'q1'/],
    [[rootRule(KEY), rootRule(KEY)], /always has the access rule 'RootManageSharedAccessKey'/],
    [[rootRule(KEY), ...many], /the namespace has more than 12 access rules/],
    [[...many.map((rule) => ({ ...rule, queue: 'q' })), { ...OF_QUEUE, queue: 'Q' }], /queue 'Q' has more than 12/],
  ];
  for (const [given, text] of cases)
    assert.throws(() => new AccessRules(given), { code: 'CONFIGURATION_INVALID', message: text });
  assert.doesNotThrow(() => new AccessRules([...many, ...many.map((rule) => ({ ...rule, queue: 'q' }))]));
});

test('a claim ends with its token, and its owner is told', () => {
  const clock = new FakeClock(NOW);
  const lost: string[] = [];
  let granted = 0;
  const claims = new Claims({ clock, onGranted: () => granted++, onLost: (loss) => lost.push(loss) });
  assert.ok(claims.empty);
  claims.add('q1', { rights: ['Send'], expiresAtMs: NOW + 1000 });
  claims.add('q2', { rights: ['Listen'], expiresAtMs: NOW + 5000 });
  assert.equal(granted, 2);
  assert.ok(claims.permits('q1/$management', 'Send'));
  assert.ok(!claims.permits('q1', 'Listen'));
  clock.advance(500);
  claims.add('q1', { rights: ['Manage'], expiresAtMs: NOW + 3000 });
  clock.advance(1000);
  assert.deepEqual(lost, []);
  assert.ok(claims.permits('q1', 'Listen'));
  clock.advance(1500);
  assert.deepEqual(lost, ['expired']);
  assert.ok(!claims.permits('q1', 'Listen'));
  assert.ok(claims.permits('q2', 'Listen'));
  claims.close();
  assert.equal(clock.nextDueMs(), undefined);
});

test("what a queue's rule has given is good for that queue only, also beside one whose name lies under it", () => {
  const claims = new Claims({ clock: new FakeClock(NOW), onGranted: () => undefined, onLost: () => undefined });
  const credential = { rule: OF_QUEUE, key: OF_QUEUE.primaryKey };
  claims.add('q1', { rights: ['Listen'], credential, expiresAtMs: Infinity });
  assert.ok(claims.permits('Q1/$DeadLetterQueue', 'Listen'));
  assert.ok(!claims.permits('q1/other', 'Listen'));
  assert.ok(!claims.permits('q1/other/$management', 'Listen'));
});

test('a connection holds a bounded number of tokens, and may renew those that it has', () => {
  const claims = new Claims({ clock: new FakeClock(NOW), onGranted: () => undefined, onLost: () => undefined });
  const grant = { rights: ['Send'], expiresAtMs: Infinity } as const;
  for (let i = 0; i < 1000; i++) assert.ok(claims.add(`q${i}`, grant));
  assert.ok(!claims.add('q1000', grant));
  assert.ok(claims.add('Q1', grant));
});

test('the connection string names an address that clients can reach', () => {
  const stringFor = (host: string, rule = rootRule('k=')) => connectionString({ host, port: 5672, rule });
  assert.equal(
    stringFor('127.0.0.1'),
    'Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=k=;UseDevelopmentEmulator=true',
  );
  assert.match(
    stringFor('127.0.0.1', OF_QUEUE),
    /;SharedAccessKeyName=app;SharedAccessKey=key-of-app-at-q1;UseDevelopmentEmulator=true;EntityPath=Q1$/,
  );
  assert.match(stringFor('0.0.0.0'), /sb:\/\/127\.0\.0\.1:5672/);
  assert.match(stringFor('::1'), /sb:\/\/\[::1\]:5672/);
  assert.ok(['localhost', '127.0.0.1', '127.8.9.1', '::1'].every(isLoopback));
  assert.ok(!['0.0.0.0', '::', '10.0.0.1', 'example.org'].some(isLoopback));
});
