import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { startServer } from '../../src/server/index.ts';
import type { RunningServer } from '../../src/server/index.ts';
import { parseTopologyFile } from '../../src/topology/file/index.ts';

/** Starts with what a file declares, looks, and stops. */
async function scene(t: TestContext) {
  const dataFolder = await mkdtemp(join(tmpdir(), 'retrain-declared-'));
  t.after(() => rm(dataFolder, { recursive: true }));
  return async (text: string, look: (server: RunningServer) => unknown = () => undefined): Promise<void> => {
    const { queues, topics } = (await parseTopologyFile(text, 'f.yaml')).namespace;
    await using server = await startServer({ dataFolder, amqpPort: 0, httpPort: 0, queues, topics });
    await look(server);
  };
}

const S = { topicName: 't', name: 's' } as const;

function rulesOf({ admin }: RunningServer): (string | undefined)[] {
  const rules = admin.rules.list(S) ?? [];
  return rules.map(({ description: rule }) =>
    rule.filterType === 'SqlFilter'
      ? `${rule.name}: ${rule.sqlFilter.sqlExpression}`
      : `${rule.name}: ${rule.filterType}`,
  );
}

const declaring = (subscription: string): string => `topics: [{name: t, subscriptions: [{name: s, ${subscription}}]}]`;

test('a subscription has exactly the rules that are declared; without any it keeps what it has', async (t) => {
  const start = await scene(t);
  await start('topics: [{name: t, subscriptions: [{name: s}]}]', (server) =>
    assert.deepEqual(rulesOf(server), ['$Default: TrueFilter']),
  );
  const two = 'rules: [{name: a, sqlFilter: {sqlExpression: x = 1}}, {name: b}]';
  await start(declaring(two), async (server) => {
    assert.deepEqual(rulesOf(server), ['a: x = 1', 'b: TrueFilter']);
    await server.admin.rules.create(S, { name: 'mine', filterType: 'FalseFilter' });
  });
  await start(declaring('maxDeliveryCount: 3'), (server) => {
    assert.deepEqual(rulesOf(server), ['a: x = 1', 'b: TrueFilter', 'mine: FalseFilter']);
    assert.equal(server.admin.subscriptions.get('t', 's')?.description.maxDeliveryCount, 3);
  });
  await start(declaring('rules: [{name: A, sqlFilter: {sqlExpression: x = 2}}]'), (server) => {
    assert.deepEqual(rulesOf(server).length, 1);
    assert.match(rulesOf(server)[0] ?? '', /^a: x = 2$/i);
  });
  await start(declaring('rules: []'), (server) => assert.deepEqual(rulesOf(server), []));
});

test('queues that forward in a circle are declared, and declared again nothing of them changes', async (t) => {
  const start = await scene(t);
  const text = 'queues: [{name: a, forwardDeadLetteredMessagesTo: b}, {name: b, forwardDeadLetteredMessagesTo: a}]';
  const times: unknown[] = [];
  for (let round = 0; round < 2; round += 1)
    await start(text, ({ admin }) => {
      const queues = ['a', 'b'].map((name) => admin.queues.get(name));
      assert.deepEqual(
        queues.map((queue) => queue?.description.forwardDeadLetteredMessagesTo),
        ['b', 'a'],
      );
      times.push(queues.map((queue) => [queue?.times.createdMs, queue?.times.updatedMs]));
    });
  assert.deepEqual(times[0], times[1]);
});

test('when something cannot be as it is declared, all of it is said and nothing is made', async (t) => {
  const start = await scene(t);
  await start('{queues: [{name: q}], topics: [{name: t, subscriptions: [{name: s}]}]}');
  const text = `
queues: [{name: new}, {name: q, requiresSession: true}]
topics: [{name: t, requiresDuplicateDetection: true, subscriptions: [{name: s, requiresSession: true}, {name: p, forwardTo: nowhere}]}]`;
  await assert.rejects(start(text), (error: unknown) => {
    assert.ok(error instanceof RetrainError);
    assert.equal(error.code, 'CONFIGURATION_INVALID');
    for (const said of [
      /queue 'q': requiresSession is false/,
      /topic 't': requiresDuplicateDetection is false/,
      /subscription 's' of topic 't': requiresSession is false/,
      /subscription 'p' of topic 't': forwardTo: there is no queue or topic 'nowhere'/,
    ])
      assert.match(error.message, said);
    return true;
  });
  await start('{}', ({ admin }) => assert.equal(admin.queues.get('new'), undefined));
});
