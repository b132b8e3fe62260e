import type {
  Delivery,
  IncomingMessage,
  MessageFacts,
  MessageReader,
  Outcome,
  ReceiveMode,
  SessionLock,
  Subqueue,
} from '../../src/broker/index.ts';
import { BrokerRefusal, Namespace, type Queue } from '../../src/broker/index.ts';
import { FilterDuration, type MessageProperties, type PropertyChanges } from '../../src/filter/index.ts';
import { RetrainError } from '../../src/errors.ts';
import type { Random } from '../../src/runtime/random.ts';
import { type Journal, type LogRecord, RecordKind } from '../../src/storage/index.ts';
import type { AppendPurpose } from '../../src/storage/journal.ts';
import { parseQueueDescription, type QueueDescriptionInput } from '../../src/topology/index.ts';
import { FakeClock } from '../fake-clock.ts';

/** What an overlay of a test has set, and removed as null: properties of the user, and `sys.` before those of the system. */
type Changes = Readonly<Record<string, string | null>>;

function changesIn(overlay: Buffer | undefined): Changes {
  return overlay?.toString().startsWith('{') ? (JSON.parse(overlay.toString()) as Changes) : {};
}

/** A message of a test is text like `key=value;key=value`: properties named as in an overlay. */
function propertiesOf(text: string, overlay: Buffer | undefined): MessageProperties {
  const pairs = new Map(text.split(';').map((pair) => pair.split('=') as [string, string]));
  const changes = changesIn(overlay);
  const read = (name: string): string | undefined =>
    changes[name] === undefined ? pairs.get(name) : (changes[name] ?? undefined);
  const userNames = (): string[] => [...pairs.keys(), ...Object.keys(changes)];
  return { user: read, userExact: read, userNames, system: (name) => read(`sys.${name}`) };
}

function overlayOf(former: Buffer | undefined, { user, system }: PropertyChanges): Buffer {
  const named = [...system].map(([name, value]) => {
    // Of a duration JSON keeps its ticks.
    return [`sys.${name}`, value instanceof FilterDuration ? String(value.ticks) : value] as const;
  });
  const changes = [...user, ...named].map(([name, value]) => [name, value ?? null] as const);
  return Buffer.from(JSON.stringify({ ...changesIn(former), ...Object.fromEntries(changes) }));
}

function changedFacts(overlay: Buffer | undefined): MessageFacts {
  const { 'sys.SessionId': sessionId, 'sys.MessageId': messageId, 'sys.TimeToLive': ticks } = changesIn(overlay);
  return {
    ...(sessionId ? { sessionId } : {}),
    ...(messageId ? { messageId } : {}),
    ...(ticks ? { timeToLiveMs: Number(ticks) / 10_000 } : {}),
  };
}

/** A journal that keeps records by the liveness rules of storage, so that a restart sees what the log would tell. */
class MemoryJournal implements Journal {
  readonly records = new Map<number, LogRecord>();
  readonly dead = new Set<number>();
  appended = 0;
  maxBatchBytes = 32 * 1024 * 1024;
  readonly congested = false;
  /** Nothing can be written while it is set, as on a full disk. */
  full = false;
  /** Bodies come later, as from the disk. */
  slow = false;
  /** Bodies that cannot be read. */
  readonly damaged = new Set<number>();
  /** Only what takes work away can be written while it is set, as when the reserve of a full disk is in use. */
  refusesSends = false;
  #lastId = 0;

  get durable(): number {
    return this.appended;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  append(batch: readonly LogRecord[], purpose: AppendPurpose = 'settle'): number {
    const bytes = batch.flatMap((record) => record.bytes).reduce((sum, part) => sum + part.length, 0);
    if (bytes > this.maxBatchBytes) throw new RetrainError('MESSAGE_TOO_LARGE', `a batch of ${bytes} bytes`);
    if (this.full || (this.refusesSends && purpose === 'send')) throw new RetrainError('DISK_FULL', 'full');
    for (const record of batch) {
      const bytes = Buffer.isBuffer(record.bytes) ? Buffer.from(record.bytes) : Buffer.concat(record.bytes);
      this.records.set(record.id, { ...record, bytes });
      if (record.kind === RecordKind.gone) for (const id of record.refs) this.dead.add(id);
      if (record.kind === RecordKind.change && record.refs[1] !== undefined) this.dead.add(record.refs[1]);
    }
    return ++this.appended;
  }

  read(id: number): Buffer | Promise<Buffer> {
    if (this.damaged.has(id)) return Promise.reject(new RetrainError('DATA_CORRUPT', `record ${id}`));
    return this.slow ? Promise.resolve(this.bytesOf(id)) : this.bytesOf(id);
  }

  bytesOf(id: number): Buffer {
    return this.records.get(id)?.bytes as Buffer;
  }

  /** Forgets every record that nothing needs any more, as compaction does in the end. */
  compact(): void {
    for (const [id, record] of this.records) if (!this.isLive(record)) this.records.delete(id);
  }

  isLive({ id, kind, refs }: LogRecord): boolean {
    return !this.dead.has(id) && (kind !== RecordKind.change || !this.dead.has(refs[0] as number));
  }
}

/** Counts up: good enough for tokens and keys, and the same in every run. */
function countingRandom(): Random {
  let next = 0;
  return { bytes: (length) => Buffer.alloc(length, ++next), fraction: () => 0.5 };
}

export class BrokerHarness {
  readonly clock = new FakeClock();
  readonly journal = new MemoryJournal();
  /** What a forwarder reads of the messages with these texts. */
  readonly facts = new Map<string, MessageFacts>();
  readonly faults: unknown[] = [];
  /** Names of queues and topics that are gone. */
  readonly deleted: string[] = [];
  readonly #random = countingRandom();
  namespace = this.#start();

