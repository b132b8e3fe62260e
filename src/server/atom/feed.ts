import type { AtomRequest } from './atom-request.ts';
import { namespaceName } from './atom-request.ts';
import { ATOM } from './namespaces.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

/** An entity on its way out. */
export interface Entry {
  readonly title: string;
  /** Below the namespace, such as `orders` or `news/Subscriptions/chat`. */
  readonly path: string;
  /** Wall clock. */
  readonly publishedMs: number;
  readonly updatedMs: number;
  readonly content: XmlNode;
}

/** `2026-01-31T12:00:00.1230000Z`, with the digits of a .NET tick; what never was is the first day of its calendar, without a zone. */
export function timeText(ms: number | undefined): string {
  return ms === undefined ? '0001-01-01T00:00:00' : new Date(ms).toISOString().replace('Z', '0000Z');
}

/** One entity. Its name is both the end of `id`, where the JavaScript client looks, and `title`, where the others do (§12.4). */
export function entryXml(request: AtomRequest, entry: Entry): XmlNode {
  const address = addressOf(request, entry.path);
  return xml(
    'entry',
    ATOM,
    xml('id', {}, address),
    xml('title', { type: 'text' }, entry.title),
    xml('published', {}, timeText(entry.publishedMs)),
    xml('updated', {}, timeText(entry.updatedMs)),
    xml('author', {}, xml('name', {}, namespaceName(request.host))),
    xml('link', { rel: 'self', href: address }),
    xml('content', { type: 'application/xml' }, entry.content),
  );
}

/**
 * A page of a list. The link to itself always stands first: the JavaScript client sees the next page only beside another link, the Python client
 * takes the second one (§12.4).
 */
export function feedXml(
  request: AtomRequest,
  list: {
    readonly title: string;
    readonly path: string;
    readonly nowMs: number;
    readonly entries: readonly Entry[];
    readonly more: boolean;
  },
): XmlNode {
  const { title, path, nowMs, entries, more } = list;
  const address = addressOf(request, path);
  const { skip, top } = request.page;
  const next = `${address}&$skip=${skip + entries.length}&$top=${top}`;
  return xml(
    'feed',
    ATOM,
    xml('title', { type: 'text' }, title),
    xml('id', {}, address),
    xml('updated', {}, timeText(nowMs)),
    xml('link', { rel: 'self', href: address }),
    more ? xml('link', { rel: 'next', href: next }) : undefined,
    ...entries.map((entry) => entryXml(request, entry)),
  );
}

/** The answer to GET of a queue or topic that does not exist, with status 200: clients know a missing entity by it (§12.4). */
export function nothingXml(request: AtomRequest, nowMs: number): XmlNode {
  const address = `${request.origin}${request.urlPath}`;
  return xml(
    'feed',
    ATOM,
    xml('title', { type: 'text' }, 'Publicly Listed Services'),
    xml('subtitle', { type: 'text' }, 'This is the list of publicly-listed services currently available.'),
    xml('id', {}, address),
    xml('updated', {}, timeText(nowMs)),
    xml('link', { rel: 'self', href: address }),
  );
}

export function errorXml(status: number, detail: string): XmlNode {
  return xml('Error', {}, field('Code', status), field('Detail', detail));
}

function addressOf({ origin, apiVersion }: AtomRequest, path: string): string {
  const encoded = path.split('/').map((part) => encodeURIComponent(part).replaceAll('%24', '$'));
  return `${origin}/${encoded.join('/')}?api-version=${encodeURIComponent(apiVersion)}`;
}
