/**
 * Every limit of this room that is not a setting (`settings.ts`), with its unit. What the AMQP engine and the broker bound
 * themselves is listed there.
 */
export const LIMITS = {
  /** Connections over the maximum that are being told so; what comes besides is closed without a word. */
  refusedConnections: 100,
  /** Time that such a connection gets to open AMQP. */
  refusalMs: 5_000,
  /** Files and sockets that the process needs besides its connections: the log, the HTTP port, what the runtime itself has open. */
  filesBesideConnections: 256,
  /** Connections that the kernel keeps while we are busy. */
  backlogConnections: 511,
  /** Time between two looks at the certificate for TLS: whether it must be made anew, or its files have changed. */
  certificateLookMs: 60_000,
  /** Bytes of one WebSocket message that we take; its AMQP frames are at most `maxFrameSizeBytes` each, but some clients merge them. */
  websocketMessageBytes: 1024 * 1024,
  /** Bytes of one WebSocket message that we send: what the usual library of Go clients takes unless told otherwise. */
  websocketSendBytes: 32 * 1024,
  /** Silence after which the kernel asks whether the other end of a connection is still there. */
  tcpKeepAliveMs: 60_000,
  /** Looks at a link within the time after which an idle one is detached: the smaller, the later it may go. */
  idleLooks: 20,
  /** Bytes per millisecond that a peer must take of what waits for it, besides the time that it may take nothing at all. */
  slowestPeerBytesPerMs: 32,
  /** Largest frame that we take. */
  maxFrameSizeBytes: 65_536,
  /** Bytes that wait in one transport before its deliveries and its reading pause. */
  outputHighWaterBytes: 1024 * 1024,
  /** Bytes of messages taken but not yet durable, over all connections, before reading pauses. */
  intakeBytes: 64 * 1024 * 1024,
  /** Messages that one sender link may have in flight without an answer; the JavaScript client keeps 2,048 at most. */
  senderCredit: 5_000,
  /** Requests that one `$management` or `$cbs` link may have in flight. */
  requestCredit: 100,
  /** Replies of `$management` and `$cbs` that wait for credit on one link. */
  repliesWaiting: 1_000,
  /** Bytes of such replies over all links of a connection; one reply may always wait. */
  replyBytesWaiting: 64 * 1024 * 1024,
  /** The same for a connection that has put no valid token yet: answers of `$cbs`. */
  replyBytesBeforeToken: 256 * 1024,
  /** Transactions that one connection may have open. */
  transactionsPerConnection: 100,
  /** Largest request to `$cbs`: a token and its audience. Whoever has none yet may send it, so it is small. */
  cbsRequestBytes: 64 * 1024,
  /** Sessions of a connection that has put no valid token yet: clients begin them in advance. */
  sessionsBeforeToken: 256,
  /** Sessions of a connection that has put one. */
  sessionsPerConnection: 8_192,
  /** Links of a connection that has put no valid token yet. */
  linksBeforeToken: 16,
  /** Bytes of half-received messages of such a connection. */
  partialBytesBeforeToken: 256 * 1024,
  /** Links of a connection that has put one. */
  linksPerConnection: 8_192,
  /** Bytes of half-received messages of such a connection: two of the largest that a queue can take. */
  partialBytesPerConnection: 256 * 1024 * 1024,
  /** What a request to `$management` may have besides one message of the queue's largest size. */
  requestEnvelopeBytes: 1024 * 1024,
  /** Messages taken from the queue for one receiver link whose transfers have not left yet. */
  deliveryWindowMessages: 1_024,
  /** The same in bytes; one message more may be over it. */
  deliveryWindowBytes: 4 * 1024 * 1024,
  /** Messages in one batch transfer. */
  batchMessages: 4_500,
  /** Bytes that the log may need for a message besides the message: frames, ids, a session id and a message id of 128 characters. */
  recordBytesPerMessage: 1_024,
  /** Bytes of a segment of the log, and of its reserve for a full disk, unless a queue's messages need more. */
  segmentBytes: 64 * 1024 * 1024,
  reserveBytes: 16 * 1024 * 1024,
  /** Characters of a message id, a session id, a reply-to session id and a partition key (service-bus-quotas). */
  idCharacters: 128,
  /** Bytes of one application property's value (service-bus-quotas: 32 KB). */
  propertyBytes: 32 * 1024,
  /** Bytes of all that a message has before its body: header, annotations and properties (service-bus-quotas: 64 KB). */
  messageHeadBytes: 64 * 1024,
  /** Largest message of a queue that states none (Service Bus Standard). */
  maxMessageSizeBytes: 256 * 1024,
  /** Access rules of the namespace, and of one queue (Service Bus: 12). */
  rulesPerEntity: 12,
  /** Access rules altogether. */
  accessRules: 10_000,
  /** Bytes of the body of a request to the admin API; descriptions have a few thousand. */
  adminRequestBytes: 128 * 1024,
  /** Characters of an error of the admin API, and of the path in it: they repeat what the client has sent. */
  adminErrorChars: 1_024,
  /** Elements of such a body inside each other; descriptions have eight at most. */
  xmlDepth: 32,
  /** Entities of one page of a list when a client does not say how many, and the most that it may ask for. */
  entitiesPerPage: 100,
  entitiesPerPageMax: 1_000,
  /** Long-running operations of Azure Resource Manager that are remembered, and for how long. */
  armOperations: 1_000,
  armOperationMs: 60 * 60_000,
  /** Seconds after which a client is to ask again after one. */
  armRetryAfterSeconds: 1,
  /** Times that all queues and topics are looked for and deleted with their namespace, should others make more meanwhile. */
  namespaceDeletionRounds: 100,
  /** Tokens that one connection may hold at a time. */
  tokensPerConnection: 1_000,
  /** Messages of one answer to peek-message. */
  replyMessages: 1_000,
  /** Bytes of messages of one such answer; the first message always fits. */
  replyBytes: 1024 * 1024,
  /** Bytes of messages of one answer to receive-by-sequence-number; one message always fits. */
  fetchedBytes: 16 * 1024 * 1024,
  /** Lock tokens or sequence numbers in one `$management` request. */
  requestItems: 4_500,
  /** Wait for a free session when the client states none (Service Bus: 1 minute). */
  nextSessionMs: 60_000,
  /** Longest such wait that a client may ask for. */
  nextSessionMaxMs: 65 * 60_000,
  /**
   * Time between the loss of a session lock and the detach of its link. Settlements that were under way are answered in it:
   * the JavaScript client would wait a minute for the answer to one that meets the detach.
   */
  lostSessionGraceMs: 250,
  /** Time that peers get at shutdown to take what is still to be written. */
  closeGraceMs: 1_000,
  /** Time that an HTTP client gets for its request's head and body. */
  httpRequestMs: 10_000,
  /** Time that an HTTP client gets for its answer, until it has taken all of it. */
  httpAnswerMs: 60_000,
  /** HTTP connections at a time. */
  httpConnections: 100,
} as const;
