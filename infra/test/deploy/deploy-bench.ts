import * as assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Call, Scene } from './scene';

const INFRA = join(__dirname, '..', '..', '..');
/** The command line of the root, as it was built. */
const MAIN = join(INFRA, '..', 'dist', 'src', 'cli', 'main.js');
const FAKE = join(__dirname, 'fake-pulumi.js');
/** No command of a test takes longer; one that does is killed and fails its test. */
const MAX_COMMAND_MS = 120_000;

/** How often a file is looked at that another process writes. */
const POLL_MS = 20;

/** A key that must be seen nowhere but where it belongs. */
export const KEY = 'aHVzaC1odXNoLWh1c2g=';
export const NAMESPACE = 'retrain-abc.servicebus.windows.net';

const stringOf = (rule: string, more = ''): string =>
  `Endpoint=sb://${NAMESPACE}/;SharedAccessKeyName=${rule};SharedAccessKey=${KEY}${more}`;

/** What the program's stack dev has for outputs. */
export const OUTPUTS: Readonly<Record<string, unknown>> = {
  namespace_name: 'retrain-abc',
  fully_qualified_namespace: NAMESPACE,
  queue_name: 'model-retraining-queue',
  sessions: true,
  intake_queue_name: 'retraining-intake',
  outcome_topic_name: 'model-retraining-outcomes',
  status_subscription_name: 'status',
  notify_subscription_name: 'notify',
  worker_connection_string: stringOf('worker'),
  producer_connection_string: stringOf('producer', ';EntityPath=model-retraining-queue'),
};
const SECRETS = ['primary_connection_string', 'worker_connection_string', 'producer_connection_string'];

const URN = 'urn:pulumi:dev::retrain::retrain:infra:Messaging$';

/** What the engine says of one step: before it and, when it was done, after it. */
export function step(op: string, kind: string, name: string, more: object = {}): [object, object] {
  const metadata = { op, type: `azure-native:${kind}`, urn: `${URN}azure-native:${kind}::${name}`, ...more };
  return [{ resourcePreEvent: { metadata } }, { resOutputsEvent: { metadata } }];
}

export function summary(resourceChanges: Record<string, number>): object {
  return { summaryEvent: { durationSeconds: 3, resourceChanges } };
}

const CREATED = [
  ...step('same', 'resources:ResourceGroup', 'resource-group'),
  ...step('create', 'servicebus:Namespace', 'namespace'),
  ...step('create', 'servicebus:Queue', 'requests'),
  summary({ create: 2, same: 1 }),
];

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a program, its installed packages, a CLI that is played, and no stack yet. */
export class DeployBench {
  readonly folder: string;
  readonly #t: TestContext;
  readonly #env: NodeJS.ProcessEnv;

  constructor(t: TestContext, changes: Partial<Scene> = {}) {
    this.#t = t;
    this.folder = mkdtempSync(join(tmpdir(), 'retrain-deploy-'));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
    const infra = join(this.folder, 'infra');
    const bin = join(this.folder, 'bin');
    for (const path of [infra, bin]) mkdirSync(path);
    writeFileSync(join(infra, 'Pulumi.yaml'), 'name: retrain\nruntime: nodejs\n');
    writeFileSync(join(infra, 'Pulumi.dev.yaml'), 'config: {}\n');
    writeFileSync(join(infra, 'package.json'), '{}');
    symlinkSync(join(INFRA, 'node_modules'), join(infra, 'node_modules'));
    writeFileSync(join(bin, 'pulumi'), `#!/bin/sh\nexec "${process.execPath}" "${FAKE}" "$@"\n`);
    chmodSync(join(bin, 'pulumi'), 0o755);
    const scene: Scene = {
      version: 'v3.248.0',
      stacks: {},
      secrets: SECRETS,
      made: OUTPUTS,
      events: { preview: CREATED, up: CREATED },
      failures: {},
      ...changes,
    };
    writeFileSync(join(this.folder, 'scene.json'), JSON.stringify(scene));
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(RETRAIN_.*|PULUMI_.*|NODE_TEST_CONTEXT|NODE_OPTIONS|FORCE_COLOR)$/.test(name),
    );
    const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
    this.#env = { ...Object.fromEntries(kept), PATH: path, FAKE_PULUMI: this.folder };
  }

  get profile(): string {
    return join(this.folder, '.retrain', 'profiles', 'dev.json');
  }

  /** Calls of the CLI so far, each with its arguments. */
  get calls(): Call[] {
    const file = join(this.folder, 'calls.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Call);
  }

  /** Resolves once the CLI has noted a word so often. */
  async called(word: string, times: number): Promise<void> {
    while (this.calls.filter(([first]) => first === word).length < times) await delay(POLL_MS);
  }

  run(...args: readonly string[]): Promise<Finished> {
    return this.start(...args).finished;
  }

  start(...args: readonly string[]): Deploying {
    return new Deploying(this.#t, ['deploy', ...args], { cwd: this.folder, env: this.#env });
  }
}

/** A running `retrain deploy`. */
export class Deploying {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  readonly #printed = { stdout: '', stderr: '' };

  constructor(t: TestContext, args: readonly string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }) {
    const child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], {
      cwd,
      env,
      timeout: MAX_COMMAND_MS,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => (this.#printed[name] += text));
    this.child = child;
    this.finished = once(child, 'close').then(([code]) => ({ code: code as number | null, ...this.#printed }));
    t.after(async () => {
      child.kill('SIGKILL');
      await this.finished;
    });
  }

  /** Resolves once stdout has what the pattern says. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#printed.stdout)) {
      const { stdout } = this.child;
      assert.ok(stdout);
      const ended = await Promise.race([once(stdout, 'data').then(() => undefined), this.finished]);
      if (ended && !pattern.test(ended.stdout))
        assert.fail(`ended without ${pattern}:\n${ended.stdout}\n${ended.stderr}`);
    }
  }
}

/** One line on stderr, which says so, without a stack; no key anywhere. */
export function assertFailure({ code, stdout, stderr }: Finished, expected: number, line: RegExp): void {
  assert.equal(code, expected, `${stdout}\n${stderr}`);
  assert.match(stderr, line);
  assert.match(stderr, /^retrain: [^\n]+\n$/, 'exactly one line');
  assert.doesNotMatch(stdout + stderr, /\bat .*:\d+:\d+/, 'no stack trace');
  assert.ok(!(stdout + stderr).includes(KEY));
}
