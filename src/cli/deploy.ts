import { resolve } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import { readConfiguration } from './configured.ts';
import { checkTerminal, confirmed, confirmedByName } from './confirmation.ts';
import type { StackOutputs } from './deploy-automation.ts';
import { lossText } from './deploy-loss.ts';
import type { Loss } from './deploy-loss.ts';
import { DeployOutput } from './deploy-output.ts';
import { copyProgram, DEFAULT_INFRA_FOLDER } from './deploy-program.ts';
import { profileOf, shownOutputs } from './deploy-profile.ts';
import { checkStackName, DeploySession, shortStackName } from './deploy-session.ts';
import type { StackFlags } from './deploy-session.ts';
import { Interrupt } from './interrupt.ts';
import { removeProfile, writeProfile } from './profile.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';

const DEFAULT_STACK = 'dev';

interface DeployFlags extends Omit<StackFlags, 'stack'> {
  readonly stack?: string;
  readonly state?: string;
  readonly yes?: true;
  readonly json?: true;
  readonly verbose?: true;
}

interface OutputsFlags extends DeployFlags {
  readonly showSecrets?: true;
  readonly writeProfile?: true;
}

export function deployCommand(): Command {
  return new Command('deploy')
    .description('Provisions queue, topic and what belongs to them on Azure, by the Pulumi program in infra/.')
    .addCommand(initCommand())
    .addCommand(previewCommand())
    .addCommand(upCommand())
    .addCommand(outputsCommand())
    .addCommand(destroyCommand())
    .addHelpText(
      'after',
      `
It needs the Pulumi CLI (https://www.pulumi.com/docs/install/), a place for the state of stacks (pulumi login), and who is signed in to Azure
(az login). The stacks dev, prod, premium and seed are files Pulumi.NAME.yaml; docs/deploy.md tells more.

Examples:
  retrain deploy init && (cd infra && npm ci)
  retrain deploy preview --stack prod --policies
  retrain deploy up
  retrain worker --profile dev`,
    );
}

function initCommand(): Command {
  return new Command('init')
    .description('Copies the Pulumi program of this package, to be kept and changed beside retrain.yaml.')
    .argument('[folder]', 'where to; nothing may be there', DEFAULT_INFRA_FOLDER)
    .addHelpText('after', '\nExample:\n  retrain deploy init && (cd infra && npm ci)')
    .action(init);
}

function previewCommand(): Command {
  return addOptions(new Command('preview'))
    .description('Shows what would be changed; nothing is, but a stack that is not there yet is made, empty.')
    .option('--policies', 'check the plan by the policy pack of the program')
    .option('--refresh', 'look first at what there is on Azure')
    .addHelpText('after', '\nExample:\n  retrain deploy preview --stack prod --policies')
    .action((flags: DeployFlags) =>
      inSession(flags, { create: true }, async ({ session }) => void (await session.run('preview'))),
    );
}

