/** Every limit of the engine that is not an option of the connection, with its unit. Options have their defaults here too. */
export const LIMITS = {
  /** Levels of lists, maps, arrays and described values inside each other; a deeper value is a decode error. */
  nestingDepth: 32,
  /** Items of an array whose elements take no bytes on the wire (null, true, list0, ...): their count is bounded by nothing else. */
  zeroWidthItems: 1024,
  /** Bytes of a delivery tag (2.8.7). */
  deliveryTagBytes: 32,
  /** Bytes of a frame in the SASL dialog: MIN-MAX-FRAME-SIZE (5.3.1). */
  saslFrameBytes: 512,
  /** The smallest max-frame-size that a peer may ask for, in bytes (2.7.1). */
  minMaxFrameSizeBytes: 512,
  /** Bytes of a piece of outgoing payload up to which it is copied into the shared output buffer; a larger one is passed through. */
  copiedPayloadBytes: 4096,
  /** Deliveries of one link that wait for the session's window; the link shows no credit while there are as many. */
  waitingDeliveries: 1024,
  /** Bytes of one shared output buffer. */
  outputBufferBytes: 65_536,
  /** Characters of the description in an error that the engine itself raises: a close must fit the smallest frame. */
  errorDescriptionChars: 200,
  /** The shortest idle time-out of a peer that is honoured, in milliseconds; a shorter one would be a storm of heartbeats. */
  minIdleTimeoutMs: 200,
  /** Milliseconds from the start within which the peer must have sent its open. */
  handshakeMs: 30_000,
  /** Milliseconds that the engine waits for the answer to its close. */
  closeMs: 5_000,
} as const;

/** Defaults of the options of a connection. */
export const DEFAULTS = {
  /** Our max-frame-size, in bytes; what the official clients use. */
  maxFrameSizeBytes: 65_536,
  /** The highest channel number that we accept; one session each. */
  channelMax: 8191,
  /** The highest link handle that we accept in a session. */
  handleMax: 4095,
  /** Sessions of a connection, however many channels it may use. */
  maxSessions: 8192,
  /** Links in all sessions of a connection. */
  maxLinks: 8192,
  /** Transfer frames that the peer may send before it must wait for our flow. */
  incomingWindow: 5000,
  /** Our idle time-out as advertised, in milliseconds. A peer that is silent for twice as long is cut off (2.4.5). */
  idleTimeoutMs: 120_000,
  /** Bytes of one incoming message when the link names no maximum. */
  maxMessageSizeBytes: 104_857_600,
  /** Bytes of all half-received messages of a connection. */
  maxPartialBytes: 268_435_456,
  /** Deliveries that a link has sent or received and that are not settled. */
  maxUnsettled: 100_000,
  /** Bytes of output that nobody took; more closes the connection. */
  maxPendingOutputBytes: 134_217_728,
  /** Bytes of output that nobody took above which `writable` turns false. */
  highWaterBytes: 1_048_576,
} as const;
