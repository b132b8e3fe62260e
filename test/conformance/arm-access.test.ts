import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccessRights, ServiceBusManagementClient } from '@azure/arm-servicebus';
import type { ServiceBusClient } from '@azure/service-bus';
import { GROUP, NAMESPACE, managementClient, startWithNamespace } from './arm-fixture.ts';
import { AT_A_TIME, errorCodeOf, receiveOne } from './fixture.ts';
import type { Fixture } from './fixture.ts';
import { run } from './tls-program.ts';

const ROOT = 'RootManageSharedAccessKey';
const SEND: AccessRights[] = ['Send'];
const SEND_AND_LISTEN: AccessRights[] = ['Send', 'Listen'];

/** A client with what was listed, in this process, which does not know the broker's authority: so without TLS, which the port speaks, too. */
function clientWith(fixture: Fixture, connectionString: string | undefined): ServiceBusClient {
  return fixture.client({ connectionString: `${connectionString};UseDevelopmentEmulator=true` });
}

async function sends(client: ServiceBusClient, entity = 'q'): Promise<void> {
  const sender = client.createSender(entity);
  await sender.sendMessages({ body: 'x' });
}

/** The rules of each kind of owner, with one interface. */
function rulesOf({ namespaces, queues, topics }: ServiceBusManagementClient) {
  const ns = [GROUP, NAMESPACE] as const;
  return {
    namespace: {
      entity: 'q',
      make: (name: string, rights: AccessRights[]) =>
        namespaces.createOrUpdateAuthorizationRule(...ns, name, { rights }),
      keys: (name: string) => namespaces.listKeys(...ns, name),
      renew: (name: string, keyType: 'PrimaryKey' | 'SecondaryKey') =>
        namespaces.regenerateKeys(...ns, name, { keyType }),
      list: () => namesIn(namespaces.listAuthorizationRules(...ns)),
      get: (name: string) => namespaces.getAuthorizationRule(...ns, name),
      remove: (name: string) => namespaces.deleteAuthorizationRule(...ns, name),
    },
    queue: {
      entity: 'q',
      make: (name: string, rights: AccessRights[]) =>
        queues.createOrUpdateAuthorizationRule(...ns, 'q', name, { rights }),
      keys: (name: string) => queues.listKeys(...ns, 'q', name),
      renew: (name: string, keyType: 'PrimaryKey' | 'SecondaryKey') =>
        queues.regenerateKeys(...ns, 'q', name, { keyType }),
      list: () => namesIn(queues.listAuthorizationRules(...ns, 'q')),
      get: (name: string) => queues.getAuthorizationRule(...ns, 'q', name),
      remove: (name: string) => queues.deleteAuthorizationRule(...ns, 'q', name),
    },
    topic: {
      entity: 't',
      make: (name: string, rights: AccessRights[]) =>
        topics.createOrUpdateAuthorizationRule(...ns, 't', name, { rights }),
      keys: (name: string) => topics.listKeys(...ns, 't', name),
      renew: (name: string, keyType: 'PrimaryKey' | 'SecondaryKey') =>
        topics.regenerateKeys(...ns, 't', name, { keyType }),
      list: () => namesIn(topics.listAuthorizationRules(...ns, 't')),
      get: (name: string) => topics.getAuthorizationRule(...ns, 't', name),
      remove: (name: string) => topics.deleteAuthorizationRule(...ns, 't', name),
    },
  };
}

async function namesIn(list: AsyncIterable<{ readonly name?: string }>): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const { name } of list) names.push(name);
  return names;
}

interface Listening {
  readonly bodies: readonly unknown[];
  /** The code of the first error. */
  readonly lost: Promise<string>;
  /** Resolves when the message `after` has come. */
  readonly after: Promise<void>;
}

function listening(client: ServiceBusClient): Listening {
  const bodies: unknown[] = [];
  const receiver = client.createReceiver('q');
  let came: () => void = () => undefined;
  const after = new Promise<void>((resolve) => {
    came = resolve;
  });
  const lost = new Promise<string>((resolve) => {
    receiver.subscribe({
      processMessage: ({ body }) => {
        bodies.push(body);
        if (body === 'after') came();
        return Promise.resolve();
      },
      processError: ({ error }) => Promise.resolve(resolve((error as { code?: string }).code ?? error.message)),
    });
  });
  return { bodies, lost, after };
}

async function statusOf(work: Promise<unknown>): Promise<number | undefined> {
  try {
    await work;
  } catch (error) {
    return (error as { statusCode?: number }).statusCode;
  }
  throw new Error('no error came');
}

