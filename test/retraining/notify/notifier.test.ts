import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Notifier } from '../../../src/retraining/notify/notifier.ts';
import type { NotifierOptions } from '../../../src/retraining/notify/notifier.ts';
import type { NotifyFact } from '../../../src/retraining/notify/notify-log.ts';
import { notifySettingsSchema } from '../../../src/retraining/notify/notify-settings.ts';
import { signatureOf } from '../../../src/retraining/notify/webhook.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import { OutcomeWorld, QUEUE, TOPIC, told } from '../outcome-world.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { HookServer } from './hook-server.ts';

// The notifier against a real broker and a real HTTP server.

const PROGRAM = fileURLToPath(new URL('./notifier-program.js', import.meta.url));

interface Scene {
  readonly world: OutcomeWorld;
  readonly hook: HookServer;
  readonly facts: NotifyFact[];
  readonly options: (rule: Record<string, unknown>) => NotifierOptions;
  readonly notify: (rule: Record<string, unknown>) => Promise<Notifier>;
  readonly posted: (count: number) => Promise<void>;
  readonly settled: () => Promise<void>;
}

async function scene(t: TestContext, { lockDuration = 'PT1M' }: { lockDuration?: string } = {}): Promise<Scene> {
  const world = await OutcomeWorld.open(t, { lockDuration });
  const hook = await HookServer.open(t);
  const facts: NotifyFact[] = [];
  const options = (rule: Record<string, unknown>): NotifierOptions => {
    const to = rule['command'] ? {} : { webhook: { url: hook.url } };
    const whole = { name: 'hook', on: ['dead-lettered'], every: '0s', groupFor: '0s', ...to, ...rule };
    return {
      connection: world.connectionString,
      from: { topic: TOPIC, subscription: 'notify' },
      requests: QUEUE,
      rules: notifySettingsSchema.parse([whole]),
      folder: join(world.folder, 'notify'),
    };
  };
  return {
    world,
    hook,
    facts,
    options,
    notify: async (rule) => {
      const random = { bytes: (length: number) => Buffer.alloc(length), fraction: () => 0 };
      const notifier = new Notifier({ ...options(rule), random, log: (fact) => facts.push(fact) });
      t.after(() => notifier.stop());
      await notifier.start();
      return notifier;
    },
    posted: async (count) => {
      await eventually(() => hook.posts.length >= count, { what: `${count} posts` });
    },
    settled: async () => {
      const isEmpty = async (): Promise<boolean> => (await world.left('notify').catch(() => [1])).length === 0;
      await eventually(isEmpty, { what: 'that every event is settled' });
    },
  };
}

const EVIDENCE = {
  request: { source: '/test', id: 'a' },
  time: '2026-01-01T00:00:00Z',
  trigger: { kind: 'performance-decay', metric: 'mape', baseline: 2, observed: 3.5, threshold: 3 },
};

const dead = (id: string, rest: Parameters<typeof told>[1] = {}) =>
  told('deadlettered', {
    id,
    reason: 'trainer: exit code 64',
    deadLetter: { queue: QUEUE, reason: 'TrainingFailed', messageId: id },
    evidence: [{ ...EVIDENCE, request: { source: '/test', id } }],
    ...rest,
  });

test('a dead letter is told with model, reason, numbers and the line that replays it; others are settled untold', async (t) => {
  const { world, hook, notify, posted, settled, facts } = await scene(t);
  await notify({});
  await world.tell(told('promoted', { id: 'b' }), dead('a'));
  await posted(1);
  await settled();
  const [post] = hook.posts;
  assert.equal(
    post?.body.text,
    'births: dead-lettered at 2026-01-01T00:00:00.000Z, request a: TrainingFailed: trainer: exit code 64; evidence: ' +
      'performance-decay: mape observed 3.5, baseline 2, threshold 3\n' +
      'Again: retrain dlq replay work --request=a',
  );
  assert.deepEqual([post?.body.count, post?.body.events[0]?.['type']], [1, 'retrain.deadlettered.v1']);
  assert.equal(hook.posts.length, 1);
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['notifier-started', 'notified'],
  );
});

