import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SDKS, connectSettings, rootRule } from '../../src/server/index.ts';
import type { ConnectSettings } from '../../src/server/index.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'connect.md'), 'utf8');
const AT = { host: 'localhost', port: 5672, rule: rootRule('<key>') };

const KEY = 'SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=<key>';
const PLAIN = `Endpoint=sb://localhost:5672;${KEY};UseDevelopmentEmulator=true`;
const SECURE = `Endpoint=sb://localhost:5672;${KEY}`;

/** Every string that a user has to copy. */
function valuesOf(settings: ConnectSettings): string[] {
  return SDKS.flatMap((sdk) => {
    const { data, admin, environment = {}, trust } = settings[sdk];
    return [
      ...[data, admin].flatMap(({ connectionString, options = {} }) => [
        connectionString,
        ...Object.entries(options).flat(),
      ]),
      ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      ...(trust?.split('; ') ?? []),
    ];
  });
}

test('without TLS every SDK gets the string that makes it leave TLS away', () => {
  const settings = connectSettings(AT);
  assert.deepEqual(Object.keys(settings), [...SDKS]);
  for (const sdk of SDKS) {
    assert.deepEqual(settings[sdk].data, { connectionString: PLAIN });
    assert.equal(settings[sdk].admin.connectionString, PLAIN);
  }
  const unaided = SDKS.filter((sdk) => settings[sdk].admin.besides === undefined);
  assert.deepEqual(unaided, ['javascript-7.10', 'dotnet']);
});

test('with TLS each SDK gets what its own reading of the string lacks', () => {
  const { javascript, python, go, dotnet } = connectSettings({ ...AT, tls: { trustFile: '/ca.pem' } });
  assert.deepEqual(javascript, {
    data: { connectionString: SECURE },
    admin: { connectionString: SECURE },
    environment: { NODE_EXTRA_CA_CERTS: '/ca.pem' },
  });
  assert.deepEqual(python.data.options, {
    custom_endpoint_address: 'sb://localhost:5672',
    transport_type: 'TransportType.Amqp',
    connection_verify: '/ca.pem',
  });
  assert.deepEqual(go.data, {
    connectionString: `Endpoint=sb://localhost;${KEY}`,
    options: { CustomEndpoint: 'localhost:5672' },
  });
  assert.deepEqual(dotnet.data.options, { CustomEndpointAddress: 'sb://localhost:5672' });
});

test('a certificate that everybody trusts needs no trust of its own', () => {
  const settings = connectSettings({ ...AT, tls: {} });
  for (const sdk of SDKS) {
    assert.equal(settings[sdk].environment, undefined);
    assert.equal(settings[sdk].trust, undefined);
  }
  assert.equal('connection_verify' in (settings.python.data.options ?? {}), false);
  assert.equal(settings.python.admin.options, undefined);
});

test('an address of IPv6 is in brackets, and a wildcard becomes loopback', () => {
  const endpoint = (host: string) => connectSettings({ ...AT, host, tls: {} }).go.data;
  assert.deepEqual(endpoint('::1').options, { CustomEndpoint: '[::1]:5672' });
  assert.match(endpoint('0.0.0.0').connectionString, /^Endpoint=sb:\/\/127\.0\.0\.1;/);
});

test('the page about connecting shows every one of these strings', () => {
  const trustFile = '<data>/tls/ca.pem';
  for (const value of [...valuesOf(connectSettings(AT)), ...valuesOf(connectSettings({ ...AT, tls: { trustFile } }))])
    assert.ok(PAGE.includes(value), value);
});
