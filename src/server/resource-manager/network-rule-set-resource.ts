import { childBody } from './child-resource.ts';
import { networkRules } from './namespace-record.ts';
import { checked, objectIn } from './read-body.ts';
import { ArmRefusal, badRequest } from './refusal.ts';
import type { ChildCall, ChildKind } from './resource-kind.ts';

/** The only one that a namespace has. */
const NAME = 'default';

/** Network rules are kept for who asks, and not enforced: who reaches this broker is decided by the address that it listens on. */
export const networkRuleSetKind: ChildKind = {
  type: 'namespaces/networkrulesets',
  list: (call) => ({ status: 200, body: { value: [ruleSetBody(call)] } }),
  get: (call) => {
    mustBeDefault(call);
    return { status: 200, body: ruleSetBody(call) };
  },
  put: async (call, body) => {
    mustBeDefault(call);
    const given = checked(networkRules, objectIn(body, 'properties'), 'properties');
    const updatedAtMs = call.service.clock.wallMs();
    const namespace = await call.namespaces.update((present) => ({ ...present, networkRules: given, updatedAtMs }));
    return { status: 200, body: ruleSetBody({ ...call, namespace }) };
  },
};

function ruleSetBody(call: ChildCall): object {
  const { publicNetworkAccess } = call.namespace.properties;
  const rules = call.namespace.networkRules ?? networkRules.parse({ publicNetworkAccess });
  return childBody(call, [{ type: 'networkRuleSets', name: NAME }], rules);
}

/** @throws ArmRefusal */
function mustBeDefault({ names }: ChildCall): void {
  const [, name = ''] = names;
  if (name.toLowerCase() !== NAME) throw notDefault(name);
}

function notDefault(name: string): ArmRefusal {
  return badRequest(`The network rule set '${name}' cannot be: a namespace has one, called '${NAME}'.`);
}
