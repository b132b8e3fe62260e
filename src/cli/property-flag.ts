import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { entityProperties, FOREVER, formatDuration, parseDuration } from '../topology/index.ts';
import type { EntityKind, EntityProperty } from '../topology/index.ts';
import { span } from './option.ts';

/** Properties that flags give; `undefined` takes away one that an entity may be without. */
export type GivenProperties = Readonly<Record<string, string | number | boolean | undefined>>;

const PROPERTIES: readonly EntityProperty[] = entityProperties();

/** A flag for every property of queues, topics and subscriptions, and one without for those that an entity may be without. */
export function addPropertyFlags(command: Command): Command {
  for (const property of PROPERTIES) {
    command.addOption(flagOf(property));
    if (property.usual === undefined) command.option(`--no-${kebab(property.name)}`, `without ${property.name}`);
  }
  return command;
}

function flagOf({ name, kinds, type, takes, usual, choices }: EntityProperty): Option {
  const flag = `--${kebab(name)}`;
  const of = kinds.length === 3 ? '' : `; ${kinds.map((kind) => `${kind}s`).join(' and ')}`;
  const normal = usual === undefined ? '' : ` (default: ${usual === FOREVER ? 'forever' : String(usual)})`;
  // The choices are told by the option itself.
  const what = type === 'text' || type === 'choice' ? name : takes;
  const says = `${what}${of}${normal}`;
  switch (type) {
    case 'boolean':
      return new Option(`${flag} [bool]`, says).argParser(bool);
    case 'integer':
      return new Option(`${flag} <n>`, says).argParser(integer);
    case 'duration':
      return new Option(
        `${flag} <span>`,
        says.replace('an ISO 8601 duration', 'a span such as 90s or PT90S'),
      ).argParser(duration);
    case 'choice':
      return new Option(`${flag} <which>`, says).choices([...choices]);
    case 'text':
      return new Option(`${flag} <text>`, says);
  }
}

/**
 * The properties among the options of a command.
 *
 * @throws RetrainError `ARGUMENT_INVALID` for one that an entity of this kind has not
 */
export function givenProperties(options: Readonly<Record<string, unknown>>, kind: EntityKind): GivenProperties {
  const given: Record<string, string | number | boolean | undefined> = {};
  for (const { name, kinds } of PROPERTIES) {
    const value = options[name];
    if (value === undefined) continue;
    if (!kinds.includes(kind))
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `--${kebab(name)}: a ${kind} has no ${name}, ${kinds.map((each) => `${each}s`).join(' and ')} have: leave it out`,
      );
    given[name] = value === false && !isBoolean(name) ? undefined : (value as string | number | boolean);
  }
  return given;
}

function isBoolean(name: string): boolean {
  return PROPERTIES.some((property) => property.name === name && property.type === 'boolean');
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function bool(value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new InvalidArgumentError('use true or false, or nothing for true');
}

function integer(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('use a whole number');
}

/** As Service Bus writes it. */
function duration(value: string): string {
  if (value === 'forever') return FOREVER;
  if (!value.startsWith('P')) return formatDuration(span(value));
  try {
    parseDuration(value, 'value');
  } catch {
    throw new InvalidArgumentError('use a span such as 90s, 15m or 2h, an ISO 8601 duration such as PT90S, or forever');
  }
  return value;
}
