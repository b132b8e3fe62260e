import type { EntityTimes, QueueCounts } from '../../broker/index.ts';
import type { AtomRequest } from './atom-request.ts';
import { timeText } from './feed.ts';
import { COUNTS } from './namespaces.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

/** What descriptions of several kinds of entity have in common. */

export const AVAILABLE = field('EntityAvailabilityStatus', 'Available');

export function countDetailsXml({ active, deadLetter, scheduled, transferDeadLetter }: QueueCounts): XmlNode {
  const count = (name: string, value: number): XmlNode => xml(`d2p1:${name}`, {}, String(value));
  return xml(
    'CountDetails',
    COUNTS,
    count('ActiveMessageCount', active),
    count('DeadLetterMessageCount', deadLetter),
    count('ScheduledMessageCount', scheduled),
    // What is to be forwarded waits among the active messages.
    count('TransferMessageCount', 0),
    count('TransferDeadLetterMessageCount', transferDeadLetter),
  );
}

export function timesXml({ createdMs, updatedMs, accessedMs }: EntityTimes): (XmlNode | undefined)[] {
  return [
    field('CreatedAt', timeText(createdMs)),
    field('UpdatedAt', timeText(updatedMs)),
    field('AccessedAt', timeText(accessedMs)),
  ];
}

/** A destination as its address: clients compare it with what they have sent (service-bus-protocol.md §12.5). */
export function destinationXml(element: string, { host }: AtomRequest, name: string | undefined): XmlNode | undefined {
  return name === undefined ? undefined : field(element, `sb://${host}/${name}`);
}