function upCommand(): Command {
  return addOptions(addStateOption(new Command('up')))
    .description(
      'Makes it so, after a preview and a question, and writes a connection profile of the name of the stack.',
    )
    .option('--policies', 'check the plan by the policy pack of the program')
    .option('--refresh', 'look first at what there is on Azure')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Ctrl-C cancels in order: what is being changed is waited for, nothing else is begun, and the same command goes on later.

Examples:
  retrain deploy up
  retrain deploy up --stack prod --policies --yes`,
    )
    .action(up);
}

function outputsCommand(): Command {
  return addOptions(addStateOption(new Command('outputs')))
    .description('Prints the outputs of a stack.')
    .option('--show-secrets', 'print connection strings as they are')
    .option('--write-profile', 'write the connection profile, as up does: for a stack that somebody else brought up')
    .addHelpText(
      'after',
      '\nExamples:\n  retrain deploy outputs --stack prod\n  retrain deploy outputs --json --show-secrets',
    )
    .action(printOutputs);
}

function destroyCommand(): Command {
  return addOptions(addStateOption(new Command('destroy')))
    .description('Deletes all of a stack on Azure, with every message, after a preview and a question for its name.')
    .option('--yes', 'do not ask; then --stack has to be given')
    .addHelpText('after', '\nExample:\n  retrain deploy destroy --stack dev')
    .action(destroy);
}

function addOptions(command: Command): Command {
  return command
    .option('--stack <name>', `stack (default: ${DEFAULT_STACK})`)
    .option('--infra <dir>', `folder of the Pulumi program (default: ${DEFAULT_INFRA_FOLDER})`)
    .option('--json', 'print every fact as a line of JSON');
}

function addStateOption(command: Command): Command {
  return command.option(
    '--state <dir>',
    `folder whose profiles it is about (default: the state folder of retrain.yaml, or ${DEFAULT_STATE_FOLDER})`,
  );
}

async function init(folder: string): Promise<void> {
  await copyProgram(folder);
  console.log(
    `the program is in ${folder}: (cd ${folder} && npm ci), pulumi login, az login, then retrain deploy preview`,
  );
}

interface Work {
  readonly session: DeploySession;
  readonly output: DeployOutput;
  readonly interrupt: Interrupt;
}

/** Opens the stack for some work that Ctrl-C can end in order. */
async function inSession(
  { stack = DEFAULT_STACK, json, verbose, ...flags }: DeployFlags,
  { create }: { create: boolean },
  work: (parts: Work) => Promise<void>,
): Promise<void> {
  const output = new DeployOutput(process.stdout, { json: json === true, verbose: verbose === true });
  using interrupt = new Interrupt(() =>
    output.say(
      'stopping: what is being changed is waited for; Ctrl-C again ends at once, and Azure may then have what Pulumi does not know of',
    ),
  );
  try {
    const session = await DeploySession.open({ stack, ...flags }, { output, interrupt, create });
    await work({ session, output, interrupt });
  } finally {
    output.end();
  }
}

async function up(flags: DeployFlags): Promise<void> {
  const { stack = DEFAULT_STACK, yes } = flags;
  const question = `Bring stack ${checkStackName(stack)} up?`;
  if (!yes) checkTerminal(question);
  // What is wrong with it is said before anything is made.
  const state = await stateFolder(flags);
  await inSession(flags, { create: true }, async ({ session, output, interrupt }) => {
    const { events } = await session.run('preview');
    if (!yes && events.changed > 0) await confirmed(`${lossesText(events.losses)}${question}`, interrupt);
    if (interrupt.signal.aborted) throw new RetrainError('INTERRUPTED', 'nothing was changed');
    const { outputs } = await session.run('up');
    output.tell({ fact: 'outputs', outputs: shownOutputs(outputs) });
    await keepProfile(outputs, { stack, state, output });
  });
}

async function printOutputs(flags: OutputsFlags): Promise<void> {
  const { stack = DEFAULT_STACK, json, showSecrets = false, writeProfile: write } = flags;
  const state = write ? await stateFolder(flags) : '';
  await inSession(flags, { create: false }, async ({ session, output }) => {
    const outputs = await session.outputs();
    const shown = shownOutputs(outputs, { showSecrets });
    if (json) console.log(JSON.stringify(shown));
    else if (Object.keys(shown).length === 0)
      output.say(`stack ${stack} has no outputs: retrain deploy up --stack ${stack} makes them`);
    else output.tell({ fact: 'outputs', outputs: shown });
    if (write) await keepProfile(outputs, { stack, state, output });
  });
}

async function destroy(flags: DeployFlags): Promise<void> {
  const { stack = DEFAULT_STACK, yes } = flags;
  const question = `Delete all of stack ${checkStackName(stack)}?`;
  if (yes && flags.stack === undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--yes without --stack: name the stack that is to be destroyed');
  if (!yes) checkTerminal(question);
  const state = await stateFolder(flags);
  await inSession(flags, { create: false }, async ({ session, output, interrupt }) => {
    const { events } = await session.run('previewDestroy');
    if (!yes && events.changed > 0) {
      const { signal } = interrupt;
      await confirmedByName(`${lossesText(events.losses)}${question}`, { name: stack, signal });
    }
    if (interrupt.signal.aborted) throw new RetrainError('INTERRUPTED', 'nothing was changed');
    await session.run('destroy');
    const profile = shortStackName(stack);
    const path = await removeProfile(state, profile, files);
    if (path !== undefined) output.tell({ fact: 'profile-removed', profile, path });
    output.say(
      `stack ${stack} is empty; its settings and history stay: (cd ${session.folder} && pulumi stack rm ${stack}) removes them, too`,
    );
  });
}

async function keepProfile(
  outputs: StackOutputs,
  { stack, state, output }: { stack: string; state: string; output: DeployOutput },
): Promise<void> {
  const profile = shortStackName(stack);
  const path = await writeProfile(state, profile, profileOf(stack, outputs));
  output.tell({ fact: 'profile-written', profile, path });
}

/** Where the commands of this folder look for a profile. */
async function stateFolder({ state }: DeployFlags): Promise<string> {
  if (state !== undefined) return resolve(state);
  const configuration = await readConfiguration(undefined, { withoutConnection: true });
  return configuration?.folders.state ?? resolve(DEFAULT_STATE_FOLDER);
}

/** What a person has to know before the answer. */
function lossesText(losses: readonly Loss[]): string {
  return losses.length === 0 ? '' : `${losses.map(lossText).join('; ')}. `;
}
