export { Fifo } from './fifo.ts';
export {
  ACCEPTED,
  HEADER,
  PROPERTIES,
  RELEASED,
  type AmqpError,
  type Attach,
  type DeliveryState,
  type Detach,
  type MessageHeader,
  type MessageProperties,
  type Open,
  type Source,
} from './composites.ts';
export { readComposite, writeComposite } from './composite-codec.ts';
export {
  type ClientSasl,
  type ConnectionHandler,
  type ConnectionOptions,
  type SaslMechanism,
  type ServerSasl,
} from './connection-options.ts';
export { Connection } from './connection.ts';
export { decode } from './decoder.ts';
export { IncomingDelivery, OutgoingDelivery } from './delivery.ts';
export { Link, RECEIVER_SETTLE_MODE, SENDER_SETTLE_MODE, type AcceptOptions, type AttachOptions } from './link.ts';
export { AmqpDecodeError } from './protocol-error.ts';
export { readPlainResponse } from './sasl.ts';
export { readEntry, readProperty, scanSections, type MessageSections } from './sections.ts';
export { Session } from './session.ts';
export {
  AmqpArray,
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  lookup,
  plain,
  type AmqpList,
  type AmqpMap,
  type AmqpValue,
  type ElementType,
} from './value.ts';
export { encode, Writer } from './writer.ts';
