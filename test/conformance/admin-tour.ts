// A program with the official admin client, as it is published, that uses all of it once and prints what came of it. A process of its own, because Node
// reads NODE_EXTRA_CA_CERTS when it starts. Arguments: the name of the package, a connection string.
import assert from 'node:assert/strict';
import type { ServiceBusAdministrationClient } from '@azure/service-bus';

const [name = '', connectionString = ''] = process.argv.slice(2);
/** Every version is used as the one whose types are here. */
const module = (await import(name)) as {
  readonly ServiceBusAdministrationClient: new (
    connectionString: string,
    options: object,
  ) => ServiceBusAdministrationClient;
};
const admin = new module.ServiceBusAdministrationClient(connectionString, { retryOptions: { maxRetries: 0 } });

async function count(list: AsyncIterable<unknown>): Promise<number> {
  let length = 0;
  for await (const _ of list) length++;
  return length;
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error: { readonly code?: unknown }) => error.code,
  );
}

async function queues(): Promise<void> {
  await admin.createQueue('to');
  const queue = await admin.createQueue('q/1', {
    maxDeliveryCount: 7,
    forwardDeadLetteredMessagesTo: 'to',
    authorizationRules: [
      {
        claimType: 'SharedAccessKey',
        keyName: 'app',
        accessRights: ['Send'],
        primaryKey: 'p'.repeat(20),
        secondaryKey: 's'.repeat(20),
      },
    ],
  });
  assert.equal(queue.maxDeliveryCount, 7);
  assert.equal(queue.authorizationRules?.[0]?.keyName, 'app');
  assert.deepEqual(await admin.getQueue('q/1'), queue);
  assert.equal((await admin.updateQueue({ ...queue, maxDeliveryCount: 8 })).maxDeliveryCount, 8);
  assert.equal((await admin.getQueueRuntimeProperties('q/1')).totalMessageCount, 0);
  assert.deepEqual([await count(admin.listQueues()), await count(admin.listQueuesRuntimeProperties())], [2, 2]);
  assert.equal(await codeOf(admin.createQueue('q/1')), 'MessageEntityAlreadyExistsError');
  await admin.deleteQueue('q/1');
  assert.deepEqual([await admin.queueExists('to'), await admin.queueExists('q/1')], [true, false]);
  assert.equal(await codeOf(admin.deleteQueue('q/1')), 'MessageEntityNotFoundError');
}

async function topics(): Promise<void> {
  const topic = await admin.createTopic('t', { enablePartitioning: true });
  assert.equal(topic.maxSizeInMegabytes, 16_384);
  assert.equal((await admin.updateTopic({ ...topic, userMetadata: 'note' })).userMetadata, 'note');
  const subscription = await admin.createSubscription('t', 's');
  assert.equal((await admin.updateSubscription({ ...subscription, maxDeliveryCount: 3 })).maxDeliveryCount, 3);
  assert.equal((await admin.getSubscription('t', 's')).topicName, 't');
  assert.equal((await admin.getSubscriptionRuntimeProperties('t', 's')).totalMessageCount, 0);
  assert.equal((await admin.getTopicRuntimeProperties('t')).subscriptionCount, 1);
  const lists = [
    admin.listTopics(),
    admin.listTopicsRuntimeProperties(),
    admin.listSubscriptions('t'),
    admin.listSubscriptionsRuntimeProperties('t'),
    admin.listRules('t', 's'),
  ];
  assert.deepEqual(await Promise.all(lists.map(count)), [1, 1, 1, 1, 1]);
  const rule = await admin.createRule(
    't',
    's',
    'r',
    { sqlExpression: 'a = @b', sqlParameters: { '@b': 5 } },
    { sqlExpression: 'SET c = 1' },
  );
  assert.deepEqual(rule.filter, { sqlExpression: 'a = @b', sqlParameters: { '@b': 5 } });
  const changed = await admin.updateRule('t', 's', { ...rule, filter: { subject: 'x' } });
  assert.equal((changed.filter as { subject?: string }).subject, 'x');
  assert.equal((await admin.getRule('t', 's', 'r')).name, 'r');
  await admin.deleteRule('t', 's', 'r');
  assert.equal(await admin.ruleExists('t', 's', 'r'), false);
  await admin.deleteSubscription('t', 's');
  assert.equal(await admin.subscriptionExists('t', 's'), false);
  await admin.deleteTopic('t');
  assert.equal(await admin.topicExists('t'), false);
}

try {
  const namespace = await admin.getNamespaceProperties();
  await queues();
  await topics();
  process.stdout.write(JSON.stringify({ namespace: namespace.name }));
} catch (error) {
  process.stdout.write(JSON.stringify({ failed: String(error) }));
}
process.exit();
