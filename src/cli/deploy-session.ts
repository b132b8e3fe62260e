import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { findCli, loadSdk } from './deploy-automation.ts';
import type { PulumiSdk, Stack, StackOutputs } from './deploy-automation.ts';
import { EngineEvents } from './deploy-event.ts';
import { deployFailure } from './deploy-failure.ts';
import type { DeployOutput } from './deploy-output.ts';
import { pulumiCommand } from './deploy-process.ts';
import { infraFolder, policyFolder, stacksIn } from './deploy-program.ts';
import type { Interrupt } from './interrupt.ts';

export interface StackFlags {
  readonly stack: string;
  readonly infra?: string;
  readonly policies?: true;
  readonly refresh?: true;
}

/** What can be done with a stack, as the Automation API calls it, and for people. */
const OPERATIONS = {
  preview: { noun: 'the preview', planning: true },
  up: { noun: 'the update', planning: false },
  previewDestroy: { noun: 'the preview of the removal', planning: true },
  destroy: { noun: 'the removal', planning: false },
} as const;
type Operation = keyof typeof OPERATIONS;

/** As Pulumi has it: NAME, ORGANIZATION/NAME or ORGANIZATION/PROJECT/NAME. */
const STACK = /^(?:\w[\w.-]{0,99}\/){0,2}\w[\w.-]{0,99}$/;

/** @throws RetrainError `ARGUMENT_INVALID` */
export function checkStackName(stack: string): string {
  if (STACK.test(stack)) return stack;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `--stack ${JSON.stringify(stack)}: a stack's name has letters, digits, ".", "_" and "-", at most 100, a letter, a digit or "_" first, as dev or organization/dev`,
  );
}

/** The name itself, as the file of its settings has it. */
export function shortStackName(stack: string): string {
  return stack.slice(stack.lastIndexOf('/') + 1);
}

/** One stack of a Pulumi program, for as long as a command works with it. */
export class DeploySession {
  readonly folder: string;
  readonly #stack: Stack;
  readonly #sdk: PulumiSdk;
  readonly #policies: string[];
  readonly #refresh: boolean;
  readonly #output: DeployOutput;
  readonly #interrupt: Interrupt;

  private constructor(
    stack: Stack,
    { folder, sdk, policies, refresh }: { folder: string; sdk: PulumiSdk; policies: string[]; refresh: boolean },
    { output, interrupt }: { output: DeployOutput; interrupt: Interrupt },
  ) {
    this.#stack = stack;
    this.folder = folder;
    this.#sdk = sdk;
    this.#policies = policies;
    this.#refresh = refresh;
    this.#output = output;
    this.#interrupt = interrupt;
  }

  /**
   * @param create whether a stack that is not there is made, when the program has settings for it
   * @throws RetrainError `TOOL_MISSING`, `CONFIGURATION_INVALID`, `ENTITY_NOT_FOUND`, `UNAUTHORIZED`
   */
  static async open(
    { stack: given, infra, policies, refresh }: StackFlags,
    { output, interrupt, create }: { output: DeployOutput; interrupt: Interrupt; create: boolean },
  ): Promise<DeploySession> {
    const name = checkStackName(given);
    const folder = await infraFolder(infra);
    const packs = policies ? [await policyFolder(folder)] : [];
    const sdk = loadSdk(folder);
    const { LocalWorkspace, StackNotFoundError } = sdk.automation;
    const command = pulumiCommand(await findCli(sdk), { sdk, signal: interrupt.signal });
    const args = [{ stackName: name, workDir: folder }, { pulumiCommand: command }] as const;
    const attempt = { what: `opening stack ${name}`, stack: name, folder, sdk };
    let stack;
    try {
      stack = await LocalWorkspace.selectStack(...args);
    } catch (error) {
      if (interrupt.signal.aborted) throw interrupted('nothing was done', error);
      if (!(error instanceof StackNotFoundError)) throw deployFailure(error, attempt);
      if (!create) throw noStack(name, folder, error);
      const known = await stacksIn(folder);
      if (!known.includes(shortStackName(name))) throw unknownStack(name, { folder, known });
      stack = await LocalWorkspace.createStack(...args).catch((cause: unknown) => {
        throw deployFailure(cause, attempt);
      });
      output.tell({ fact: 'stack-created', stack: name });
    }
    return new DeploySession(stack, { folder, sdk, policies: packs, refresh: refresh === true }, { output, interrupt });
  }

  get name(): string {
    return this.#stack.name;
  }

  /**
   * Does one thing with the stack, and tells what happens.
   *
   * @throws RetrainError `INTERRUPTED` when Ctrl-C cancelled it, and whatever Pulumi's failure means
   */
  async run(operation: Operation): Promise<{ readonly events: EngineEvents; readonly outputs: StackOutputs }> {
    const { noun, planning } = OPERATIONS[operation];
    const events = new EngineEvents({ planning, tell: this.#output.tell, clock: systemClock });
    // The removal runs no program, and so no policy.
    const policies = operation === 'preview' || operation === 'up' ? this.#policies : [];
    try {
      const result = await this.#stack[operation]({
        onEvent: (event) => events.see(event),
        color: 'never',
        showSecrets: false,
        ...(this.#refresh && { refresh: true }),
        ...(policies.length > 0 && { policyPacks: policies }),
      });
      return { events, outputs: outputsIn(result) };
    } catch (error) {
      if (this.#interrupt.signal.aborted) throw cancelled(events, { noun, planning, error });
      throw deployFailure(error, this.#attempt(`${noun} of stack ${this.name}`, events));
    } finally {
      this.#output.end();
    }
  }

  /** @throws RetrainError when Pulumi does not tell them */
  async outputs(): Promise<StackOutputs> {
    try {
      return await this.#stack.outputs();
    } catch (error) {
      if (this.#interrupt.signal.aborted) throw interrupted('nothing was done', error);
      throw deployFailure(error, this.#attempt(`reading the outputs of stack ${this.name}`));
    }
  }

  #attempt(what: string, events?: EngineEvents): Parameters<typeof deployFailure>[1] {
    return { what, stack: this.name, folder: this.folder, sdk: this.#sdk, ...(events && { events }) };
  }
}

function outputsIn(result: unknown): StackOutputs {
  return (result as { outputs?: StackOutputs }).outputs ?? {};
}

function noStack(name: string, folder: string, cause: unknown): RetrainError {
  return new RetrainError(
    'ENTITY_NOT_FOUND',
    `there is no stack ${name}: retrain deploy up --stack ${name} makes it; (cd ${folder} && pulumi stack ls) lists those that there are`,
    { cause },
  );
}

function unknownStack(name: string, { folder, known }: { folder: string; known: readonly string[] }): RetrainError {
  return new RetrainError(
    'ENTITY_NOT_FOUND',
    `there is no stack ${name}, and no settings for one: copy one of ${known.map((one) => `Pulumi.${one}.yaml`).join(', ')} in ${folder} to Pulumi.${shortStackName(name)}.yaml, or correct --stack`,
  );
}

/** What Ctrl-C left behind, in plain words. */
function cancelled(
  { changed }: EngineEvents,
  { noun, planning, error }: { noun: string; planning: boolean; error: unknown },
): RetrainError {
  return interrupted(
    planning
      ? `${noun} was stopped; nothing was changed`
      : `${noun} was cancelled in order: ${changed} ${changed === 1 ? 'change was' : 'changes were'} made and recorded, what was not begun is left out; the same command goes on`,
    error,
  );
}

function interrupted(said: string, cause: unknown): RetrainError {
  return new RetrainError('INTERRUPTED', said, { cause });
}
