import { textOf } from './arithmetic.ts';
import { compileValue, type Evaluate } from './compile-value.ts';
import type { Environment } from './environment.ts';
import { FilterError } from './filter-error.ts';
import { foldValue } from './fold.ts';
import { LIMITS } from './limits.ts';
import type { NamedProperties, PropertyChanges, SystemProperty } from './message-properties.ts';
import { FilterDuration, FilterTime, type PropertyValue } from './property-value.ts';
import { syntaxError } from './syntax-error.ts';
import type { Statement } from './syntax-tree.ts';
import { describe } from './value-kind.ts';

export interface Action {
  /**
   * What the action makes of a message, which stays as it is. Statements see what those before them did.
   *
   * @throws FilterError when it cannot be evaluated for this message
   */
  changes(message: NamedProperties): PropertyChanges;
}

/** Properties that an action may set, and what they take: a text, or TimeToLive a duration and the time of enqueueing a time. */
const SETTABLE: ReadonlyMap<SystemProperty, 'text' | 'duration' | 'time' | 'boolean'> = new Map([
  ['ContentType', 'text'],
  ['CorrelationId', 'text'],
  ['ForcePersistence', 'boolean'],
  ['Label', 'text'],
  ['MessageId', 'text'],
  ['PartitionKey', 'text'],
  ['ReplyTo', 'text'],
  ['ReplyToSessionId', 'text'],
  ['ScheduledEnqueueTimeUtc', 'time'],
  ['SessionId', 'text'],
  ['TimeToLive', 'duration'],
  ['To', 'text'],
  ['ViaPartitionKey', 'text'],
]);

/** Read by the service when a message is sent, and never again: set, they stay without effect (topic-filters). */
const WITHOUT_EFFECT: ReadonlySet<SystemProperty> = new Set([
  'ForcePersistence',
  'ScheduledEnqueueTimeUtc',
  'ViaPartitionKey',
]);

const IDS: ReadonlySet<SystemProperty> = new Set(['MessageId', 'PartitionKey', 'ReplyToSessionId', 'SessionId']);

type Step = (draft: Draft) => void;

/** @throws RetrainError `FILTER_INVALID` */
export function compileStatements(statements: readonly Statement[], environment: Environment): Action {
  const steps = statements.map((statement) => compileStatement(statement, environment));
  return {
    changes(message) {
      const draft = new Draft(message);
      for (const step of steps) step(draft);
      return draft.changes();
    },
  };
}

function compileStatement({ target, value }: Statement, environment: Environment): Step {
  const { property, written, at } = target;
  const evaluate = value && compileValue(foldValue(value), environment);
  if (property.scope !== 'system') return compileUserStep(written, evaluate);
  const { name } = property;
  const type = SETTABLE.get(name);
  if (type === undefined) throw syntaxError('action', at, `the system property ${name} cannot be changed`);
  if (!evaluate) {
    if (name === 'MessageId') throw syntaxError('action', at, 'a message must have a MessageId; it can only be set');
    return (draft) => draft.setSystem(name, undefined);
  }
  return (draft) => {
    const given = evaluate(draft) ?? undefined;
    if (given === undefined && name === 'MessageId')
      throw new FilterError('SET sys.MessageId: the value is unknown, and a message must have a MessageId');
    draft.setSystem(name, given === undefined ? undefined : asSystemValue(name, type, given));
  };
}

function compileUserStep(written: string, evaluate: Evaluate | undefined): Step {
  if (!evaluate) return (draft) => draft.setUser(written, undefined);
  return (draft) => {
    const given = evaluate(draft) ?? null;
    const former = draft.user(written);
    // The implicit conversion that C# has between what a property is and what it becomes.
    const value = typeof former === 'number' && typeof given === 'bigint' ? Number(given) : given;
    draft.setUser(written, value);
  };
}

function asSystemValue(
  name: SystemProperty,
  type: 'text' | 'duration' | 'time' | 'boolean',
  value: Exclude<PropertyValue, null>,
): PropertyValue {
  if (type === 'text') {
    const text = textOf(value);
    if (text === undefined) throw cannotBe(name, value, 'a text');
    if (IDS.has(name) && text.length > LIMITS.idCharacters)
      throw new FilterError(
        `SET sys.${name}: the value has ${text.length} characters; the limit is ${LIMITS.idCharacters}`,
      );
    return text;
  }
  if (type === 'boolean' ? typeof value === 'boolean' : type === 'time' ? value instanceof FilterTime : false)
    return value;
  if (type === 'duration' && value instanceof FilterDuration && value.ticks > 0n) return value;
  throw cannotBe(name, value, { duration: 'a duration above 0', time: 'a time', boolean: 'a boolean' }[type]);
}

function cannotBe(name: SystemProperty, value: Exclude<PropertyValue, null>, what: string): FilterError {
  return new FilterError(`SET sys.${name}: the value is ${describe(value)} and must be ${what}`);
}

/** The message as the statements so far have made it. */
class Draft implements NamedProperties {
  readonly #message: NamedProperties;
  /** By the name in lower case. */
  readonly #user = new Map<string, { readonly name: string; readonly value: PropertyValue | undefined }>();
  readonly #system = new Map<SystemProperty, PropertyValue | undefined>();

  constructor(message: NamedProperties) {
    this.#message = message;
  }

  user(name: string): PropertyValue | undefined {
    const changed = this.#user.get(name.toLowerCase());
    return changed ? changed.value : this.#message.user(name);
  }

  system(name: SystemProperty): PropertyValue | undefined {
    return this.#system.has(name) ? this.#system.get(name) : this.#message.system(name);
  }

  setUser(name: string, value: PropertyValue | undefined): void {
    const folded = name.toLowerCase();
    this.#user.set(folded, { name: this.#user.get(folded)?.name ?? name, value });
  }

  setSystem(name: SystemProperty, value: PropertyValue | undefined): void {
    this.#system.set(name, value);
  }

  changes(): PropertyChanges {
    const user = new Map<string, PropertyValue | undefined>();
    for (const { name, value } of this.#user.values()) user.set(name, value);
    const system = new Map(this.#system);
    for (const name of WITHOUT_EFFECT) system.delete(name);
    return { user, system };
  }
}
