export type { Delivery, IncomingMessage, MessageFacts, MessageView, Outcome, ReceiveMode } from './message.ts';
export { type MessageLock, messageLockLost } from './message-lock.ts';
export type { SessionLock } from './message-session.ts';
export { Namespace } from './namespace.ts';
export type { Queue, QueueCounts } from './queue.ts';
export type { Receiver } from './receiver.ts';
export { BrokerRefusal, type RefusalReason } from './refusal.ts';
export type { Subqueue } from './subqueue.ts';
export type { Transaction } from './transaction.ts';
