import type { KeyRenewal } from '../access-admin.ts';
import { ACCESS_RIGHTS } from '../access-rule.ts';
import type { AccessRight, AccessRule } from '../access-rule.ts';
import { connectionString } from '../connection-string.ts';
import { childBody, sortedList } from './child-resource.ts';
import { idIn } from './namespace-resource.ts';
import { anyCase, objectIn } from './read-body.ts';
import { badRequest, parentNotFound, resourceNotFound } from './refusal.ts';
import type { Segment } from './resource-id.ts';
import type { ArmAnswer, Body, ChildCall, ChildKind } from './resource-kind.ts';

// Authorization rules (docs: rest/api/servicebus, "Namespaces - Authorization Rules", and those of queues and topics): the broker's access rules. Topics lend
// theirs to their subscriptions, which have none.

/** What the rules belong to. */
interface Owner {
  /** The queue or topic; undefined: the namespace. */
  readonly entity: string | undefined;
  /** Its type and name below the namespace. */
  readonly within: readonly Segment[];
}

/** Of Azure: base64 of 32 bytes. */
const KEY = /^[A-Za-z0-9+/]{43}=$/;
const KEY_TYPES = ['PrimaryKey', 'SecondaryKey'] as const;
const WHICH: Readonly<Record<(typeof KEY_TYPES)[number], KeyRenewal['which']>> = {
  PrimaryKey: 'primaryKey',
  SecondaryKey: 'secondaryKey',
};
/** Nobody between us and the client is to keep what holds keys. */
const KEPT_NOWHERE = { 'cache-control': 'no-store' } as const;

export const namespaceRulesKind = kindOf('namespaces', 'AuthorizationRules', () => ({ entity: undefined, within: [] }));

export const queueRulesKind = kindOf('namespaces/queues', 'authorizationRules', (call) =>
  entityOwner(call, 'queues', call.admin.queues.get(entityOf(call))),
);

export const topicRulesKind = kindOf('namespaces/topics', 'authorizationRules', (call) =>
  entityOwner(call, 'topics', call.admin.topics.get(entityOf(call))),
);

/** `ownerOf` throws when there is no owner. */
function kindOf(path: string, type: string, ownerOf: (call: ChildCall) => Owner): ChildKind {
  const shown = (call: ChildCall, { within }: Owner, { name, rights }: AccessRule): object =>
    childBody(call, [...within, { type, name }], { rights });
  return {
    type: `${path}/${type.toLowerCase()}`,
    list: (call) => {
      const owner = ownerOf(call);
      const rules = call.access.rulesOf(owner.entity).map((rule) => ({ description: rule }));
      return sortedList(call, rules, ({ description }) => shown(call, owner, description));
    },
    get: (call) => {
      const owner = ownerOf(call);
      return { status: 200, body: shown(call, owner, ruleOf(call, owner)) };
    },
    put: async (call, body) => {
      const owner = ownerOf(call);
      const rule = await call.access.put(owner.entity, { name: nameIn(call, owner), rights: rightsIn(body) });
      return { status: 200, body: shown(call, owner, rule) };
    },
    delete: async (call) => {
      const owner = ownerOf(call);
      const there = await call.access.delete(owner.entity, nameIn(call, owner));
      return { status: there ? 200 : 204 };
    },
    actions: {
      listkeys: (call) => keysAnswer(call, ruleOf(call, ownerOf(call))),
      regeneratekeys: async (call, body) => {
        const owner = ownerOf(call);
        // Refused now, not when the former key is gone.
        addressIn(call.request.origin);
        const rule = await call.access.renewKey(owner.entity, nameIn(call, owner), renewalIn(body));
        if (!rule) throw resourceNotFound(idIn(call.request.path));
        return keysAnswer(call, rule);
      },
    },
  };
}

/** The queue or topic of the path. */
const entityOf = ({ names: [, entity = ''] }: ChildCall): string => entity;

/** The name of a rule that there is, or is to be. Case counts in it, but not in ids: what differs from the one rule in case only, means it. */
function nameIn({ access, names }: ChildCall, { entity }: Owner): string {
  const wanted = names.at(-1) ?? '';
  const present = access.rulesOf(entity).map(({ name }) => name);
  if (present.includes(wanted)) return wanted;
  return present.find((name) => name.toLowerCase() === wanted.toLowerCase()) ?? wanted;
}

function entityOwner(
  { request: { path } }: ChildCall,
  type: 'queues' | 'topics',
  found: { readonly description: { readonly name: string } } | undefined,
): Owner {
  if (!found)
    throw parentNotFound(
      idIn({ ...path, segments: path.segments.slice(0, 2) }),
      `Make it first (PUT), or correct its name among the ${type}.`,
    );
  const { name } = found.description;
  return { entity: name, within: [{ type, name }] };
}

function ruleOf(call: ChildCall, owner: Owner): AccessRule {
  const wanted = nameIn(call, owner);
  const rule = call.access.rulesOf(owner.entity).find(({ name }) => name === wanted);
  if (!rule) throw resourceNotFound(idIn(call.request.path));
  return rule;
}

/** @throws ArmRefusal */
function rightsIn(body: Body): AccessRight[] {
  const { rights: given } = objectIn(body, 'properties');
  if (!Array.isArray(given) || given.length === 0)
    throw badRequest(`properties.rights must be a list with one or more of ${ACCESS_RIGHTS.join(', ')}.`);
  const rights = new Set(given.map((right: unknown) => rightOf(right)));
  if (rights.has('Manage') && rights.size < ACCESS_RIGHTS.length)
    throw badRequest('properties.rights has Manage, which includes Send and Listen: name all three.');
  return [...rights];
}

function rightOf(given: unknown): AccessRight {
  const right = anyCase(ACCESS_RIGHTS, given);
  if (!right)
    throw badRequest(`properties.rights has ${JSON.stringify(given)}; rights are ${ACCESS_RIGHTS.join(', ')}.`);
  return right;
}

/** What is wrong is not repeated: it may be a key. @throws ArmRefusal */
function renewalIn({ keyType, key }: Body): KeyRenewal {
  const type = anyCase(KEY_TYPES, keyType);
  if (!type) throw badRequest(`keyType must be ${KEY_TYPES.join(' or ')}.`);
  const which = WHICH[type];
  if (key === undefined) return { which };
  if (typeof key !== 'string' || !KEY.test(key))
    throw badRequest(
      'key must be base64 of 32 bytes, which are 44 characters (openssl rand -base64 32). Leave it out, and one is made.',
    );
  return { which, key };
}

function keysAnswer({ request }: ChildCall, rule: AccessRule): ArmAnswer {
  const { name, primaryKey, secondaryKey } = rule;
  const stringWith = (key: string): string =>
    connectionString({ ...addressIn(request.origin), rule: { ...rule, primaryKey: key } });
  return {
    status: 200,
    body: {
      keyName: name,
      primaryKey,
      primaryConnectionString: stringWith(primaryKey),
      // The broker's own root rule has one key only when it was given one.
      ...(secondaryKey === undefined ? {} : { secondaryKey, secondaryConnectionString: stringWith(secondaryKey) }),
    },
    headers: KEPT_NOWHERE,
  };
}

/** Where the client has reached us: on that port everything is spoken, and in the same way. @throws ArmRefusal */
function addressIn(origin: string): { readonly host: string; readonly port: number; readonly tls: boolean } {
  if (!URL.canParse(origin))
    throw badRequest('The header Host is no host name, so no connection string can be made for it.');
  const { protocol, hostname, port } = new URL(origin);
  const tls = protocol === 'https:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (tls ? 443 : 80), tls };
}