describe('authorization rules over Azure Resource Manager', { concurrency: AT_A_TIME }, () => {
  test('the connection string that is listed works as it is, in TLS; with the key that was renewed it does not', async (context) => {
    const fixture = await startWithNamespace(context);
    const { namespace } = rulesOf(await managementClient(fixture));
    await namespace.make('worker', SEND_AND_LISTEN);
    const { primaryConnectionString: former = '' } = await namespace.keys('worker');
    const { environment } = fixture.server.connect.javascript;
    assert.deepEqual(await run('tls', former, environment), { done: 20 });
    const { primaryConnectionString: next = '' } = await namespace.renew('worker', 'PrimaryKey');
    assert.match((await run('tls', former, environment)).failed ?? '', /UnauthorizedAccess.*InvalidSignature/);
    assert.deepEqual(await run('tls', next, environment), { done: 20 });
  });

  for (const kind of ['namespace', 'queue', 'topic'] as const)
    test(`${kind}: a rule is made, its keys let in, are renewed, and go with it`, async (context) => {
      const fixture = await startWithNamespace(context);
      await fixture.server.admin.topics.create({ name: 't' });
      await fixture.server.admin.subscriptions.create({ topicName: 't', name: 's' });
      const rules = rulesOf(await managementClient(fixture))[kind];
      const { entity } = rules;
      assert.deepEqual((await rules.make('app', SEND)).rights, SEND);
      assert.deepEqual((await rules.get('app')).rights, SEND);
      assert.deepEqual(await rules.list(), kind === 'namespace' ? ['app', ROOT] : ['app']);
      const keys = await rules.keys('app');
      assert.equal(keys.keyName, 'app');
      const scope = kind === 'namespace' ? '' : `;EntityPath=${entity}`;
      for (const [text, key] of [
        [keys.primaryConnectionString, keys.primaryKey],
        [keys.secondaryConnectionString, keys.secondaryKey],
      ])
        assert.equal(
          text,
          `Endpoint=sb://127.0.0.1:${fixture.server.httpPort};SharedAccessKeyName=app;SharedAccessKey=${key}${scope}`,
        );
      const primary = clientWith(fixture, keys.primaryConnectionString);
      const secondary = clientWith(fixture, keys.secondaryConnectionString);
      for (const client of [primary, secondary]) await sends(client, entity);
      const receiver = kind === 'topic' ? primary.createReceiver('t', 's') : primary.createReceiver('q');
      assert.equal(await errorCodeOf(receiver.peekMessages(1)), 'UnauthorizedAccess');

      const renewed = await rules.renew('app', 'PrimaryKey');
      assert.equal(await errorCodeOf(sends(primary, entity)), 'UnauthorizedAccess');
      await sends(secondary, entity);
      await sends(clientWith(fixture, renewed.primaryConnectionString), entity);

      await rules.remove('app');
      assert.equal(await errorCodeOf(sends(secondary, entity)), 'UnauthorizedAccess');
      assert.equal(await statusOf(rules.keys('app')), 404);
    });

  test('links that live from a key end when it is renewed, those of the other key go on', async (context) => {
    const fixture = await startWithNamespace(context);
    const { queue } = rulesOf(await managementClient(fixture));
    await queue.make('app', SEND_AND_LISTEN);
    const keys = await queue.keys('app');
    const [former, other] = [keys.primaryConnectionString, keys.secondaryConnectionString].map((text) =>
      listening(clientWith(fixture, text)),
    ) as [Listening, Listening];
    const sender = clientWith(fixture, keys.secondaryConnectionString).createSender('q');
    while (former.bodies.length === 0 || other.bodies.length === 0) await sender.sendMessages({ body: 'before' });
    await queue.renew('app', 'PrimaryKey');
    assert.equal(await former.lost, 'UnauthorizedAccess');
    await sender.sendMessages({ body: 'after' });
    await other.after;
  });

  test('rules and keys are as they were after a restart, those of the root rule, too', async (context) => {
    const fixture = await startWithNamespace(context);
    const { namespace, queue } = rulesOf(await managementClient(fixture));
    await namespace.make('app', SEND_AND_LISTEN);
    await queue.make('app', SEND);
    const keysOf = async () => {
      const rules = rulesOf(await managementClient(fixture));
      const all = [await rules.namespace.keys(ROOT), await rules.namespace.keys('app'), await rules.queue.keys('app')];
      // The port is another one after the restart.
      return all.map(({ primaryKey, secondaryKey, keyName }) => ({ primaryKey, secondaryKey, keyName }));
    };
    const former = fixture.server.connectionString;
    await namespace.renew('app', 'SecondaryKey');
    await queue.renew('app', 'PrimaryKey');
    await namespace.renew(ROOT, 'PrimaryKey');
    assert.equal(await errorCodeOf(sends(fixture.client({ connectionString: former }))), 'UnauthorizedAccess');
    await sends(fixture.client());
    const before = await keysOf();
    await fixture.stopServer();
    await fixture.startServer();
    assert.deepEqual(await keysOf(), before);
    const rules = rulesOf(await managementClient(fixture));
    await sends(clientWith(fixture, (await rules.queue.keys('app')).primaryConnectionString));
    const listener = clientWith(fixture, (await rules.namespace.keys('app')).secondaryConnectionString);
    assert.equal((await receiveOne(listener.createReceiver('q'))).body, 'x');
  });
});
