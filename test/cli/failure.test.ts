import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { assertFailure, MAIN, runCli, startBroker, temporaryFolder } from './cli-process.ts';
import type { Finished } from './cli-process.ts';

// Bad input gives one clear line with the remedy on stderr and a non-zero exit code, and nothing hangs.

/** A command that nobody answers ends by then. */
const UNREACHABLE_WITHIN_MS = 20_000;

async function listener(t: TestContext): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function connectionTo(port: number, key = 'a2V5'): Record<string, string> {
  return {
    RETRAIN_CONNECTION_STRING: `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${key};UseDevelopmentEmulator=true`,
  };
}

/** Well-formed, for what fails before anything connects. */
const UNUSED = connectionTo(1)['RETRAIN_CONNECTION_STRING'] ?? '';

/** Those that name their entity. */
const MESSAGE_COMMANDS: readonly (readonly string[])[] = [
  ['peek', 'QUEUE'],
  ['send', 'QUEUE', 'x'],
  ['receive', 'QUEUE', '--complete', '--session', 's'],
  ['dlq', 'replay', 'QUEUE'],
  ['entities', 'show', 'QUEUE'],
];

/** How every command that connects ends; some at a time, so that none is slow because of the others. */
async function everyClient(options: {
  env: Record<string, string>;
  state: string;
  queue?: string;
}): Promise<Finished[]> {
  const { env, state, queue = 'model-retraining-queue' } = options;
  const flags = ['--queue', queue];
  const commands = [
    ['request', ...flags, '--model', 'm'],
    ['status', ...flags, '--state', state],
    ['worker', ...flags, '--metric', 'm', '--state', state, '--', 'true'],
  ];
  const others = MESSAGE_COMMANDS.map((args) => args.map((arg) => (arg === 'QUEUE' ? queue : arg)));
  const run = (all: readonly (readonly string[])[]): Promise<Finished[]> =>
    Promise.all(all.map((args) => runCli(args, { env, maxMs: UNREACHABLE_WITHIN_MS })));
  return [...(await run(commands)), ...(await run(others))];
}

test('an unknown flag and an unknown command name the nearest that exists', async () => {
  assertFailure(await runCli(['broker', '--amqp-prot', '1']), 2, /'--amqp-prot'.*--amqp-port.*retrain broker --help/);
  assertFailure(await runCli(['requst']), 2, /'requst'.*request.*retrain --help/);
});

test('a value that a flag does not take is told with what it takes', async () => {
  assertFailure(await runCli(['broker', '--amqp-port', 'http']), 2, /--amqp-port.*'http'.*65535/);
  assertFailure(await runCli(['request', '--model', 'm', '--kind', 'boredom']), 2, /--kind.*'boredom'.*manual/);
  assertFailure(await runCli(['request', '--model', 'm', '--parameter', 'epochs']), 2, /KEY=VALUE/);
  const gate = ['worker', '--metric', 'm', '--min-improvement', '-1', '--connection', UNUSED, '--', 'true'];
  assertFailure(await runCli(gate), 2, /gate\.minImprovement.*0 or more/);
});

test('a malformed connection string is told without its key', async () => {
  const strings = [
    'localhost',
    'Endpoint=http://localhost;SharedAccessKeyName=a;SharedAccessKey=secret',
    'Endpoint=sb://localhost;SharedAccessKey=secret',
    'SharedAccessKeyName=a;SharedAccessKey=secret',
  ];
  for (const connection of strings) {
    const finished = await runCli(['request', '--model', 'm', '--connection', connection]);
    assertFailure(finished, 2, /connection string.*Endpoint=sb:\/\/HOST;/);
    assert.doesNotMatch(finished.stderr, /secret/);
  }
  assertFailure(await runCli(['request', '--model', 'm']), 2, /--connection.*RETRAIN_CONNECTION_STRING/);
});

test('a wrong key is told as such by every command that connects', async (t) => {
  const folder = await temporaryFolder(t);
  const { amqpPort } = await startBroker(t, { data: join(folder, 'data') });
  const env = connectionTo(amqpPort, 'd3Jvbmc=');
  const state = join(folder, 'state');
  for (const finished of await everyClient({ env, state }))
    assertFailure(finished, 77, /refuses the key.*SharedAccessKey/);
});

test('an unknown queue is told as such by every command that connects', async (t) => {
  const folder = await temporaryFolder(t);
  const { env } = await startBroker(t, { data: join(folder, 'data') });
  const state = join(folder, 'state');
  for (const finished of await everyClient({ env, state, queue: 'nope' }))
    assertFailure(finished, 1, /"nope" does not exist.*create/);
});

test('a broker that is not there is reported soon', async (t) => {
  const state = await temporaryFolder(t);
  const env = connectionTo(1);
  for (const finished of await everyClient({ env, state }))
    assertFailure(finished, 75, /127\.0\.0\.1:1 .*check that the broker runs/);
});

test('a peer that takes the connection and is silent counts as unreachable', async (t) => {
  const state = await temporaryFolder(t);
  const env = connectionTo(await listener(t));
  for (const finished of await everyClient({ env, state }))
    assertFailure(finished, 75, /check that (it|the broker) runs/);
});

