import type { AmqpMap, AmqpValue, Fields } from './value.ts';

/**
 * The composite types of AMQP 1.0 as a table: the codec (composite-codec.ts) and the TypeScript types below derive from it.
 * Names are the standard's in camel case, codes are the descriptor's low 32 bits, fields stand in the order of the wire.
 */
export interface Field {
  readonly name: string;
  readonly type: keyof FieldValues;
  readonly mandatory?: true;
  /** What an absent field means. Decoding fills it in, so that the field is always there. */
  readonly default?: boolean | number;
}

export interface Composite {
  readonly symbol: string;
  readonly code: number;
  readonly fields: readonly Field[];
}

/** The JavaScript value of each type that a field can have. */
export interface FieldValues {
  boolean: boolean;
  ubyte: number;
  ushort: number;
  uint: number;
  ulong: bigint;
  timestamp: number;
  string: string;
  symbol: string;
  binary: Buffer;
  /** A symbol with multiple=true: one symbol or an array of them on the wire. */
  symbols: readonly string[];
  fields: Fields;
  map: AmqpMap;
  /** Any value, in the typed form. */
  value: AmqpValue;
  error: AmqpError;
  source: Source;
  target: Target | Coordinator;
  state: DeliveryState;
}

export const OPEN = {
  symbol: 'amqp:open:list',
  code: 0x10,
  fields: [
    { name: 'containerId', type: 'string', mandatory: true },
    { name: 'hostname', type: 'string' },
    { name: 'maxFrameSize', type: 'uint', default: 0xffff_ffff },
    { name: 'channelMax', type: 'ushort', default: 0xffff },
    { name: 'idleTimeOut', type: 'uint' },
    { name: 'outgoingLocales', type: 'symbols' },
    { name: 'incomingLocales', type: 'symbols' },
    { name: 'offeredCapabilities', type: 'symbols' },
    { name: 'desiredCapabilities', type: 'symbols' },
    { name: 'properties', type: 'fields' },
  ],
} as const satisfies Composite;

export const BEGIN = {
  symbol: 'amqp:begin:list',
  code: 0x11,
  fields: [
    { name: 'remoteChannel', type: 'ushort' },
    { name: 'nextOutgoingId', type: 'uint', mandatory: true },
    { name: 'incomingWindow', type: 'uint', mandatory: true },
    { name: 'outgoingWindow', type: 'uint', mandatory: true },
    { name: 'handleMax', type: 'uint', default: 0xffff_ffff },
    { name: 'offeredCapabilities', type: 'symbols' },
    { name: 'desiredCapabilities', type: 'symbols' },
    { name: 'properties', type: 'fields' },
  ],
} as const satisfies Composite;

export const ATTACH = {
  symbol: 'amqp:attach:list',
  code: 0x12,
  fields: [
    { name: 'name', type: 'string', mandatory: true },
    { name: 'handle', type: 'uint', mandatory: true },
    /** false: the peer is the sender; true: it is the receiver. */
    { name: 'role', type: 'boolean', mandatory: true },
    { name: 'sndSettleMode', type: 'ubyte', default: 2 },
    { name: 'rcvSettleMode', type: 'ubyte', default: 0 },
    { name: 'source', type: 'source' },
    { name: 'target', type: 'target' },
    { name: 'unsettled', type: 'map' },
    { name: 'incompleteUnsettled', type: 'boolean', default: false },
    { name: 'initialDeliveryCount', type: 'uint' },
    { name: 'maxMessageSize', type: 'ulong' },
    { name: 'offeredCapabilities', type: 'symbols' },
    { name: 'desiredCapabilities', type: 'symbols' },
    { name: 'properties', type: 'fields' },
  ],
} as const satisfies Composite;

export const FLOW = {
  symbol: 'amqp:flow:list',
  code: 0x13,
  fields: [
    { name: 'nextIncomingId', type: 'uint' },
    { name: 'incomingWindow', type: 'uint', mandatory: true },
    { name: 'nextOutgoingId', type: 'uint', mandatory: true },
    { name: 'outgoingWindow', type: 'uint', mandatory: true },
    { name: 'handle', type: 'uint' },
    { name: 'deliveryCount', type: 'uint' },
    { name: 'linkCredit', type: 'uint' },
    { name: 'available', type: 'uint' },
    { name: 'drain', type: 'boolean', default: false },
    { name: 'echo', type: 'boolean', default: false },
    { name: 'properties', type: 'fields' },
  ],
} as const satisfies Composite;

export const TRANSFER = {
  symbol: 'amqp:transfer:list',
  code: 0x14,
  fields: [
    { name: 'handle', type: 'uint', mandatory: true },
    { name: 'deliveryId', type: 'uint' },
    { name: 'deliveryTag', type: 'binary' },
    { name: 'messageFormat', type: 'uint' },
    { name: 'settled', type: 'boolean' },
    { name: 'more', type: 'boolean', default: false },
    { name: 'rcvSettleMode', type: 'ubyte' },
    { name: 'state', type: 'state' },
    { name: 'resume', type: 'boolean', default: false },
    { name: 'aborted', type: 'boolean', default: false },
    { name: 'batchable', type: 'boolean', default: false },
  ],
} as const satisfies Composite;

