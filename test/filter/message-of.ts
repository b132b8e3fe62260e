import { FilterUuid } from '../../src/filter/index.ts';
import type { Environment, MessageProperties, PropertyValue, SystemProperty } from '../../src/filter/index.ts';

export interface Properties {
  readonly user?: Readonly<Record<string, PropertyValue>>;
  readonly system?: Readonly<Partial<Record<SystemProperty, PropertyValue>>>;
}

/** A message that has these properties. */
export function messageOf({ user = {}, system = {} }: Properties): MessageProperties {
  const exact = new Map(Object.entries(user));
  const folded = new Map(Object.entries(user).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    user: (name) => folded.get(name.toLowerCase()),
    userExact: (name) => exact.get(name),
    userNames: () => [...exact.keys()],
    system: (name) => system[name],
  };
}

export const FIXED_UUID = '00000000-1111-4222-8333-444444444444';

/** `newid()` is always the same. */
export const ENVIRONMENT: Environment = { newId: () => new FilterUuid(FIXED_UUID) };