test('a request that is too large is refused before it is sent, with the limit', async () => {
  const finished = await runCli(['request', '--model', 'm', '--parameter', `blob=${'x'.repeat(70_000)}`], {
    env: connectionTo(1),
  });
  assertFailure(finished, 2, /takes 7\d{4} bytes, the limit is 65536.*data\[\]\.uri/);
});

test('a request with a missing or a wrong field names it', async () => {
  const env = connectionTo(1);
  assertFailure(await runCli(['request', '--kind', 'manual'], { env }), 2, /model\.name is missing/);
  assertFailure(await runCli(['request', '--model', '../x'], { env }), 2, /model\.name = "\.\.\/x": use/);
  const from = (stdin: string): ReturnType<typeof runCli> => runCli(['request', '--from', '-'], { env, stdin });
  assertFailure(await from('{"trigger":{"kind":"manual"}}'), 2, /model.* is missing: add it/);
  assertFailure(await from('{"model":{"name":"m"},"deadlin":"x"}'), 2, /deadlin is not a known field/);
  assertFailure(await from('{"model":{"name":"m"},"deadline":"tomorrow"}'), 2, /deadline = "tomorrow".*RFC 3339/);
});

test('an event that is not JSON is told with its place', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'request.json');
  await writeFile(file, '{"model": {');
  const env = connectionTo(1);
  assertFailure(
    await runCli(['request', '--from', file], { env }),
    2,
    /request\.json is not JSON: write a request such as/,
  );
  assertFailure(await runCli(['request', '--from', '-'], { env, stdin: '[1]' }), 2, /stdin is not a JSON object/);
  assertFailure(await runCli(['request', '--from', join(folder, 'no')], { env }), 2, /no such file.*correct the path/);
});

test('a data folder that is in use is told with the process that uses it', async (t) => {
  const data = await temporaryFolder(t);
  const { pid } = await startBroker(t, { data });
  const second = await runCli(['broker', '--data', data, '--amqp-port', '0', '--http-port', '0']);
  assertFailure(second, 75, new RegExp(`${data}.* in use by process ${pid}.*choose another folder`));
});

test('a data folder that cannot be one is told', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  assertFailure(
    await runCli(['broker', '--data', join(file, 'data'), '--amqp-port', '0', '--http-port', '0']),
    2,
    /choose another folder/,
  );
});

test('a port that is taken is told with the way out, and leaves the data folder usable', async (t) => {
  const data = await temporaryFolder(t);
  const taken = String(await listener(t));
  const free = ['--amqp-port', '0', '--http-port', '0'];
  assertFailure(
    await runCli(['broker', '--data', data, ...free, '--amqp-port', taken]),
    75,
    new RegExp(`${taken} is taken.*another port`),
  );
  assertFailure(
    await runCli(['broker', '--data', data, ...free, '--http-port', taken]),
    75,
    new RegExp(`${taken} is taken.*another port`),
  );
  await startBroker(t, { data });
});

test('a corrupt segment refuses to start, with file and offset, and stays as it is', async (t) => {
  const data = await temporaryFolder(t);
  const broker = await startBroker(t, { data });
  for (let i = 0; i < 3; i += 1) await runCli(['request', '--model', 'm'], { env: broker.env });
  broker.cli.child.kill('SIGKILL');
  await broker.cli.finished;
  await damage(join(data, 'log'));
  const again = (): ReturnType<typeof runCli> =>
    runCli(['broker', '--data', data, '--amqp-port', '0', '--http-port', '0']);
  assertFailure(await again(), 1, /log.*(offset|byte) \d+/);
  assertFailure(await again(), 1, /log.*(offset|byte) \d+/);
});

/** Overwrites bytes near the beginning of the first segment that holds something: behind them lie whole records. */
async function damage(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    if (name.startsWith('lock.')) continue;
    const file = await open(join(folder, name), 'r+');
    const head = Buffer.alloc(4096);
    await file.read(head, 0, head.length, 0);
    const used = head.subarray(64).some((byte) => byte !== 0);
    if (used) await file.write(randomBytes(16), 0, 16, 100);
    await file.close();
    if (used) return;
  }
  assert.fail(`no segment in ${folder}`);
}

test('--verbose adds the stack, nothing else does', async () => {
  const { stderr, code } = await runCli(['request', '--model', '../x', '--verbose'], { env: connectionTo(1) });
  assert.equal(code, 2);
  assert.match(stderr, /^retrain: request: .*\nRetrainError: .*\n +at /);
});

test('every command explains itself with an example and says its version', async () => {
  const commands = ['demo', 'broker', 'worker', 'request', 'status', 'peek', 'send', 'receive', 'dlq', 'entities'];
  const dlq = ['list', 'show', 'replay', 'discard'].map((each) => `dlq ${each}`);
  const entities = ['list', 'show', 'counts', 'create', 'update', 'delete'].map((each) => `entities ${each}`);
  for (const command of [...commands, ...dlq, ...entities]) {
    const { code, stdout, stderr } = await runCli([...command.split(' '), '--help']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`Examples?:\\n  retrain ${command}`));
  }
  const help = await runCli(['--help']);
  assert.match(help.stdout, /Exit codes:\n[^]*74 .*disk/);
  assert.match((await runCli(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal((await runCli([])).code, 2);
});

test('output that nobody reads is no error', () => {
  const command = `"${process.execPath}" "${MAIN}" --help | true`;
  const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  assert.equal(stderr, '');
});
