import type { AccessAdmin } from '../access-admin.ts';
import type { EntityAdmin } from '../entity-admin.ts';
import type { Service } from '../service.ts';
import type { ArmRequest } from './arm-request.ts';
import type { NamespaceKeeper } from './namespace-keeper.ts';
import type { NamespaceRecord } from './namespace-record.ts';

/** What Azure Resource Manager works on. */
export interface ArmParts {
  readonly service: Service;
  readonly admin: EntityAdmin;
  readonly access: AccessAdmin;
  readonly namespaces: NamespaceKeeper;
}

/** A request that is let in. */
export interface Call extends ArmParts {
  readonly request: ArmRequest;
  /** Of the resource and what it lies in, outermost first, decoded; of a list, of what it lies in. */
  readonly names: readonly string[];
}

/** A request for something within the namespace. */
export interface ChildCall extends Call {
  /** It exists, and is the one that the request names. */
  readonly namespace: NamespaceRecord;
}

export interface ArmAnswer {
  readonly status: number;
  /** Goes as JSON. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

type Answered = ArmAnswer | Promise<ArmAnswer>;

/** A JSON object that a client has sent. */
export type Body = Readonly<Record<string, unknown>>;

/**
 * What can be done with resources of a kind; what is left out is answered with 405. Everything refuses with an `ArmRefusal` or another `RetrainError`.
 */
export interface ResourceKind<C> {
  /** Types of the resource and of what it lies in, in lower case: `namespaces/queues`. */
  readonly type: string;
  readonly list?: (call: C) => Answered;
  readonly get?: (call: C) => Answered;
  readonly put?: (call: C, body: Body) => Answered;
  readonly patch?: (call: C, body: Body) => Answered;
  readonly delete?: (call: C) => Answered;
  /** POST of the resource's path and the name of the action, here in lower case. The body is empty when the client has sent none. */
  readonly actions?: Readonly<Record<string, (call: C, body: Body) => Answered>>;
}

/** The namespace itself, and what is asked of a subscription or a resource group. */
export type TopKind = ResourceKind<Call>;
/** What lies in the namespace. */
export type ChildKind = ResourceKind<ChildCall>;
