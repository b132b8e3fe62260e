import type { RuleStatus, SubscriptionName } from '../rule-admin.ts';
import { childBody, sortedList, mustFitSku } from './child-resource.ts';
import { idIn } from './namespace-resource.ts';
import { parentNotFound, resourceNotFound } from './refusal.ts';
import type { ArmAnswer, ChildCall, ChildKind } from './resource-kind.ts';
import { readRule, ruleProperties } from './rule-properties.ts';

export const ruleKind: ChildKind = {
  type: 'namespaces/topics/subscriptions/rules',
  list: (call) => {
    const owner = ownerOf(call);
    return sortedList(call, call.admin.rules.list(owner) ?? [], (rule) => ruleBody(call, owner, rule));
  },
  get: (call) => shown(call),
  put: async (call, body) => {
    const owner = ownerOf(call);
    mustFitSku(call, 'subscription', {});
    const present = call.admin.rules.get(owner, nameIn(call));
    const rule = readRule(body, present?.description.name ?? nameIn(call));
    await (present ? call.admin.rules.update(owner, rule) : call.admin.rules.create(owner, rule));
    return shown(call);
  },
  delete: async (call) => {
    const owner = ownerOf(call);
    if (!call.admin.rules.get(owner, nameIn(call))) return { status: 204 };
    await call.admin.rules.delete(owner, nameIn(call));
    return { status: 200 };
  },
};

function nameIn({ names }: ChildCall): string {
  return names[3] ?? '';
}

/** The subscription, with its names as they were given when it was made. @throws ArmRefusal */
function ownerOf({ admin, names, request }: ChildCall): SubscriptionName {
  const [, topicName = '', name = ''] = names;
  const subscription = admin.subscriptions.get(topicName, name)?.description;
  if (subscription) return subscription;
  const { path } = request;
  throw parentNotFound(
    idIn({ ...path, segments: path.segments.slice(0, 3) }),
    'Make the subscription first, or correct its name.',
  );
}

function shown(call: ChildCall): ArmAnswer {
  const owner = ownerOf(call);
  const rule = call.admin.rules.get(owner, nameIn(call));
  if (!rule) throw resourceNotFound(call.request.urlPath);
  return { status: 200, body: ruleBody(call, owner, rule) };
}

function ruleBody(call: ChildCall, { topicName, name }: SubscriptionName, { description }: RuleStatus): object {
  const within = [
    { type: 'topics', name: topicName },
    { type: 'subscriptions', name },
    { type: 'rules', name: description.name },
  ];
  return childBody(call, within, ruleProperties(description));
}
