import { namespaceName } from './atom-request.ts';
import type { AtomRequest } from './atom-request.ts';
import { timeText } from './feed.ts';
import type { Entry } from './feed.ts';
import { DESCRIPTION } from './namespaces.ts';
import { field, xml } from './xml-writer.ts';

/** The namespace as a whole. It has what the service's Standard tier has, and is named as its host. */
export function namespaceEntry(request: AtomRequest, startedMs: number): Entry {
  const name = namespaceName(request.host);
  return {
    title: name,
    path: '$namespaceinfo',
    publishedMs: startedMs,
    updatedMs: startedMs,
    content: xml(
      'NamespaceInfo',
      DESCRIPTION,
      field('CreatedTime', timeText(startedMs)),
      field('MessagingSKU', 'Standard'),
      field('ModifiedTime', timeText(startedMs)),
      field('Name', name),
      field('NamespaceType', 'Messaging'),
    ),
  };
}
