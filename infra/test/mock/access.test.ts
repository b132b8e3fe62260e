import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Access } from '../../components/access';
import { Messaging } from '../../components/messaging';
import { renderTopology } from '../../rendered-topology';
import description from '../../topology.json';
import { type MockAzure, mockAzure, settled } from './mock-azure';

describe('who gets which connection strings', () => {
  let azure: MockAzure;

  before(async () => {
    azure = await mockAzure('dev');
  });

  /** Names of the strings, of the rules that were made, and of the rules whose keys were read, for one namespace. */
  async function given(of: {
    readonly layout?: string;
    readonly rules: boolean;
    readonly primary: 'none' | 'worker' | 'root';
    readonly disableLocalAuth?: boolean;
  }) {
    const resourceGroupName = Object.values(of).map(String).join('-');
    const { layout = 'worker', rules, primary, disableLocalAuth = false } = of;
    const messaging = new Messaging(`messaging-${resourceGroupName}`, {
      resourceGroupName,
      location: 'West US',
      namespaceName: `namespace-${resourceGroupName}`,
      sku: 'Standard',
      capacity: undefined,
      zoneRedundant: false,
      disableLocalAuth,
      publicNetworkAccess: 'Enabled',
      tags: {},
      topology: renderTopology({ ...description.settings, layout }),
      protect: false,
    });
    const access = new Access(`access-${resourceGroupName}`, {
      resourceGroupName,
      messaging,
      disableLocalAuth,
      rules,
      primary,
      producerPrincipalIds: [],
      workerPrincipalIds: [],
    });
    const strings = await Promise.all(
      Object.entries(access.connectionStrings).map(async ([name, output]) => ({ name, ...(await settled(output)) })),
    );
    const mine = ({ inputs }: { readonly inputs: Readonly<Record<string, unknown>> }) =>
      inputs['resourceGroupName'] === resourceGroupName;
    const rule = ({ inputs }: { readonly inputs: Readonly<Record<string, unknown>> }) =>
      String(inputs['authorizationRuleName']);
    assert.ok(strings.every(({ secret }) => secret));
    return {
      strings: Object.fromEntries(
        strings.map(({ name, value }) => [name, /SharedAccessKeyName=(\w+)/.exec(String(value))?.[1]]),
      ),
      made: azure.resources
        .filter((one) => mine(one) && one.type.endsWith('AuthorizationRule'))
        .map(rule)
        .sort(),
      read: azure.calls.filter(mine).map(rule).sort(),
    };
  }

  test('the queue of the beginning: the root rule alone', async () => {
    assert.deepEqual(await given({ layout: 'plain', rules: false, primary: 'root' }), {
      strings: { primary: 'RootManageSharedAccessKey' },
      made: [],
      read: ['RootManageSharedAccessKey'],
    });
  });

  test('none where none is asked for', async () => {
    assert.deepEqual(await given({ layout: 'plain', rules: false, primary: 'none' }), {
      strings: {},
      made: [],
      read: [],
    });
  });

  test('producers and workers their own, no primary one', async () => {
    assert.deepEqual(await given({ rules: true, primary: 'none' }), {
      strings: { producer: 'producer', worker: 'worker' },
      made: ['producer', 'worker'],
      read: ['producer', 'worker'],
    });
  });

  test('the primary one may be the root rule of a queue for workers, too', async () => {
    assert.deepEqual(await given({ rules: true, primary: 'root' }), {
      strings: { primary: 'RootManageSharedAccessKey', producer: 'producer', worker: 'worker' },
      made: ['producer', 'worker'],
      read: ['RootManageSharedAccessKey', 'producer', 'worker'],
    });
  });

  test('none with Entra ID only, whatever else is said', async () => {
    assert.deepEqual(await given({ rules: true, primary: 'root', disableLocalAuth: true }), {
      strings: {},
      made: [],
      read: [],
    });
  });
});
