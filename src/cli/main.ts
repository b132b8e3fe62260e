#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { outliveClientRejections } from './client-rejections.ts';
import { EXIT, EXIT_CODES_HELP } from './exit-code.ts';
import { explainFailure, stackOf } from './failure.ts';

const { version } = createRequire(import.meta.url)('retrain/package.json') as { version: string };

/** Loaded only when called for: the official client alone costs a third of a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo.ts')).demoCommand(),
  broker: async () => (await import('./broker.ts')).brokerCommand(),
  up: async () => (await import('./up.ts')).upCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  config: async () => (await import('./config.ts')).configCommand(),
  manifests: async () => (await import('./manifests.ts')).manifestsCommand(),
  intake: async () => (await import('./intake.ts')).intakeCommand(),
  outbox: async () => (await import('./outbox.ts')).outboxCommand(),
  request: async () => (await import('./request.ts')).requestCommand(),
  backtest: async () => (await import('./backtest.ts')).backtestCommand(),
  monitor: async () => (await import('./monitor.ts')).monitorCommand(),
  events: async () => (await import('./events.ts')).eventsCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  runs: async () => (await import('./runs.ts')).runsCommand(),
  cancel: async () => (await import('./cancel.ts')).cancelCommand(),
  notify: async () => (await import('./notify.ts')).notifyCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(() => program(undefined)),
  status: async () => (await import('./status.ts')).statusCommand(),
  models: async () => (await import('./models.ts')).modelsCommand(),
  entities: async () => (await import('./entities.ts')).entitiesCommand(),
  peek: async () => (await import('./peek.ts')).peekCommand(),
  receive: async () => (await import('./receive.ts')).receiveCommand(),
  dlq: async () => (await import('./dlq.ts')).dlqCommand(),
  send: async () => (await import('./send.ts')).sendCommand(),
  deploy: async () => (await import('./deploy.ts')).deployCommand(),
  topology: async () => (await import('./topology.ts')).topologyCommand(),
};

async function program(called: string | undefined): Promise<Command> {
  const root = new Command('retrain')
    .description('Retrains models on request, over a durable queue: Azure Service Bus or the embedded broker.')
    .version(version, '--version', 'print the version')
    .addHelpText('after', `\nExample:\n  retrain demo\n\n${EXIT_CODES_HELP}`);
  const wanted = Object.entries(COMMANDS).filter(([name]) => name === called);
  // What answers --version stands above.
  const all = called === '--version' ? [] : Object.entries(COMMANDS);
  for (const [, load] of wanted.length > 0 ? wanted : all) root.addCommand(await load());
  for (const command of withSubcommands(root))
    command
      // Or an option that every command has, such as this one, would only ever reach the outermost.
      .enablePositionalOptions()
      .option('--verbose', 'show stack traces')
      .exitOverride()
      .showSuggestionAfterError()
      // What is wrong is said once, by `run`.
      .configureOutput({ outputError: () => undefined });
  return root;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** The commands that were called, from `retrain` to the innermost. */
function calledIn(root: Command, args: readonly string[]): Command[] {
  const [name, ...rest] = args;
  const called = root.commands.find((command) => command.name() === name);
  return called ? [root, ...calledIn(called, rest)] : [root];
}

async function run(): Promise<number> {
  const root = await program(process.argv[2]);
  try {
    await root.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const called = calledIn(root, process.argv.slice(2));
    const verbose = called.some((command) => command.opts()['verbose'] === true);
    const name = called.map((command) => command.name()).join(' ');
    const { line, places = [], exitCode } = explainFailure(error, name);
    if (line !== '') process.stderr.write([`retrain: ${line}`, ...places].join('\n').concat('\n'));
    if (verbose && line !== '') process.stderr.write(`${stackOf(error)}\n`);
    return exitCode;
  }
}

outliveClientRejections((line) => process.stderr.write(`retrain: ${line}\n`));

// Whoever reads our output may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.disk),
);

/** Resolves when the operating system has all that was written; a pipe takes 64 KiB until somebody reads it. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

const exitCode = await run();
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// Not by running out of work: a client that waits for a dead peer must not keep a finished command alive.
process.exit(exitCode);
