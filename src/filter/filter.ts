import type { MessageProperties, SystemProperty } from './message-properties.ts';
import type { PropertyValue } from './property-value.ts';
import type { ValueKey, ValueKind } from './value-kind.ts';

/** Which property a filter looks at. Names of the scope `user` are in lower case. */
export type PropertyName =
  | { readonly scope: 'system'; readonly name: SystemProperty }
  | { readonly scope: 'user' | 'user-exact'; readonly name: string };

/** That a property has a value with this key, or one that is of another kind than this. */
export type Probe =
  | { readonly property: PropertyName; readonly key: ValueKey }
  | { readonly property: PropertyName; readonly otherThan: ValueKind };

export interface Filter {
  /** True for every message, without a look at it. */
  readonly always: boolean;
  /**
   * Several ways to find the filter: of each, one probe at least holds for every message for which `matches` is true or throws. Empty when
   * nothing is known.
   */
  readonly probes: readonly (readonly Probe[])[];
  /** @throws FilterError when it cannot be evaluated for this message */
  matches(message: MessageProperties): boolean;
}

export function readNamed(message: MessageProperties, property: PropertyName): PropertyValue | undefined {
  switch (property.scope) {
    case 'system':
      return message.system(property.name);
    case 'user':
      return message.user(property.name);
    case 'user-exact':
      return message.userExact(property.name);
  }
}
