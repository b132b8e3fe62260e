import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Where a command stands: `retrain dlq replay`. */
interface Node {
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** What its first argument can be. */
  readonly choices: readonly string[];
}

interface CompletedOption {
  readonly long: string;
  readonly description: string;
  /** What it takes: nothing, one of some words, what `retrain completion --models` or `--profiles` prints, or whatever the shell offers, such as files. */
  readonly takes: 'nothing' | 'choice' | Printed | 'other';
  readonly choices: readonly string[];
}

/** What `retrain completion` can print the names of. */
type Printed = 'models' | 'profiles';

const PRINTED: Readonly<Record<string, Printed>> = { '--model': 'models', '--profile': 'profiles' };

/** A script for a shell, made of the commands themselves. */
export function completionScript(root: Command, shell: Shell): string {
  const nodes = nodesOf(root, '');
  switch (shell) {
    case 'bash':
      return bashScript(nodes);
    case 'zsh':
      return zshScript(nodes);
    case 'fish':
      return fishScript(nodes);
  }
}

function nodesOf(command: Command, above: string): Node[] {
  const path = above === '' ? command.name() : `${above} ${command.name()}`;
  const options = [...command.options.filter(({ hidden, long }) => !hidden && long !== undefined).map(optionOf), HELP];
  const node: Node = {
    path,
    commands: command.commands.map((each) => ({ name: each.name(), description: each.description() })),
    options,
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [node, ...command.commands.flatMap((each) => nodesOf(each, path))];
}

const HELP: CompletedOption = { long: '--help', description: 'display help', takes: 'nothing', choices: [] };

function optionOf({ long, description, required, optional, argChoices }: Option): CompletedOption {
  const takes = !required && !optional ? 'nothing' : argChoices ? 'choice' : (PRINTED[long ?? ''] ?? 'other');
  return { long: long ?? '', description, takes, choices: argChoices ?? [] };
}

/** What can be typed where an option or a command may stand. */
function wordsOf({ commands, options, choices }: Node): string {
  return [...commands.map(({ name }) => name), ...choices, ...options.map(({ long }) => long)].join(' ');
}

/** Patterns of `case` that follow the words to the command that was typed. */
function stepsOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap(({ path, commands }) =>
    commands.map(({ name }) => `      ${quoted(`${path} ${name}`)}) at=${quoted(`${path} ${name}`)} ;;`),
  );
}

/** Lines of a `case` about the option before the cursor. */
function valueCases(nodes: readonly Node[], offer: (option: CompletedOption) => string): string[] {
  return nodes.flatMap(({ path, options }) =>
    options
      .filter(({ takes }) => takes !== 'nothing')
      .map((option) => `    ${quoted(`${path} ${option.long}`)}) ${offer(option)} ;;`),
  );
}

interface Walk {
  /** The word that the loop is at. */
  readonly word: string;
  /** Offers what the option before the cursor takes. */
  readonly offer: (option: CompletedOption) => string;
  /** Offers what can be typed at a command. */
  readonly offers: (node: Node) => string;
}

/** What bash and zsh have in common: the way along the typed words to a command, then what is offered there. */
function walked(nodes: readonly Node[], { word, offer, offers }: Walk): string {
  return `    case "$at ${word}" in
${stepsOf(nodes).join('\n')}
    esac
  done
  case "$at $before" in
${valueCases(nodes, offer).join('\n')}
  esac
  case "$at" in
${nodes.map((node) => `    ${quoted(node.path)}) ${offers(node)} ;;`).join('\n')}
  esac`;
}

function bashScript(nodes: readonly Node[]): string {
  const offer = ({ takes, choices }: CompletedOption): string => {
    if (takes === 'choice') return `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return`;
    if (takes === 'other' || takes === 'nothing') return 'return';
    return `COMPREPLY=($(compgen -W "$(retrain completion --${takes} 2>/dev/null)" -- "$current")); return`;
  };
  return `# Completion of retrain for bash: source <(retrain completion bash)
_retrain() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at=retrain i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
${walked(nodes, { word: '${COMP_WORDS[i]}', offer, offers: (node) => `COMPREPLY=($(compgen -W ${quoted(wordsOf(node))} -- "$current"))` })}
}
complete -o default -F _retrain retrain
`;
}

function zshScript(nodes: readonly Node[]): string {
  const offer = ({ takes, choices }: CompletedOption): string => {
    if (takes === 'choice') return `compadd -- ${choices.map(quoted).join(' ')}; return`;
    if (takes === 'other' || takes === 'nothing') return '_files; return';
    return `compadd -- \${(f)"$(retrain completion --${takes} 2>/dev/null)"}; return`;
  };
  const described = ({ commands, options, choices }: Node): string =>
    [
      ...commands.map(({ name, description }) => quoted(`${name}:${description}`)),
      ...choices.map(quoted),
      ...options.map(({ long, description }) => quoted(`${long}:${description}`)),
    ].join(' ');
  return `#compdef retrain
# Completion of retrain for zsh: put it as _retrain into a folder of $fpath
_retrain() {
  local at=retrain before="\${words[CURRENT-1]}" i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
${walked(nodes, { word: '${words[i]}', offer, offers: (node) => `offers=(${described(node)})` })}
  _describe 'retrain' offers || _files
}
if [ "$funcstack[1]" = "_retrain" ]; then _retrain "$@"; else compdef _retrain retrain; fi
`;
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, commands, options, choices }) => {
    const at = `complete -c retrain -n ${quoted(`__retrain_at ${path}`)}`;
    return [
      ...commands.map(({ name, description }) => `${at} -f -a ${quoted(name)} -d ${quoted(description)}`),
      ...choices.map((choice) => `${at} -f -a ${quoted(choice)}`),
      ...options.map(
        (option) => `${at} -l ${option.long.slice(2)} ${fishValue(option)}-d ${quoted(option.description)}`,
      ),
    ];
  });
  const paths = nodes.slice(1).map(({ path }) => quoted(path));
  return `# Completion of retrain for fish: ~/.config/fish/completions/retrain.fish
function __retrain_at
  set -l at retrain
  set -l known ${paths.join(' ')}
  set -l typed (commandline -opc)
  for word in $typed[2..-1]
    if contains -- "$at $word" $known
      set at "$at $word"
    end
  end
  test "$at" = "$argv"
end
${lines.join('\n')}
`;
}

function fishValue({ takes, choices }: CompletedOption): string {
  if (takes === 'nothing') return '';
  if (takes === 'choice') return `-x -a ${quoted(choices.join(' '))} `;
  if (takes === 'other') return '-r ';
  return `-x -a '(retrain completion --${takes} 2>/dev/null)' `;
}

/** A word in single quotes; fish, too, takes an apostrophe that is written so. */
function quoted(text: string): string {
  return `'${text.replaceAll('\n', ' ').replaceAll("'", `'\\''`)}'`;
}
