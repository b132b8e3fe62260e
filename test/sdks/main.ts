/**
 * `npm run test:sdks [-- language…]`: the official clients of other languages, and a generic AMQP 1.0 client, against the real server. Each
 * language is a program of its own; README.md says what it is given and what it prints.
 */
import { join } from 'node:path';
import { Broker } from './broker.ts';
import { LANGUAGES } from './languages.ts';
import type { Language } from './languages.ts';
import { Programs } from './program.ts';
import { queuesOf } from './queues.ts';

/** The sources: what is installed is not built. */
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'test', 'sdks');

const CHECK_MS = 60_000;
const INSTALL_MS = 15 * 60_000;
const RUN_MS = 10 * 60_000;

interface Tally {
  readonly ok: number;
  readonly failed: readonly string[];
  /** Why nothing was run. */
  readonly skipped?: string;
}

const programs = new Programs();

/** Brings the client; returns why that is impossible. */
async function install({ folder, install: commands }: Language): Promise<string | undefined> {
  const cwd = join(FOLDER, folder);
  for (const command of commands) {
    const said: string[] = [];
    const note = (line: string): void => void said.push(line);
    const failure = await programs.run({ command, cwd, maxMs: INSTALL_MS, onLine: note, onError: note });
    if (failure !== undefined) return `'${command.join(' ')}' ${failure}\n${said.slice(-20).join('\n')}`;
  }
  return undefined;
}

async function runCases(language: Language, broker: Broker): Promise<Tally> {
  const { name, folder, run } = language;
  let ok = 0;
  const failed: string[] = [];
  const failure = await programs.run({
    command: run,
    cwd: join(FOLDER, folder),
    env: broker.environment(language),
    maxMs: RUN_MS,
    onLine: (line) => {
      console.log(`${name}: ${line}`);
      if (line.startsWith('ok ')) ok++;
      else if (line.startsWith('FAIL ')) failed.push(line.slice('FAIL '.length));
    },
    onError: (line) => console.log(`${name}! ${line}`),
  });
  if (failure !== undefined && failed.length === 0) failed.push(`the program ${failure}`);
  if (ok === 0 && failed.length === 0) failed.push('the program ran no case');
  for (const fault of broker.faults.splice(0)) failed.push(`the server reported a fault: ${String(fault)}`);
  return { ok, failed };
}

/** Runs one language; a missing toolchain is a failure only for who asked for the language. */
async function test(language: Language, broker: Broker, asked: boolean): Promise<Tally> {
  const { name, check, remedy } = language;
  if ((await programs.run({ command: check, cwd: FOLDER, maxMs: CHECK_MS })) !== undefined) {
    return asked
      ? { ok: 0, failed: [`its toolchain is missing: ${remedy}`] }
      : { ok: 0, failed: [], skipped: `its toolchain is missing: ${remedy}` };
  }
  console.log(`${name}: installing its client`);
  const failure = await install(language);
  if (failure !== undefined) return { ok: 0, failed: [`the client could not be installed: ${failure}`] };
  return runCases(language, broker);
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !LANGUAGES.some((language) => language.name === name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; known are ${LANGUAGES.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const asked = names.length > 0;
  const languages = asked ? LANGUAGES.filter(({ name }) => names.includes(name)) : LANGUAGES;
  let bad = 0;
  const summary: string[] = [];
  await using broker = await Broker.start(languages.flatMap(({ name }) => queuesOf(`${name}-`)));
  for (const language of languages) {
    if (programs.interrupted) break;
    const { ok, failed, skipped } = await test(language, broker, asked);
    bad += failed.length;
    const outcome = skipped === undefined ? `${ok} ok, ${failed.length} failed` : `skipped, ${skipped}`;
    summary.push(`${language.name}: ${outcome}`, ...failed.map((reason) => `  ${reason}`));
  }
  console.log(`\n${summary.join('\n')}`);
  return bad === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => programs.interrupt());
const code = await main(process.argv.slice(2));
process.exitCode = programs.interrupted ? 130 : code;