export const DISPOSITION = {
  symbol: 'amqp:disposition:list',
  code: 0x15,
  fields: [
    { name: 'role', type: 'boolean', mandatory: true },
    { name: 'first', type: 'uint', mandatory: true },
    { name: 'last', type: 'uint' },
    { name: 'settled', type: 'boolean', default: false },
    { name: 'state', type: 'state' },
    { name: 'batchable', type: 'boolean', default: false },
  ],
} as const satisfies Composite;

export const DETACH = {
  symbol: 'amqp:detach:list',
  code: 0x16,
  fields: [
    { name: 'handle', type: 'uint', mandatory: true },
    { name: 'closed', type: 'boolean', default: false },
    { name: 'error', type: 'error' },
  ],
} as const satisfies Composite;

export const END = {
  symbol: 'amqp:end:list',
  code: 0x17,
  fields: [{ name: 'error', type: 'error' }],
} as const satisfies Composite;

export const CLOSE = {
  symbol: 'amqp:close:list',
  code: 0x18,
  fields: [{ name: 'error', type: 'error' }],
} as const satisfies Composite;

export const ERROR = {
  symbol: 'amqp:error:list',
  code: 0x1d,
  fields: [
    { name: 'condition', type: 'symbol', mandatory: true },
    { name: 'description', type: 'string' },
    { name: 'info', type: 'fields' },
  ],
} as const satisfies Composite;

/** Absent fields of a terminus stay absent, without the standard's defaults: a terminus is echoed as it came. */
export const SOURCE = {
  symbol: 'amqp:source:list',
  code: 0x28,
  fields: [
    { name: 'address', type: 'string' },
    { name: 'durable', type: 'uint' },
    { name: 'expiryPolicy', type: 'symbol' },
    { name: 'timeout', type: 'uint' },
    { name: 'dynamic', type: 'boolean' },
    { name: 'dynamicNodeProperties', type: 'fields' },
    { name: 'distributionMode', type: 'symbol' },
    { name: 'filter', type: 'fields' },
    { name: 'defaultOutcome', type: 'state' },
    { name: 'outcomes', type: 'symbols' },
    { name: 'capabilities', type: 'symbols' },
  ],
} as const satisfies Composite;

export const TARGET = {
  symbol: 'amqp:target:list',
  code: 0x29,
  fields: [
    { name: 'address', type: 'string' },
    { name: 'durable', type: 'uint' },
    { name: 'expiryPolicy', type: 'symbol' },
    { name: 'timeout', type: 'uint' },
    { name: 'dynamic', type: 'boolean' },
    { name: 'dynamicNodeProperties', type: 'fields' },
    { name: 'capabilities', type: 'symbols' },
  ],
} as const satisfies Composite;

export const COORDINATOR = {
  symbol: 'amqp:coordinator:list',
  code: 0x30,
  fields: [{ name: 'capabilities', type: 'symbols' }],
} as const satisfies Composite;

export const RECEIVED = {
  symbol: 'amqp:received:list',
  code: 0x23,
  fields: [
    { name: 'sectionNumber', type: 'uint', mandatory: true },
    { name: 'sectionOffset', type: 'ulong', mandatory: true },
  ],
} as const satisfies Composite;

export const ACCEPTED_STATE = { symbol: 'amqp:accepted:list', code: 0x24, fields: [] } as const satisfies Composite;

export const REJECTED = {
  symbol: 'amqp:rejected:list',
  code: 0x25,
  fields: [{ name: 'error', type: 'error' }],
} as const satisfies Composite;

export const RELEASED_STATE = { symbol: 'amqp:released:list', code: 0x26, fields: [] } as const satisfies Composite;

export const MODIFIED = {
  symbol: 'amqp:modified:list',
  code: 0x27,
  fields: [
    { name: 'deliveryFailed', type: 'boolean' },
    { name: 'undeliverableHere', type: 'boolean' },
    { name: 'messageAnnotations', type: 'fields' },
  ],
} as const satisfies Composite;

export const DECLARE = {
  symbol: 'amqp:declare:list',
  code: 0x31,
  fields: [{ name: 'globalId', type: 'value' }],
} as const satisfies Composite;

export const DISCHARGE = {
  symbol: 'amqp:discharge:list',
  code: 0x32,
  fields: [
    { name: 'txnId', type: 'binary', mandatory: true },
    { name: 'fail', type: 'boolean', default: false },
  ],
} as const satisfies Composite;

export const DECLARED = {
  symbol: 'amqp:declared:list',
  code: 0x33,
  fields: [{ name: 'txnId', type: 'binary', mandatory: true }],
} as const satisfies Composite;

export const TRANSACTIONAL = {
  symbol: 'amqp:transactional-state:list',
  code: 0x34,
  fields: [
    { name: 'txnId', type: 'binary', mandatory: true },
    { name: 'outcome', type: 'state' },
  ],
} as const satisfies Composite;

