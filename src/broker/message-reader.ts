import type { MessageProperties, PropertyChanges } from '../filter/index.ts';
import type { MessageFacts } from './message.ts';

/** Reads stored messages for the broker, which does not look into them. `overlay`: what was laid over the message since it came. */
export interface MessageReader {
  /** What a queue or topic has to know of a message that comes from another one. */
  facts(bytes: Buffer, overlay: Buffer | undefined): MessageFacts;
  /** What filters and actions see of it. */
  properties(bytes: Buffer, overlay: Buffer | undefined): MessageProperties;
  /** The overlay with which the message is as an action has changed it. */
  overlayWith(bytes: Buffer, overlay: Buffer | undefined, changes: PropertyChanges): Buffer;
}
