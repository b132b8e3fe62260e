import { dirname, resolve } from 'node:path';
import { ContentReader, inOrderOfPlace } from '../../document/content-reader.ts';
import { ConfigurationFileError } from '../../document/file-problem.ts';
import type { Path } from '../../document/file-problem.ts';
import { parseFileText } from '../../document/file-text.ts';
import { unknownName } from '../../document/near-name.ts';
import { isLoopback } from '../listener/loopback.ts';
import { ANY_MODEL, configurationSchema } from './configuration-schema.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { filledFrom, scalarOf } from './environment.ts';
import type { ModelSettings } from './model-settings.ts';

/** The topic of outcome events, unless the configuration names another place. */
const DEFAULT_OUTCOME_TOPIC = 'model-retraining-outcomes';

/** Where outcome events go, and from where they are read. */
export type OutcomePlace =
  | { readonly topic: string; readonly statusSubscription: string; readonly notifySubscription: string }
  | { readonly queue: string };

/** Absolute paths. */
export interface Folders {
  readonly state: string;
  readonly runs: string;
  readonly registry: string;
  readonly outbox: string;
  readonly monitors: string;
  readonly observations: string;
  readonly notify: string;
  /** For a queue without sessions. */
  readonly ledgers: string;
  readonly broker: string;
}

/** A configuration that was read, filled in from the environment and checked. */
export interface Configuration extends Pick<
  ConfigurationFile,
  'connection' | 'queues' | 'broker' | 'worker' | 'registry' | 'listen' | 'intake' | 'notify'
> {
  /** Path of the file, as it was given. */
  readonly file: string;
  /** Absolute; relative paths in the file are relative to it. */
  readonly baseFolder: string;
  readonly outcomes: OutcomePlace;
  readonly folders: Folders;
  /** The models that are named, with the defaults filled in. */
  readonly models: ReadonlyMap<string, ModelSettings>;
  /** What holds for every other model; undefined when others are not this configuration's business. */
  readonly otherModels: ModelSettings | undefined;
}

/** The settings of a model; undefined when it is not configured. */
export function settingsOf({ models, otherModels }: Configuration, model: string): ModelSettings | undefined {
  return models.get(model) ?? otherModels;
}

export interface ParseOptions {
  /** Path of the file; what it names is relative to its folder. */
  readonly file: string;
  /** What `${NAME}` stands for. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The broker is named elsewhere: the section connection counts for nothing, nor do variables that are not set in it. */
  readonly withoutConnection?: boolean;
}

/**
 * Reads a configuration, YAML or JSON.
 *
 * @throws ConfigurationFileError with everything that is wrong in it, each with line, column and path
 */
export async function parseConfiguration(
  text: string,
  { file, environment, withoutConnection = false }: ParseOptions,
): Promise<Configuration> {
  const content = await parseFileText(text, file);
  const reader = new ContentReader(content);
  const given = withoutConnection ? unconnected(content.value) : content.value;
  const filled = filledFrom(given, environment);
  for (const { path, reason } of filled.problems) reader.refuse(path, reason);
  const value = withScalars(filled.value, filled.fromVariables);
  // With a variable missing, its place would be refused a second time.
  const written =
    reader.problems.length === 0 ? reader.read(configurationSchema, value, (path) => path, given) : undefined;
  const models = written && modelsOf(reader, written);
  if (written && models) checkReferences(reader, written);
  if (!written || !models || reader.problems.length > 0)
    throw new ConfigurationFileError(file, inOrderOfPlace(reader.problems));
  const { connection, queues, broker, worker, registry, listen, intake, notify } = written;
  const baseFolder = dirname(resolve(file));
  const { [ANY_MODEL]: otherModels, ...named } = models;
  return {
    file,
    baseFolder,
    connection,
    queues,
    broker,
    worker,
    registry,
    listen,
    intake,
    notify,
    outcomes: outcomePlace(written),
    folders: foldersIn(resolve(baseFolder, written.folders.state)),
    models: new Map(Object.entries(named)),
    otherModels,
  };
}

