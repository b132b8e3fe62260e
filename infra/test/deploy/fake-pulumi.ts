/**
 * Plays the Pulumi CLI for the Automation API, as far as `retrain deploy` goes: stacks, outputs, engine events over the SDK's own
 * gRPC stream, failures, and signals, the first of which cancels and the second of which ends at once.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { EventsClient } from '@pulumi/pulumi/proto/events_grpc_pb';
import { EventRequest } from '@pulumi/pulumi/proto/events_pb';
import type { Scene } from './scene';

const folder = process.env['FAKE_PULUMI'] ?? '';
const file = join(folder, 'scene.json');
const scene = JSON.parse(readFileSync(file, 'utf8')) as Scene;
const args = process.argv.slice(2);

async function main(): Promise<number> {
  note(args);
  if (args[0] === 'version') return say(scene.version);
  const command = commandOf(args);
  const events = args.includes('--event-log') ? new EventLog(valueOf('--event-log')) : undefined;
  for (const event of scene.events[command] ?? []) await events?.send(event);
  const failure = scene.failures[command];
  if (scene.hangs?.command === command) return await hang(events, scene.hangs.stubborn);
  await events?.end();
  if (failure !== undefined) return fail(failure);
  return perform(command);
}

/** `stack output`, `destroy --preview-only` */
function commandOf([first = '', second = '']: readonly string[]): string {
  if (first === 'stack') return `${first} ${second}`;
  return args.includes('--preview-only') ? `${first} --preview-only` : first;
}

function perform(command: string): number {
  const stack = valueOf('--stack');
  switch (command) {
    case 'stack select':
      return stack in scene.stacks ? 0 : fail(`error: no stack named '${stack}' found`);
    case 'stack init':
      return save({ ...scene.stacks, [args[2] ?? '']: {} });
    case 'stack output':
      return say(JSON.stringify(outputsOf(scene.stacks[stack] ?? {}, args.includes('--show-secrets'))));
    case 'stack history':
      return say('[]');
    case 'up':
      // What the real one prints for people has to go nowhere.
      say(`Outputs: ${JSON.stringify(scene.made)}`);
      return save({ ...scene.stacks, [stack]: scene.made });
    case 'destroy':
      return save({ ...scene.stacks, [stack]: {} });
    default:
      return 0;
  }
}

function outputsOf(outputs: Record<string, unknown>, whole: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, scene.secrets.includes(name) && !whole ? '[secret]' : value]),
  );
}

function save(stacks: Scene['stacks']): number {
  writeFileSync(file, JSON.stringify({ ...scene, stacks }));
  return 0;
}

function hang(events: EventLog | undefined, stubborn: boolean): Promise<number> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 1_000);
    const end = (): void => {
      clearInterval(alive);
      void (events?.end() ?? Promise.resolve()).then(() => resolve(fail('error: update canceled')));
    };
    let signals = 0;
    const onSignal = (): void => {
      signals += 1;
      note(['(signal)']);
      if (signals === 2) process.exit(255);
      if (!stubborn) end();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
    note(['(hangs)']);
  });
}

/** Where the SDK wants the events: it serves a stream of them. */
class EventLog {
  readonly #stream: ReturnType<EventsClient['streamEvents']>;
  readonly #done: Promise<void>;

  constructor(address: string) {
    const client = new EventsClient(address.replace(/^tcp:\/\//, ''), credentials.createInsecure());
    let told: () => void = () => undefined;
    this.#done = new Promise((resolve) => (told = resolve));
    this.#stream = client.streamEvents(() => told());
  }

  send(event: object): Promise<void> {
    const request = new EventRequest();
    request.setEvent(JSON.stringify(event));
    return new Promise((resolve) => this.#stream.write(request, () => resolve()));
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#done;
  }
}

function valueOf(option: string): string {
  return args[args.indexOf(option) + 1] ?? '';
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 255;
}

function note(call: readonly string[]): void {
  appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify(call)}\n`);
}

// Last, when what it needs is there.
void main().then((code) => process.exit(code));
