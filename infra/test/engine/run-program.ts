import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { AzureProvider } from './azure-provider';
import type { Provider } from './azure-provider';
import { EngineLog } from './engine-service';
import type { Registration } from './registration';
import { ResourceMonitor } from './resource-monitor';
import type { Invocation } from './resource-monitor';
import { stackConfiguration } from './stack-configuration';
import type { ConfigurationOptions } from './stack-configuration';
import type { WireObject } from './wire';

/** The folder of Pulumi.yaml, from where the tests are built to. */
export const PROGRAM_FOLDER = join(__dirname, '..', '..', '..');

/** A program that has not ended by then is killed; with types checked on a busy machine it takes half a minute. */
const RUN_LIMIT_MS = 240_000;
/** How much of what a program prints is kept. */
const PRINTED_MAX_CHARACTERS = 1_000_000;
/** Of the gRPC servers of CLI and SDK. */
const MESSAGE_MAX_BYTES = 400 * 1024 * 1024;

export interface RunOptions extends ConfigurationOptions {
  readonly stack: string;
  readonly preview?: boolean;
  /** Check the program's types, as `pulumi up` does; tests that are not about that save its time. */
  readonly checkTypes?: boolean;
  readonly folder?: string;
  readonly provider?: Provider;
  readonly failure?: (registration: Registration) => string | undefined;
}

/** What became of a run of the program. */
export interface ProgramRun {
  readonly stack: string;
  readonly project: string;
  /** Whether the CLI would call it a success: the program ended by itself without an error, and everything could be made. */
  readonly succeeded: boolean;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly log: EngineLog;
  /** In the order in which they came. */
  readonly registrations: readonly Registration[];
  readonly invocations: readonly Invocation[];
  readonly failures: readonly string[];
  /** By URN. */
  readonly outputs: ReadonlyMap<string, WireObject>;
  /** Of the stack, with signatures. */
  readonly stackOutputs: WireObject;
}

/**
 * Runs the Pulumi program as `pulumi up` or `pulumi preview` does: by the SDK's own launcher in a process of its own, with this process as its
 * engine and resource monitor. A program that fails is a result.
 *
 * @throws ConfigurationError when the CLI would not start the program
 */
export async function runProgram(options: RunOptions): Promise<ProgramRun> {
  const { stack, preview = false, folder = PROGRAM_FOLDER, provider = new AzureProvider(), failure } = options;
  const configuration = stackConfiguration(folder, stack, options);
  const log = new EngineLog();
  const monitor = new ResourceMonitor({ stack, configuration, dryRun: preview, provider, failure });
  const server = new grpc.Server({ 'grpc.max_receive_message_length': MESSAGE_MAX_BYTES });
  log.addTo(server);
  monitor.addTo(server);
  const port = await listen(server);
  try {
    const address = `127.0.0.1:${port}`;
    const flags = [
      `--monitor=${address}`,
      `--engine=${address}`,
      '--organization=organization',
      `--project=${configuration.project}`,
      `--root-directory=${folder}`,
      `--stack=${stack}`,
      `--pwd=${folder}`,
      '--parallel=16',
      ...(preview ? ['--dry-run'] : []),
    ];
    const ended = await launch([join(sdkFolder(), 'cmd', 'run', 'index.js'), ...flags, '.'], folder, {
      PULUMI_NODEJS_TYPESCRIPT: 'true',
      PULUMI_NODEJS_TRANSPILE_ONLY: String(options.checkTypes !== true),
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(withConfigPart(configuration.values))),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(configuration.secretKeys),
    });
    const stackUrn = monitor.registrations.find(({ type }) => type === 'pulumi:pulumi:Stack')?.urn ?? '';
    const { registrations, invocations, failures, outputs } = monitor;
    const stackOutputs = outputs.get(stackUrn) ?? {};
    const { project } = configuration;
    const succeeded = ended.exitCode === 0 && failures.length === 0;
    return { stack, project, succeeded, ...ended, log, registrations, invocations, failures, outputs, stackOutputs };
  } finally {
    server.forceShutdown();
  }
}

function listen(server: grpc.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(args: readonly string[], cwd: string, variables: Record<string, string>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...variables };
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_LIMIT_MS });
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (printed[name].length < PRINTED_MAX_CHARACTERS) printed[name] += text;
      });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, ...printed }));
  });
}

/** The language host hands keys over in the form that all versions of the SDK read. */
function withConfigPart(values: ReadonlyMap<string, string>): [string, string][] {
  return [...values].map(([key, value]) => [key.replace(':', ':config:'), value]);
}

function sdkFolder(): string {
  return dirname(require.resolve('@pulumi/pulumi/package.json'));
}