  /** Loses all that is volatile and starts again from the records, `downMs` later; `compacted`: from those alone that are still needed. */
  restart({ compacted = false, downMs = 0 }: { compacted?: boolean; downMs?: number } = {}): void {
    if (compacted) {
      this.journal.append(this.namespace.snapshot());
      this.journal.compact();
    }
    this.namespace.stop();
    this.clock.dropTimers();
    this.clock.advance(downMs);
    this.namespace = this.#start();
  }

  create(description: QueueDescriptionInput): Queue {
    return this.namespace.createQueue(parseQueueDescription(description)).queue;
  }

  queue(name: string): Queue {
    const queue = this.namespace.queue(name);
    if (!queue) throw new Error(`no queue ${name}`);
    return queue;
  }

  text(delivery: { bodyId: number }): string {
    return this.journal.bytesOf(delivery.bodyId).toString();
  }

  /** Takes up to `count` messages with a receiver that is closed afterwards. */
  receive(subqueue: Subqueue, options: { count?: number; mode?: ReceiveMode; session?: SessionLock } = {}): Delivery[] {
    const deliveries: Delivery[] = [];
    const { count = 1, mode = 'peek-lock', session } = options;
    const receiver = subqueue.openReceiver({
      mode,
      ...(session ? { session } : {}),
      onDelivery: (d) => deliveries.push(d),
    });
    receiver.setCredit(count);
    receiver.close();
    return deliveries;
  }

  texts(subqueue: Subqueue, options: { count?: number; mode?: ReceiveMode; session?: SessionLock } = {}): string[] {
    return this.receive(subqueue, { count: 100, ...options }).map((delivery) => this.text(delivery));
  }

  accept(subqueue: Subqueue, sessionId?: string, holder = 'link'): Accepting {
    return new Accepting(subqueue, { sessionId, holder });
  }

  #start(): Namespace {
    const reader: MessageReader = {
      facts: (bytes, overlay) => ({ ...this.facts.get(bytes.toString()), ...changedFacts(overlay) }),
      properties: (bytes, overlay) => propertiesOf(bytes.toString(), overlay),
      overlayWith: (_bytes, overlay, changes) => overlayOf(overlay, changes),
    };
    const onFault = (fault: unknown): void => void this.faults.push(fault);
    const onDeleted = ({ name }: Queue): void => void this.deleted.push(name);
    const namespace = new Namespace({ clock: this.clock, random: this.#random, reader, onFault, onDeleted });
    for (const record of this.journal.records.values()) {
      if (record.kind === RecordKind.entry || record.kind === RecordKind.change) {
        namespace.replay({ ...record, kind: record.kind, bytes: record.bytes as Buffer }, this.journal.isLive(record));
      }
    }
    namespace.start(this.journal);
    return namespace;
  }
}

/** Somebody who asks for a session: what has become of it so far. */
export class Accepting {
  lock: SessionLock | undefined;
  refusal: BrokerRefusal | undefined;
  lost: BrokerRefusal | undefined;
  readonly cancel: () => void;

  constructor(subqueue: Subqueue, options: { sessionId: string | undefined; holder: string; timeoutMs?: number }) {
    const accepting = subqueue.acceptSession({
      timeoutMs: 60_000,
      ...options,
      onGranted: (lock) => (this.lock = lock),
      onRefused: (refusal) => (this.refusal = refusal),
      onLost: (refusal) => (this.lost = refusal),
    });
    this.cancel = () => accepting.cancel();
  }

  get granted(): SessionLock {
    if (!this.lock) throw new Error('not granted');
    return this.lock;
  }
}

export function message(text: string, more: Partial<IncomingMessage> = {}): IncomingMessage {
  const bytes = Buffer.from(text);
  return { bytes, sizeBytes: bytes.length, ...more };
}

export function settle(subqueue: Subqueue, delivery: Delivery | undefined, outcome: Outcome): void {
  if (!delivery?.lock) throw new Error('nothing is locked');
  subqueue.settle(delivery.lock, outcome);
}

export function refusedAs(reason: BrokerRefusal['reason']): (error: unknown) => boolean {
  return (error) => error instanceof BrokerRefusal && error.reason === reason;
}
