import { createRequire } from 'node:module';
import { join } from 'node:path';
import { RetrainError } from '../errors.ts';
import type { PulumiCommand } from './deploy-process.ts';

// The part of Pulumi's Automation API that is used. It is a package of the program in infra/, never of this one, so its types are
// not here either. Names and shapes: https://www.pulumi.com/docs/reference/pkg/nodejs/pulumi/pulumi/automation/

/** One event of Pulumi's engine; exactly one of these is there. */
export interface EngineEvent {
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: 'info' | 'info#err' | 'warning' | 'error' | 'debug';
    readonly ephemeral?: boolean;
  };
  readonly policyEvent?: {
    readonly resourceUrn?: string;
    readonly message: string;
    readonly policyName: string;
    readonly policyPackName: string;
    readonly enforcementLevel: string;
  };
  readonly summaryEvent?: { readonly durationSeconds: number };
  readonly resourcePreEvent?: { readonly metadata: StepMetadata };
  readonly resOutputsEvent?: { readonly metadata: StepMetadata };
  readonly resOpFailedEvent?: { readonly metadata: StepMetadata };
}

/** What Pulumi does with one resource. */
export interface StepMetadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old?: { readonly id?: string } | null;
  /** Properties for which it is replaced. */
  readonly keys?: readonly string[] | null;
}

export interface OperationOptions {
  readonly onEvent: (event: EngineEvent) => void;
  readonly color: 'never';
  /** In the history that is read afterwards. */
  readonly showSecrets: false;
  readonly refresh?: boolean;
  readonly policyPacks?: string[];
}

export type StackOutputs = Readonly<Record<string, { readonly value: unknown; readonly secret: boolean }>>;

export interface Stack {
  readonly name: string;
  preview(options: OperationOptions): Promise<unknown>;
  up(options: OperationOptions): Promise<{ readonly outputs: StackOutputs }>;
  previewDestroy(options: OperationOptions): Promise<unknown>;
  destroy(options: OperationOptions): Promise<unknown>;
  outputs(): Promise<StackOutputs>;
}

interface StackArguments {
  readonly stackName: string;
  readonly workDir: string;
}

/** A class that errors are told apart by. */
type ErrorClass = new (...args: never[]) => Error;

interface Automation {
  readonly LocalWorkspace: {
    selectStack(args: StackArguments, options: { pulumiCommand: PulumiCommand }): Promise<Stack>;
    createStack(args: StackArguments, options: { pulumiCommand: PulumiCommand }): Promise<Stack>;
  };
  readonly PulumiCommand: { get(): Promise<Pick<PulumiCommand, 'command' | 'version'>> };
  readonly StackNotFoundError: ErrorClass;
  readonly ConcurrentUpdateError: ErrorClass;
}

/** Pulumi's SDK, as the program's folder has it. */
export interface PulumiSdk {
  readonly automation: Automation;
  readonly version: string;
  /** What the SDK makes of a call of its CLI that failed. */
  readonly commandError: (result: CommandResult) => Error;
}

/** How a call of the CLI ended. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly err?: Error;
  toString(): string;
}

const SDK = '@pulumi/pulumi';

/** @throws RetrainError `TOOL_MISSING` when the program's packages are not installed */
export function loadSdk(folder: string): PulumiSdk {
  const require = createRequire(join(folder, 'package.json'));
  try {
    const { createCommandError } = require(`${SDK}/automation/errors`) as {
      createCommandError: PulumiSdk['commandError'];
    };
    return {
      automation: require(`${SDK}/automation`) as Automation,
      version: (require(`${SDK}/package.json`) as { version: string }).version,
      commandError: createCommandError,
    };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new RetrainError(
      'TOOL_MISSING',
      `the packages of the program in ${folder} are not installed: (cd ${folder} && npm ci)`,
      { cause },
    );
  }
}

const HOW = 'https://www.pulumi.com/docs/install/';

/**
 * The `pulumi` on PATH, when the SDK can do with it.
 *
 * @throws RetrainError `TOOL_MISSING`
 */
export async function findCli({ automation, version }: PulumiSdk): Promise<Pick<PulumiCommand, 'command' | 'version'>> {
  const remedy = `install version ${version} or newer, see ${HOW}`;
  try {
    const cli = await automation.PulumiCommand.get();
    if (cli.version) return cli;
  } catch (cause) {
    const { err } = (cause as { commandResult?: CommandResult }).commandResult ?? {};
    const said =
      codeOf(err) === 'ENOENT'
        ? 'the Pulumi CLI is not on PATH'
        : `the Pulumi CLI on PATH cannot be used (${firstLine(cause)})`;
    throw new RetrainError('TOOL_MISSING', `${said}: ${remedy}`, { cause });
  }
  // The SDK lets it through when it is told not to look at versions, and fails later.
  throw new RetrainError('TOOL_MISSING', `the Pulumi CLI on PATH does not say its version: ${remedy}`);
}

function codeOf(error: NodeJS.ErrnoException | undefined): string | undefined {
  return error?.code;
}

function firstLine(error: unknown): string {
  const { commandResult } = error as { commandResult?: CommandResult };
  const text = commandResult?.stderr || (error instanceof Error ? error.message : String(error));
  return text.trim().split('\n', 1)[0] ?? '';
}