function unconnected(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'connection'));
}

/** The parts of a state folder. */
export function foldersIn(state: string): Folders {
  return {
    state,
    runs: resolve(state, 'runs'),
    registry: resolve(state, 'registry'),
    outbox: resolve(state, 'outbox'),
    monitors: resolve(state, 'monitors'),
    observations: resolve(state, 'observations'),
    notify: resolve(state, 'notify'),
    ledgers: resolve(state, 'ledgers'),
    broker: resolve(state, 'broker'),
  };
}

/** A variable's text can stand for a number or a truth value where the schema wants one: found out by asking it. */
function withScalars(value: unknown, fromVariables: readonly Path[]): unknown {
  if (fromVariables.length === 0) return value;
  const result = configurationSchema.safeParse(value);
  if (result.success) return value;
  const known = new Set(fromVariables.map((path) => JSON.stringify(path)));
  let filled = value;
  for (const { code, path } of result.error.issues)
    if (code === 'invalid_type' && known.has(JSON.stringify(path))) filled = withScalarAt(filled, path);
  return filled;
}

function withScalarAt(value: unknown, path: readonly PropertyKey[]): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return typeof value === 'string' ? scalarOf(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner, at) => (at === first ? withScalarAt(inner, rest) : inner));
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, inner]) => [name, name === first ? withScalarAt(inner, rest) : inner]));
}

function modelsOf(
  reader: ContentReader,
  { defaults, models }: ConfigurationFile,
): Record<string, ModelSettings> | undefined {
  const whole: Record<string, ModelSettings> = {};
  for (const [name, model] of Object.entries(models)) {
    const { trainer = defaults.trainer, gate = defaults.gate } = model;
    for (const [field, given] of Object.entries({ trainer, gate }))
      if (!given) reader.refuse(['models', name], `has no ${field}: give it here or under defaults`, 'key');
    const twice = model.monitors.findIndex(({ name: one }, at) => model.monitors.findIndex((m) => m.name === one) < at);
    if (twice >= 0)
      reader.refuse(['models', name, 'monitors', twice, 'name'], 'another monitor of the model has this name');
    if (name === ANY_MODEL && model.monitors.length > 0)
      reader.refuse(['models', name, 'monitors'], 'a monitor watches one model: name the model', 'key');
    if (trainer && gate) whole[name] = { ...defaults, ...model, trainer, gate };
  }
  return reader.problems.length === 0 ? whole : undefined;
}

/** What one part says of another. */
function checkReferences(reader: ContentReader, { models, intake, notify, listen }: ConfigurationFile): void {
  const names = Object.keys(models);
  const known = (name: string): boolean => ANY_MODEL in models || names.includes(name);
  for (const [at, { model }] of (intake?.rules ?? []).entries())
    // With a placeholder it is known only when an event comes.
    if (model !== undefined && !model.includes('{') && !known(model))
      reader.refuse(['intake', 'rules', at, 'model'], unknownName('model', model, names));
  for (const [at, rule] of notify.entries())
    for (const [place, model] of (rule.models ?? []).entries())
      if (!known(model)) reader.refuse(['notify', at, 'models', place], unknownName('model', model, names));
  if (listen && listen.tokens.length === 0 && !isLoopback(listen.host))
    reader.refuse(
      ['listen', 'host'],
      'is open to other machines, and listen.tokens is empty: give a token, or listen on 127.0.0.1',
    );
  if (!listen)
    for (const [name, { monitors }] of Object.entries(models))
      for (const [at, { source }] of monitors.entries())
        if (source.pushed)
          reader.refuse(
            ['models', name, 'monitors', at, 'source'],
            'observations come in by HTTP: add the section listen',
          );
}

function outcomePlace({ outcomes: { topic, queue, status, notify } }: ConfigurationFile): OutcomePlace {
  if (queue !== undefined) return { queue };
  return { topic: topic ?? DEFAULT_OUTCOME_TOPIC, statusSubscription: status, notifySubscription: notify };
}
