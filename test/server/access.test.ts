import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOrCreateSecret } from '../../src/runtime/secret-file.ts';
import { isUnder, parseAddress, pathOf } from '../../src/server/address.ts';
import { rootRule } from '../../src/server/access-rule.ts';
import type { AccessRule } from '../../src/server/access-rule.ts';
import { Claims } from '../../src/server/claims.ts';
import { connectionString, isLoopback } from '../../src/server/connection-string.ts';
import { verifySasToken } from '../../src/server/sas-token.ts';
import { FakeClock } from '../fake-clock.ts';

const NOW = Date.UTC(2026, 0, 1);
const KEY = 'c2VjcmV0IGtleSBmb3IgdGVzdHM=';
const rules: AccessRule[] = [rootRule(KEY), { name: 'sender', key: 'other-key-of-sender', rights: ['Send'] }];

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
      rights: ['Send', 'Listen', 'Manage'],
      expiresAtMs: NOW + 3_600_000,
    });
  }
  const verdict = verify(sign({ resource: 'sb://localhost/q1', name: 'sender', key: 'other-key-of-sender' }));
  assert.ok(verdict.granted);
  assert.deepEqual(verdict.rights, ['Send']);
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

test('a claim ends with its token, and its owner is told', () => {
  const clock = new FakeClock(NOW);
  let expired = 0;
  let granted = 0;
  const claims = new Claims({ clock, onGranted: () => granted++, onExpired: () => expired++ });
  assert.ok(claims.empty);
  claims.add('q1', ['Send'], NOW + 1000);
  claims.add('q2', ['Listen'], NOW + 5000);
  assert.equal(granted, 2);
  assert.ok(claims.permits('q1/$management', 'Send'));
  assert.ok(!claims.permits('q1', 'Listen'));
  clock.advance(500);
  claims.add('q1', ['Manage'], NOW + 3000);
  clock.advance(1000);
  assert.equal(expired, 0);
  assert.ok(claims.permits('q1', 'Listen'));
  clock.advance(1500);
  assert.equal(expired, 1);
  assert.ok(!claims.permits('q1', 'Listen'));
  assert.ok(claims.permits('q2', 'Listen'));
  claims.close();
  assert.equal(clock.nextDueMs(), undefined);
});

test('a connection holds a bounded number of tokens, and may renew those that it has', () => {
  const claims = new Claims({ clock: new FakeClock(NOW), onGranted: () => undefined, onExpired: () => undefined });
  for (let i = 0; i < 1000; i++) assert.ok(claims.add(`q${i}`, ['Send'], Infinity));
  assert.ok(!claims.add('q1000', ['Send'], Infinity));
  assert.ok(claims.add('Q1', ['Listen'], Infinity));
});

test('the access key is made once, kept, and readable by its owner only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-secret-'));
  try {
    const path = join(folder, 'access-key');
    assert.equal(await readOrCreateSecret(path, () => 'first'), 'first');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await chmod(path, 0o644);
    assert.equal(await readOrCreateSecret(path, () => 'second'), 'first');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal(await readFile(path, 'utf8'), 'first\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('of several processes that start at once all get the one key that is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-secret-'));
  try {
    const path = join(folder, 'access-key');
    const secrets = await Promise.all(
      Array.from({ length: 20 }, (_, i) => readOrCreateSecret(path, () => `secret-${i}`)),
    );
    const kept = (await readFile(path, 'utf8')).trim();
    assert.deepEqual(new Set(secrets), new Set([kept]));
    assert.deepEqual(await readdir(folder), ['access-key'], 'no drafts stay behind');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a key file without content is made anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-secret-'));
  try {
    const path = join(folder, 'access-key');
    await writeFile(path, '');
    assert.equal(await readOrCreateSecret(path, () => 'new'), 'new');
    assert.equal((await readFile(path, 'utf8')).trim(), 'new');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the connection string names an address that clients can reach', () => {
  const stringFor = (host: string) => connectionString({ host, amqpPort: 5672, key: 'k=' });
  assert.equal(
    stringFor('127.0.0.1'),
    'Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=k=;UseDevelopmentEmulator=true',
  );
  assert.match(stringFor('0.0.0.0'), /sb:\/\/127\.0\.0\.1:5672/);
  assert.match(stringFor('::1'), /sb:\/\/\[::1\]:5672/);
  assert.ok(['localhost', '127.0.0.1', '127.8.9.1', '::1'].every(isLoopback));
  assert.ok(!['0.0.0.0', '::', '10.0.0.1', 'example.org'].some(isLoopback));
});
