import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http-request.ts';
import type { HttpApi } from '../http-routes.ts';
import { LIMITS } from '../limits.ts';
import { authorizationOf, readRequest } from './arm-request.ts';
import type { ArmRequest } from './arm-request.ts';
import { authorize } from './authorization.ts';
import { CHILD_KINDS, TOP_KINDS } from './kinds.ts';
import { foundNamespace, idIn } from './namespace-resource.ts';
import { bodyOf } from './read-body.ts';
import { ArmRefusal, parentNotFound, refusalOf } from './refusal.ts';
import { entityNameOf } from './resource-id.ts';
import type { ArmAnswer, ArmParts, Body, Call, ChildCall, ResourceKind } from './resource-kind.ts';

/** An operation of a kind, ready to be carried out. */
interface Operation {
  readonly run: (body: Body) => ArmAnswer | Promise<ArmAnswer>;
  readonly takesBody: boolean;
}

/**
 * The Service Bus part of Azure Resource Manager: the namespace and what lies in it, as JSON (docs: rest/api/servicebus). A request is let in before its body
 * is read, and every change is durable before it is answered; the namespace itself is made and deleted by operations that a client asks after.
 */
export class ResourceManagerApi implements HttpApi {
  readonly #parts: ArmParts;

  constructor(parts: ArmParts) {
    this.#parts = parts;
  }

  handle(incoming: IncomingMessage, response: ServerResponse): void {
    this.#answer(incoming)
      .then((answer) => this.#send(response, answer))
      .catch((fault: unknown) => {
        this.#parts.service.onFault(fault);
        response.destroy();
      })
      // What is left of a body that nobody wanted is not kept.
      .finally(() => incoming.resume());
  }

  /** Refuses changes of the namespace. Resolves when none is under way. */
  close(): Promise<void> {
    return this.#parts.namespaces.close();
  }

  async #answer(incoming: IncomingMessage): Promise<ArmAnswer> {
    try {
      authorize(this.#parts.service, authorizationOf(incoming));
      const request = readRequest(incoming);
      const operation = operationOf(this.#parts, request);
      const body = operation.takesBody ? bodyOf(await readBody(incoming, LIMITS.adminRequestBytes)) : {};
      return await operation.run(body);
    } catch (error) {
      const refused = refusalOf(error);
      if (!refused) this.#parts.service.onFault(error);
      return refused ? refusalAnswer(refused) : FAULT;
    }
  }

  #send(response: ServerResponse, { status, body, headers }: ArmAnswer): void {
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, {
      ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }),
      'cache-control': 'no-cache',
      'x-ms-request-id': this.#parts.service.trackingId(),
      ...headers,
    });
    response.end(text);
  }
}

const FAULT: ArmAnswer = {
  status: 500,
  body: {
    error: { code: 'InternalServerError', message: 'The broker has met a fault of its own; see its output.' },
  },
};

function refusalAnswer({ status, armCode, message, allow }: ArmRefusal): ArmAnswer {
  const said = message.length <= LIMITS.adminErrorChars ? message : `${message.slice(0, LIMITS.adminErrorChars)}…`;
  return {
    status,
    body: { error: { code: armCode, message: said } },
    headers: {
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(status === 405 ? { allow: allow.join(', ') } : {}),
    },
  };
}

const TYPES = [...TOP_KINDS, ...CHILD_KINDS].flatMap(({ type }) => (type === '' ? [] : [type]));
const TOPS = new Map(TOP_KINDS.map((kind) => [kind.type, kind]));
const CHILDREN = new Map(CHILD_KINDS.map((kind) => [kind.type, kind]));

/** @throws ArmRefusal 404 and 405 */
function operationOf(parts: ArmParts, request: ArmRequest): Operation {
  const { segments, rest } = request.path;
  const item = segments.map(({ type }) => type.toLowerCase());
  const isAction = request.method === 'POST' && rest !== undefined;
  const type = (rest === undefined || isAction ? item : [...item, rest.toLowerCase()]).join('/');
  const call: Call = { ...parts, request, names: segments.map(({ name }) => entityNameOf(name)) };
  const top = TOPS.get(type);
  if (top) return chosen(top, () => call, request);
  const child = CHILDREN.get(type);
  if (!child) throw unknownType(type);
  const within = (): ChildCall => ({ ...call, namespace: namespaceOf(call) });
  // Known before the body is read; asked again when it has come, as the namespace may have gone meanwhile.
  within();
  return chosen(child, within, request);
}

/** `call` is asked for when the operation is carried out. */
function chosen<C>(kind: ResourceKind<C>, call: () => C, { method, path }: ArmRequest): Operation {
  const { rest } = path;
  const { list, get, put, patch, delete: remove, actions = {} } = kind;
  if (method === 'POST' && rest !== undefined) {
    const name = rest.toLowerCase();
    const act = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (act) return { takesBody: true, run: (body) => act(call(), body) };
    throw new ArmRefusal('InvalidResourceType', `There is no action '${rest}' of ${nameOf(kind)}.`);
  }
  if (rest !== undefined) {
    if (method === 'GET' && list) return { takesBody: false, run: () => list(call()) };
    throw notAllowed(method, `the list of ${nameOf(kind)}`, list ? ['GET'] : []);
  }
  if (method === 'GET' && get) return { takesBody: false, run: () => get(call()) };
  if (method === 'DELETE' && remove) return { takesBody: false, run: () => remove(call()) };
  if (method === 'PUT' && put) return { takesBody: true, run: (body) => put(call(), body) };
  if (method === 'PATCH' && patch) return { takesBody: true, run: (body) => patch(call(), body) };
  const known = { GET: get, PUT: put, PATCH: patch, DELETE: remove };
  const allowed = Object.entries(known).flatMap(([name, run]) => (run ? [name] : []));
  throw notAllowed(method, nameOf(kind), allowed);
}

/** @throws ArmRefusal 404 when there is none, or another one; 409 while it is being deleted */
function namespaceOf(call: Call): ChildCall['namespace'] {
  const found = foundNamespace(call);
  if (!found) {
    const { path } = call.request;
    const parent = idIn({ ...path, segments: path.segments.slice(0, 1) });
    throw parentNotFound(
      parent,
      'Make the namespace first (PUT), or correct its name, resource group or subscription.',
    );
  }
  if (found.state === 'deleting')
    throw new ArmRefusal('Conflict', `The namespace '${found.record.name}' is being deleted.`);
  if (found.state === 'failed')
    throw new ArmRefusal(
      'Conflict',
      `The namespace '${found.record.name}' could not be kept on disk; see the output of the broker, and make it again (PUT).`,
    );
  return found.record;
}

function nameOf({ type }: { readonly type: string }): string {
  return `Microsoft.ServiceBus/${type}`;
}

function notAllowed(method: string, what: string, allow: readonly string[]): ArmRefusal {
  const said = allow.length > 0 ? `it takes ${allow.join(', ')}` : 'it takes none';
  return new ArmRefusal(
    'MethodNotAllowed',
    `The resource does not support http method '${method}': ${what}; ${said}.`,
    {
      allow,
    },
  );
}

function unknownType(type: string): ArmRefusal {
  return new ArmRefusal(
    'InvalidResourceType',
    `The resource type '${type}' is not served here by Microsoft.ServiceBus; there are ${TYPES.join(', ')}.`,
  );
}
