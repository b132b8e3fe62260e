export { CONDITION } from './conditions.ts';
export {
  ACCEPTED,
  DECLARE,
  DISCHARGE,
  HEADER,
  PROPERTIES,
  RELEASED,
  type AmqpError,
  type Attach,
  type Begin,
  type Close,
  type Coordinator,
  type Decoded,
  type DeliveryState,
  type Detach,
  type Disposition,
  type Encodable,
  type End,
  type Flow,
  type MessageHeader,
  type MessageProperties,
  type Open,
  type Source,
  type Target,
  type Transfer,
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
export { decode, type DecodeForm } from './decoder.ts';
export { IncomingDelivery, OutgoingDelivery, type OutgoingMessage } from './delivery.ts';
export { DEFAULTS } from './limits.ts';
export { Link, RECEIVER_SETTLE_MODE, SENDER_SETTLE_MODE, type AcceptOptions, type AttachOptions } from './link.ts';
export { AmqpDecodeError } from './protocol-error.ts';
export { readPlainResponse } from './sasl.ts';
export { readEntry, readProperty, scanSections, type BodyKind, type MessageSections } from './sections.ts';
export { Session, type SessionOptions } from './session.ts';
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
  type Fields,
  type NumericType,
} from './value.ts';
export { encode, Writer } from './writer.ts';
