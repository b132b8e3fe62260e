import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { PROGRAM_FOLDER } from '../engine/run-program';

const CLI_VERSION = 'v3.248.0';
const PLUGIN = 'pulumi-resource-azure-native';
const PLUGIN_FOLDER = 'resource-azure-native-v3.28.0';
const COMMAND_LIMIT_MS = 300_000;
/** What belongs to the program: its stacks' files are changed by the CLI, so that they are copied. */
const PROGRAM = /^(Pulumi.*\.yaml|package\.json|tsconfig\.json|topology\.json|settings|components|policy|[\w-]+\.ts)$/;

export interface CommandResult {
  readonly exitCode: number | null;
  /** What it printed, on both streams. */
  readonly text: string;
  readonly stdout: string;
}

/** The path of the CLI, or what is missing. */
export function findCli(): { readonly cli: string } | { readonly missing: string } {
  const cli = process.env['PULUMI'] ?? 'pulumi';
  const { stdout, error } = spawnSync(cli, ['version'], { encoding: 'utf8' });
  const how = `put the Pulumi CLI ${CLI_VERSION} on the PATH, or its path into the variable PULUMI (github.com/pulumi/pulumi/releases)`;
  if (error) return { missing: `${cli} cannot be started (${error.message}): ${how}` };
  // One that was built from source says no version.
  const version = stdout.trim();
  return version === '' || version === CLI_VERSION ? { cli } : { missing: `${cli} is ${version}: ${how}` };
}

/** The real CLI with the program, a backend in a folder, and a provider of our own; all in one temporary folder. */
export class PulumiCli implements Disposable {
  readonly #cli: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'retrain-pulumi-'));
  readonly #program = join(this.#folder, 'program');

  constructor(cli: string) {
    this.#cli = cli;
    mkdirSync(join(this.#folder, 'state'), { recursive: true });
    mkdirSync(this.#program);
    for (const name of readdirSync(PROGRAM_FOLDER).filter((entry) => PROGRAM.test(entry)))
      cpSync(join(PROGRAM_FOLDER, name), join(this.#program, name), { recursive: true });
    symlinkSync(join(PROGRAM_FOLDER, 'node_modules'), join(this.#program, 'node_modules'));
    this.#installPlugin();
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    const beside = this.#cli.includes('/') ? `${dirname(this.#cli)}${delimiter}` : '';
    const env = {
      ...process.env,
      PATH: `${beside}${process.env['PATH'] ?? ''}`,
      PULUMI_HOME: join(this.#folder, 'home'),
      PULUMI_BACKEND_URL: `file://${join(this.#folder, 'state')}`,
      PULUMI_CONFIG_PASSPHRASE: 'of a test',
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    };
    return new Promise((resolve, reject) => {
      const child = spawn(this.#cli, [...args, '--non-interactive', '--color', 'never'], {
        cwd: this.#program,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: COMMAND_LIMIT_MS,
      });
      let text = '';
      let stdout = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        stdout += more;
        text += more;
      });
      child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
      child.on('error', reject);
      child.on('close', (exitCode) => resolve({ exitCode, text, stdout }));
    });
  }

  /** The state of a stack, as the backend keeps it. */
  stateText(stack: string): string {
    return readFileSync(join(this.#folder, 'state', '.pulumi', 'stacks', 'retrain', `${stack}.json`), 'utf8');
  }

  #installPlugin(): void {
    const folder = join(this.#folder, 'home', 'plugins', PLUGIN_FOLDER);
    mkdirSync(folder, { recursive: true });
    const script = join(__dirname, 'azure-native-plugin.js');
    const file = join(folder, PLUGIN);
    writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
    chmodSync(file, 0o755);
  }
}