test('texts are signed, and carry the headers that were asked for', async (t) => {
  const { world, hook, notify, posted } = await scene(t);
  await notify({ webhook: { url: hook.url, headers: { Authorization: 'Bearer x' }, secret: 'a-long-secret' } });
  await world.tell(dead('a'));
  await posted(1);
  const [post] = hook.posts;
  assert.ok(post);
  const { headers, text } = post;
  assert.equal(headers.authorization, 'Bearer x');
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`;
  assert.equal(headers['webhook-signature'], signatureOf('a-long-secret', content));
});

test('events of a model are grouped, and one model is told about at most once in a while, over restarts, too', async (t) => {
  const { world, hook, notify, posted, settled } = await scene(t);
  const rule = { groupFor: '400ms', every: '6s' };
  const first = await notify(rule);
  await world.tell(dead('a'), dead('b'), dead('c', { model: 'rent' }));
  await posted(2);
  await settled();
  assert.deepEqual(hook.posts.map(({ body }) => `${body.model} ${body.count}`).sort(), ['births 2', 'rent 1']);
  assert.match(
    hook.posts.find(({ body }) => body.model === 'births')?.body.text ?? '',
    /^births: 2 outcomes: 2 dead-lettered\n- /,
  );
  const sentAtMs = Date.now();
  await world.tell(dead('d'));
  await first.stop();
  await notify(rule);
  await world.tell(dead('e'));
  await posted(3);
  await settled();
  assert.ok(Date.now() - sentAtMs >= 4_000, 'the next text had to wait, although the notifier was started anew');
  assert.deepEqual([hook.posts.length, hook.posts[2]?.body.count], [3, 2]);
});

test('an event that waits longer than its lock lasts is told once', async (t) => {
  const { world, hook, notify, posted, settled } = await scene(t, { lockDuration: 'PT5S' });
  await notify({ groupFor: '12s' });
  await world.tell(dead('a'));
  await posted(1);
  await settled();
  assert.equal(hook.posts.length, 1);
  assert.equal((await world.left('notify', true)).length, 0);
});

test('a webhook that fails is tried again; Retry-After is kept; its address stays secret', async (t) => {
  const { world, hook, notify, posted, settled, facts } = await scene(t);
  hook.answer = (response, index) => {
    response.statusCode = index < 2 ? 503 : 204;
    if (index === 1) response.setHeader('Retry-After', '1');
    response.end();
  };
  await notify({});
  await world.tell(dead('a'));
  await posted(3);
  await settled();
  const failed = facts.filter((fact) => fact.fact === 'notify-failed');
  assert.deepEqual(
    failed.map(({ retryInMs }) => retryInMs),
    [0, 1000],
  );
  assert.match(failed[0]?.reason ?? '', /^http:\/\/127\.0\.0\.1:\d+ answered 503$/);
  assert.doesNotMatch(JSON.stringify(facts), /s3cr3t/);
  assert.equal(new Set(hook.posts.map(({ body }) => body.id)).size, 1, 'every try has the same id');
});

test('when the tries are used up, the event is dead-lettered in its subscription with the reason, and that is told', async (t) => {
  const { world, hook, notify, facts } = await scene(t);
  hook.answer = (response) => response.writeHead(500).end();
  await notify({ tries: 2 });
  await world.tell(dead('a'));
  await eventually(async () => (await world.left('notify', true)).length === 1, { what: 'a dead letter' });
  assert.equal((await world.left('notify', true))[0]?.reason, 'NotifyFailed');
  const given = facts.find((fact) => fact.fact === 'notify-given-up');
  assert.match(given?.reason ?? '', /^hook: http:\S+ answered 500; 2 tries were made$/);
  assert.equal(hook.posts.length, 2);
});

test('a webhook that is silent, or nobody at all, is given up after its time', async (t) => {
  const { world, hook, notify, facts } = await scene(t);
  hook.answer = () => undefined;
  await notify({ tries: 1, timeout: '200ms' });
  await world.tell(dead('a'));
  await eventually(() => facts.some(({ fact }) => fact === 'notify-given-up'), { what: 'that it is given up' });
  assert.match(JSON.stringify(facts), /did not answer in 200 ms/);
});

test('a notifier that is killed between the post and the settlement posts again; nothing is lost', async (t) => {
  const { world, hook, options, settled, posted } = await scene(t, { lockDuration: 'PT5S' });
  const start = () =>
    spawn(process.execPath, [PROGRAM, JSON.stringify(options({}))], { stdio: ['ignore', 'ignore', 'inherit'] });
  const first = start();
  hook.answer = () => void first.kill('SIGKILL');
  await world.tell(dead('a'), dead('b'));
  await once(first, 'exit');
  assert.ok(hook.posts.length >= 1);
  hook.answer = (response) => response.end();
  const before = hook.posts.length;
  const second = start();
  t.after(() => second.kill('SIGKILL'));
  await posted(before + 1);
  await settled();
  const ids = hook.posts.flatMap(({ body }) =>
    body.events.map((event) => (event['data'] as { request: { id: string } }).request.id),
  );
  assert.deepEqual([...new Set(ids)].sort(), ['a', 'b']);
  assert.equal((await world.left('notify', true)).length, 0);
  second.kill('SIGTERM');
  assert.deepEqual(await once(second, 'exit'), [0, null]);
});

test('what was told, but not settled, is not told again by the next notifier', async (t) => {
  const { world, hook, notify, posted, settled } = await scene(t, { lockDuration: 'PT5S' });
  hook.answer = (response) =>
    void world.away().then(async (restart) => {
      response.end();
      await restart();
    });
  await notify({});
  await world.tell(dead('a'));
  await posted(1);
  await settled();
  assert.equal(hook.posts.length, 1);
});

test('a command gets the JSON on stdin and its own environment, without our connection string', async (t) => {
  const { world, notify, settled, facts } = await scene(t);
  const out = join(world.folder, 'told.json');
  const program = join(world.folder, 'command.mjs');
  await writeFile(
    program,
    `import fs from 'node:fs';
     const { NAME, RETRAIN_MODEL, RETRAIN_CONNECTION_STRING } = process.env;
     fs.writeFileSync(process.argv[2], JSON.stringify({ said: JSON.parse(fs.readFileSync(0, 'utf8')), NAME, RETRAIN_MODEL, RETRAIN_CONNECTION_STRING }));`,
  );
  process.env['RETRAIN_CONNECTION_STRING'] = 'secret';
  t.after(() => delete process.env['RETRAIN_CONNECTION_STRING']);
  await notify({ command: [process.execPath, program, out], env: { NAME: 'x' } });
  await world.tell(dead('a; rm -rf "$HOME"'));
  await settled();
  const { said, ...env } = JSON.parse(await readFile(out, 'utf8')) as { said: { text: string } };
  assert.deepEqual(env, { NAME: 'x', RETRAIN_MODEL: 'births' });
  assert.match(said.text, /Again: retrain dlq replay work '--request=a; rm -rf "\$HOME"'$/);
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['notifier-started', 'notified'],
  );
});

test('a command that fails, hangs or is not there is told with the reason', async (t) => {
  const { world, notify, facts } = await scene(t);
  const commands = [
    [[process.execPath, '-e', 'console.error("no route"); process.exit(3)'], '50s', /exit code 3 \(no route\)/],
    [[process.execPath, '-e', 'setInterval(() => {}, 1000)'], '300ms', /took more than 300 ms/],
    [['/no/such/command'], '50s', /could not be started \(ENOENT\)/],
  ] as const;
  for (const [command, timeout, reason] of commands) {
    facts.length = 0;
    const notifier = await notify({
      name: `c${commands.findIndex(([one]) => one === command)}`,
      command,
      tries: 1,
      timeout,
    });
    await world.tell(dead(String(reason)));
    await eventually(() => facts.some(({ fact }) => fact === 'notify-given-up'), {
      what: `that ${command[0]} is given up`,
    });
    assert.match(JSON.stringify(facts), reason);
    await notifier.stop();
  }
});

test('the third interruption without an answer in between is told, and the sixth', async (t) => {
  const { world, hook, notify, settled } = await scene(t);
  const rule = { on: [{ interrupted: 3 }] };
  const first = await notify(rule);
  const interrupted = (n: number, model = 'births') =>
    told('interrupted', { model, runId: `r${n}`, epoch: n, reason: 'stopped' });
  await world.tell(interrupted(1), interrupted(2), interrupted(1, 'rent'));
  await settled();
  await first.stop();
  await notify(rule);
  await world.tell(interrupted(3));
  await settled();
  assert.equal(hook.posts.length, 1);
  assert.match(hook.posts[0]?.body.text ?? '', /^births: interrupted at .*run r3: stopped/);
  await world.tell(told('promoted', { runId: 'r4' }), interrupted(5), interrupted(6), interrupted(7));
  await settled();
  assert.equal(hook.posts.length, 2);
});

test('a backlog is told when its oldest request waits for too long, unless a run has taken it up', async (t) => {
  const { world, hook, notify, posted, settled } = await scene(t);
  await using producer = new RetrainingProducer({ connection: world.connectionString, queue: QUEUE });
  const request = (name: string) =>
    producer.request({ model: { name }, trigger: { kind: 'performance-decay', metric: 'mape', observed: 3.5 } });
  const { id } = await request('rent');
  await world.tell(told('started', { model: 'rent', runId: 'r1', requests: [{ source: '/retrain/producer', id }] }));
  await notify({ on: [{ backlogAge: '1s' }], every: '1h' });
  await settled();
  await request('births');
  await posted(1);
  const { text, events } = hook.posts[0]?.body ?? { text: '', events: [] };
  assert.match(
    text,
    /^births: 1 request waits in work, the oldest since .*the limit is 1 s.*evidence of the oldest: performance-decay: mape observed 3.5\n/,
  );
  assert.equal(events[0]?.['type'], 'retrain.backlog.v1');
  assert.equal(hook.posts.length, 1);
});

test('strangers in the subscription are dead-lettered and told', async (t) => {
  const { world, notify, facts } = await scene(t);
  await notify({});
  await world.client.createSender(TOPIC).sendMessages({ body: 'hello' });
  await eventually(async () => (await world.left('notify', true)).length === 1, { what: 'a dead letter' });
  assert.equal((await world.left('notify', true))[0]?.reason, 'InvalidEvent');
  assert.ok(facts.some(({ fact }) => fact === 'notify-unreadable'));
});