export const SASL_MECHANISMS = {
  symbol: 'amqp:sasl-mechanisms:list',
  code: 0x40,
  fields: [{ name: 'saslServerMechanisms', type: 'symbols', mandatory: true }],
} as const satisfies Composite;

export const SASL_INIT = {
  symbol: 'amqp:sasl-init:list',
  code: 0x41,
  fields: [
    { name: 'mechanism', type: 'symbol', mandatory: true },
    { name: 'initialResponse', type: 'binary' },
    { name: 'hostname', type: 'string' },
  ],
} as const satisfies Composite;

export const SASL_CHALLENGE = {
  symbol: 'amqp:sasl-challenge:list',
  code: 0x42,
  fields: [{ name: 'challenge', type: 'binary', mandatory: true }],
} as const satisfies Composite;

export const SASL_RESPONSE = {
  symbol: 'amqp:sasl-response:list',
  code: 0x43,
  fields: [{ name: 'response', type: 'binary', mandatory: true }],
} as const satisfies Composite;

export const SASL_OUTCOME = {
  symbol: 'amqp:sasl-outcome:list',
  code: 0x44,
  fields: [
    { name: 'code', type: 'ubyte', mandatory: true },
    { name: 'additionalData', type: 'binary' },
  ],
} as const satisfies Composite;

export const HEADER = {
  symbol: 'amqp:header:list',
  code: 0x70,
  fields: [
    { name: 'durable', type: 'boolean' },
    { name: 'priority', type: 'ubyte' },
    { name: 'ttl', type: 'uint' },
    { name: 'firstAcquirer', type: 'boolean' },
    { name: 'deliveryCount', type: 'uint' },
  ],
} as const satisfies Composite;

export const PROPERTIES = {
  symbol: 'amqp:properties:list',
  code: 0x73,
  fields: [
    { name: 'messageId', type: 'value' },
    { name: 'userId', type: 'binary' },
    { name: 'to', type: 'string' },
    { name: 'subject', type: 'string' },
    { name: 'replyTo', type: 'string' },
    { name: 'correlationId', type: 'value' },
    { name: 'contentType', type: 'symbol' },
    { name: 'contentEncoding', type: 'symbol' },
    { name: 'absoluteExpiryTime', type: 'timestamp' },
    { name: 'creationTime', type: 'timestamp' },
    { name: 'groupId', type: 'string' },
    { name: 'groupSequence', type: 'uint' },
    { name: 'replyToGroupId', type: 'string' },
  ],
} as const satisfies Composite;

type FieldOf<C extends Composite> = C['fields'][number];
type AlwaysThere = { readonly mandatory: true } | { readonly default: boolean | number };

/** A composite as decoded: mandatory fields and fields with a default are there, the others may be undefined. */
export type Decoded<C extends Composite> = {
  readonly [F in FieldOf<C> as F extends AlwaysThere ? F['name'] : never]: FieldValues[F['type']];
} & {
  readonly [F in FieldOf<C> as F extends AlwaysThere ? never : F['name']]?: FieldValues[F['type']] | undefined;
};

/** A composite to encode: only mandatory fields are needed; an absent field is null on the wire. */
export type Encodable<C extends Composite> = {
  readonly [F in FieldOf<C> as F extends { readonly mandatory: true } ? F['name'] : never]: FieldValues[F['type']];
} & {
  readonly [F in FieldOf<C> as F extends { readonly mandatory: true } ? never : F['name']]?:
    FieldValues[F['type']] | undefined;
};

export type Open = Decoded<typeof OPEN>;
export type Begin = Decoded<typeof BEGIN>;
export type Attach = Decoded<typeof ATTACH>;
export type Flow = Decoded<typeof FLOW>;
export type Transfer = Decoded<typeof TRANSFER>;
export type Disposition = Decoded<typeof DISPOSITION>;
export type Detach = Decoded<typeof DETACH>;
export type End = Decoded<typeof END>;
export type Close = Decoded<typeof CLOSE>;
export type AmqpError = Decoded<typeof ERROR>;
export type MessageHeader = Decoded<typeof HEADER>;
export type MessageProperties = Decoded<typeof PROPERTIES>;
export type Source = Decoded<typeof SOURCE>;
export type Target = Decoded<typeof TARGET> & { readonly coordinator?: undefined };
/** The target of a link that controls transactions (4.5.1). */
export type Coordinator = Decoded<typeof COORDINATOR> & { readonly coordinator: true; readonly address?: undefined };

/** The state of a delivery (3.4, 4.5): every kind but `received` and `transactional` is an outcome. */
export type DeliveryState =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'released' }
  | ({ readonly kind: 'rejected' } & Decoded<typeof REJECTED>)
  | ({ readonly kind: 'modified' } & Decoded<typeof MODIFIED>)
  | ({ readonly kind: 'received' } & Decoded<typeof RECEIVED>)
  | ({ readonly kind: 'declared' } & Decoded<typeof DECLARED>)
  | ({ readonly kind: 'transactional' } & Decoded<typeof TRANSACTIONAL>);

export const ACCEPTED: DeliveryState = Object.freeze({ kind: 'accepted' });
export const RELEASED: DeliveryState = Object.freeze({ kind: 'released' });
