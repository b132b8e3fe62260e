import { namespaceNameFault } from '../../topology/index.ts';
import { onlyOne } from './namespace-resource.ts';
import { badRequest } from './refusal.ts';
import type { Body, Call, TopKind } from './resource-kind.ts';

/** What a subscription asks of the provider itself. */
export const providerKind: TopKind = {
  type: '',
  actions: {
    checknameavailability: (call, body) => ({ status: 200, body: availability(call, body) }),
  },
};

/** Reasons of the service (namespaces - Check Name Availability). */
type Reason = 'None' | 'InvalidName' | 'NameInUse' | 'TooManyNamespaceInCurrentSubscription';

interface Availability {
  readonly nameAvailable: boolean;
  readonly reason: Reason;
  readonly message: string;
}

function availability({ namespaces }: Call, { name }: Body): Availability {
  if (typeof name !== 'string') throw badRequest("'name' is missing: give the name of a namespace as text.");
  const fault = namespaceNameFault(name);
  if (fault !== undefined) return unavailable('InvalidName', `${fault}.`);
  const record = namespaces.current?.record;
  if (!record) return { nameAvailable: true, reason: 'None', message: '' };
  if (record.name.toLowerCase() === name.toLowerCase())
    return unavailable('NameInUse', `The namespace '${record.name}' exists already.`);
  return unavailable('TooManyNamespaceInCurrentSubscription', onlyOne(record).message);
}

function unavailable(reason: Reason, message: string): Availability {
  return { nameAvailable: false, reason, message };
}
