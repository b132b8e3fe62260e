import { Argument, Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import { SHELLS, completionScript } from './completion-script.ts';
import type { Shell } from './completion-script.ts';
import { readConfiguration } from './configured.ts';
import { profileNames } from './profile.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';

interface CompletionFlags {
  readonly models?: true;
  readonly profiles?: true;
}

/** @param whole makes the whole tree of commands */
export function completionCommand(whole: () => Promise<Command>): Command {
  return new Command('completion')
    .description('Prints a script by which a shell completes commands, options, and what they take.')
    .addArgument(new Argument('[shell]', 'the shell').choices([...SHELLS]))
    .option('--models', 'print the models of the configuration that is here, as the scripts ask for them')
    .option('--profiles', 'print the profiles of the state folder that is here, as the scripts ask for them')
    .addHelpText(
      'after',
      `
Examples:
  source <(retrain completion bash)                 # in ~/.bashrc
  retrain completion zsh > ~/.zfunc/_retrain        # a folder of $fpath
  retrain completion fish > ~/.config/fish/completions/retrain.fish`,
    )
    .action(async (shell: Shell | undefined, flags: CompletionFlags) => {
      if (flags.models) return printModels();
      if (flags.profiles) return printProfiles();
      if (shell === undefined) throw new RetrainError('ARGUMENT_INVALID', `name the shell: ${SHELLS.join(', ')}`);
      process.stdout.write(completionScript(await whole(), shell));
    });
}

/** A configuration that is wrong, or none, is no reason to disturb who is typing. */
async function printModels(): Promise<void> {
  const configuration = await readConfiguration(undefined).catch(() => undefined);
  for (const model of configuration?.models.keys() ?? []) console.log(model);
}

async function printProfiles(): Promise<void> {
  const configuration = await readConfiguration(undefined, { withoutConnection: true }).catch(() => undefined);
  for (const name of await profileNames(configuration?.folders.state ?? DEFAULT_STATE_FOLDER, files)) console.log(name);
}
