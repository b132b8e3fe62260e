import type { IncomingMessage, ServerResponse } from 'node:http';
import { subscriptionPath } from '../../topology/index.ts';
import { hostOf } from '../http-request.ts';
import type { HttpApi } from '../http-routes.ts';
import { LIMITS } from '../limits.ts';
import { AtomRefusal, alreadyExists, notFound, refusalOf } from './atom-refusal.ts';
import { readDescription, readRequest } from './atom-request.ts';
import type { AtomRequest } from './atom-request.ts';
import { authorize } from './authorization.ts';
import { entryXml, errorXml, nothingXml } from './feed.ts';
import type { Entry } from './feed.ts';
import { listingXml, ruleEntry } from './listing.ts';
import { namespaceEntry } from './namespace-resource.ts';
import type { AtomParts } from './parts.ts';
import { carryOut, putOf } from './put.ts';
import { queueEntry } from './queue-resource.ts';
import { subscriptionEntry } from './subscription-resource.ts';
import { targetPath } from './target.ts';
import type { Target } from './target.ts';
import { topicEntry } from './topic-resource.ts';
import { readXml } from './xml-reader.ts';
import { renderXml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

interface Answer {
  readonly status: number;
  readonly body?: XmlNode;
}

const METHODS = ['GET', 'PUT', 'DELETE'];
/** What the clients of some languages choose their reader by. */
const ENTRY_TYPE = 'application/atom+xml;type=entry;charset=utf-8';
const FEED_TYPE = 'application/atom+xml;type=feed;charset=utf-8';
const ERROR_TYPE = 'application/xml; charset=utf-8';

/**
 * Service Bus's admin API: queues, topics, subscriptions, rules, and the access rules of queues and topics, as Atom entries (service-bus-protocol.md
 * §12). Every change is durable before it is answered.
 */
export class AtomApi implements HttpApi {
  readonly #parts: AtomParts;

  constructor(parts: AtomParts) {
    this.#parts = parts;
  }

  handle(incoming: IncomingMessage, response: ServerResponse): void {
    this.#answer(incoming)
      .then((answer) => send(response, answer))
      .catch((fault: unknown) => {
        this.#parts.service.onFault(fault);
        response.destroy();
      })
      // What is left of a body that nobody wanted is not kept.
      .finally(() => incoming.resume());
  }

  async #answer(incoming: IncomingMessage): Promise<Answer> {
    let request: AtomRequest | undefined;
    try {
      request = readRequest(incoming);
      authorize(this.#parts.service, request);
      if (request.method === 'GET') return this.#get(request);
      if (request.method === 'DELETE') return await this.#delete(request);
      if (request.method === 'PUT') return await this.#put(request, await readDescription(incoming));
      throw new AtomRefusal(405, `SubCode=40500. The method must be one of ${METHODS.join(', ')}.`);
    } catch (error) {
      return this.#refuse(error, request, hostOf(incoming));
    }
  }

  /** The error as it goes out, with the tracking text (service-bus-protocol.md §10.6). */
  #refuse(error: unknown, request: AtomRequest | undefined, host: string): Answer {
    const { service } = this.#parts;
    const path = request && shortened(targetPath(request.target));
    const refused = refusalOf(error, host, path ?? '');
    if (!refused) service.onFault(error);
    const status = refused?.status ?? 500;
    const said = shortened(refused?.message ?? 'SubCode=50000. The broker has met a fault of its own; see its output.');
    return { status, body: errorXml(status, service.describe(/[.!?]$/.test(said) ? said : `${said}.`, path)) };
  }

  #get(request: AtomRequest): Answer {
    const { service } = this.#parts;
    const list = listingXml(this.#parts, request);
    if (list) return { status: 200, body: list };
    const { target, host } = request;
    const entry = this.#entryOf(request, target);
    if (entry) return { status: 200, body: entryXml(request, entry) };
    // The service answers 404 for parts of topics only, and the Java client takes nothing else; for the others with a list of nothing.
    if (target.kind !== 'entity') throw notFound(host, targetPath(target));
    return { status: 200, body: nothingXml(request, service.clock.wallMs()) };
  }

  #entryOf(request: AtomRequest, target: Target): Entry | undefined {
    const { admin } = this.#parts;
    switch (target.kind) {
      case 'namespace':
        return namespaceEntry(request, this.#parts.startedMs);
      case 'entity': {
        const queue = admin.queues.get(target.name);
        if (queue) return queueEntry(this.#parts, request, queue);
        const topic = admin.topics.get(target.name);
        return topic && topicEntry(this.#parts, request, topic);
      }
      case 'subscription': {
        const subscription = admin.subscriptions.get(target.topic, target.name);
        return subscription && subscriptionEntry(request, subscription);
      }
      case 'rule': {
        const { topic: topicName, subscription: name } = target;
        const rule = admin.rules.get({ topicName, name }, target.name);
        return rule && ruleEntry(`${subscriptionPath(topicName, name)}/Rules`, rule);
      }
      default:
        return undefined;
    }
  }

  async #delete(request: AtomRequest): Promise<Answer> {
    const { admin } = this.#parts;
    const { target, host } = request;
    if (!this.#entryOf(request, target)) throw notFound(host, targetPath(target));
    switch (target.kind) {
      case 'entity':
        await (admin.queues.get(target.name) ? admin.queues : admin.topics).delete(target.name);
        break;
      case 'subscription':
        await admin.subscriptions.delete(target.topic, target.name);
        break;
      case 'rule':
        await admin.rules.delete({ topicName: target.topic, name: target.subscription }, target.name);
        break;
      default:
        throw new AtomRefusal(405, `SubCode=40500. '${targetPath(target)}' cannot be deleted.`);
    }
    return { status: 200 };
  }

  async #put(request: AtomRequest, body: Buffer): Promise<Answer> {
    const { update, host } = request;
    const put = putOf(request.target, readXml(body));
    const path = targetPath(put.target);
    const present = this.#entryOf(request, put.target);
    if (update && !present) throw notFound(host, path);
    if (!update && present) throw alreadyExists(host, path);
    await carryOut(this.#parts, request, put);
    const entry = this.#entryOf(request, put.target);
    // Somebody has deleted it since.
    if (!entry) throw notFound(host, path);
    return { status: update ? 200 : 201, body: entryXml(request, entry) };
  }
}

function shortened(text: string): string {
  return text.length <= LIMITS.adminErrorChars ? text : `${text.slice(0, LIMITS.adminErrorChars)}…`;
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = body === undefined ? '' : renderXml(body);
  response.writeHead(status, {
    ...(body === undefined
      ? {}
      : { 'content-type': status >= 400 ? ERROR_TYPE : body.name === 'feed' ? FEED_TYPE : ENTRY_TYPE }),
    ...(status === 405 ? { allow: METHODS.join(', ') } : {}),
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
