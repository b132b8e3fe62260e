import type { CopyHistory, DeliveryRecord } from './copy-history.ts';
import type { SettleResult } from './receiving-link.ts';
import type { World } from './world.ts';

/** One time that a receiver held a session. */
export interface Grant {
  readonly sessionId: string;
  readonly receiver: string;
  readonly life: number;
  /** When its lock was to end at first, milliseconds since 1970. */
  lockedUntilMs: number;
  readonly delivered: Set<CopyHistory>;
  highest: number;
}

/** What is known of the sessions of a queue: the order of what came out of them, and their states. */
export class SessionModel {
  readonly #world: World;
  readonly #queue: string;
  readonly #waits: (copy: CopyHistory) => boolean;
  readonly #grants = new Map<string, Grant[]>();
  readonly #copies = new Map<string, Set<CopyHistory>>();
  /** What the state of a session may be: the last one acknowledged, and those whose setting was not answered. */
  readonly #states = new Map<string, (string | undefined)[]>();

  constructor(options: {
    world: World;
    queue: string;
    /** Whether a message certainly waits in the queue for its next receiver. */
    waits: (copy: CopyHistory) => boolean;
  }) {
    this.#world = options.world;
    this.#queue = options.queue;
    this.#waits = options.waits;
  }

  /** Sessions that were held or whose state was set. */
  get ids(): string[] {
    return [...new Set([...this.#grants.keys(), ...this.#states.keys()])];
  }

  grant(options: { sessionId: string; receiver: string; life: number }): Grant {
    const grant: Grant = { ...options, lockedUntilMs: 0, delivered: new Set(), highest: 0 };
    const grants = this.#grants.get(grant.sessionId) ?? [];
    grants.push(grant);
    this.#grants.set(grant.sessionId, grants);
    return grant;
  }

  deliver(grant: Grant, record: DeliveryRecord): void {
    const { copy } = record;
    const { sessionId } = grant;
    const known = this.#copies.get(sessionId) ?? new Set();
    this.#copies.set(sessionId, known);
    const isNew = !known.has(copy);
    known.add(copy);
    grant.lockedUntilMs ||= record.lockedUntilMs;
    const number = record.sequenceNumber;
    if (grant.delivered.has(copy)) this.#checkRepeated(grant, record);
    else {
      if (number < grant.highest)
        this.#world.violate(`session ${sessionId}: ${copy.uid} #${number} came after #${grant.highest}`);
      grant.highest = number;
      grant.delivered.add(copy);
      this.#checkNothingSkipped(grant, number, known);
    }
    if (isNew) this.#checkFirstDelivery(grant, record);
  }

  /** Within a grant a message comes again only when the receiver gave it back. */
  #checkRepeated(grant: Grant, record: DeliveryRecord): void {
    const former = record.copy.deliveries[record.copy.deliveries.indexOf(record) - 1];
    if (former?.settlement?.kind === 'abandon') return;
    this.#world.violate(`session ${grant.sessionId}: ${record.copy.uid} came twice to ${grant.receiver}`);
  }

  /** Whatever waits with a lower number must have come first. */
  #checkNothingSkipped(grant: Grant, number: number, known: ReadonlySet<CopyHistory>): void {
    for (const other of known) {
      const otherNumber = other.numberIn(this.#queue);
      if (otherNumber >= number || grant.delivered.has(other)) continue;
      // Deliveries of a later holder, which this one's connection has not overtaken.
      if (isLater(other.last, grant)) continue;
      if (this.#waits(other))
        this.#world.violate(`session ${grant.sessionId}: #${number} came before ${other.uid} #${otherNumber}`);
    }
  }

  /** No earlier holder may have got a higher number than that of a message that was never delivered before. */
  #checkFirstDelivery(grant: Grant, { copy, sequenceNumber }: DeliveryRecord): void {
    for (const earlier of this.#grants.get(grant.sessionId) ?? []) {
      if (earlier === grant || earlier.lockedUntilMs === 0) continue;
      const before =
        earlier.life < grant.life || (earlier.life === grant.life && earlier.lockedUntilMs < grant.lockedUntilMs);
      if (before && earlier.highest > sequenceNumber)
        this.#world.violate(
          `session ${grant.sessionId}: ${copy.uid} #${sequenceNumber} came for the first time after #${earlier.highest} had come`,
        );
    }
  }

  startSetState(sessionId: string, state: string | undefined): void {
    this.#states.set(sessionId, [...this.#possible(sessionId), state]);
  }

  /** Answers may come late, when a later holder has set or read it already: then this one means nothing any more. */
  endSetState(sessionId: string, state: string | undefined, result: SettleResult['kind']): void {
    const possible = this.#possible(sessionId);
    const at = possible.lastIndexOf(state);
    if (at < 0 || result === 'lost') return;
    this.#states.set(sessionId, result === 'done' ? possible.slice(at) : possible.toSpliced(at, 1));
  }

  /** A holder of the session has read its state: from now on it is this one. */
  readState(sessionId: string, state: string | undefined): void {
    const possible = this.#possible(sessionId);
    if (!possible.includes(state))
      this.#world.violate(`session ${sessionId} has the state ${state}; it must be ${possible.join(' or ')}`);
    this.#states.set(sessionId, [state]);
  }

  #possible(sessionId: string): readonly (string | undefined)[] {
    return this.#states.get(sessionId) ?? [undefined];
  }
}

function isLater(record: DeliveryRecord, grant: Grant): boolean {
  return record.life > grant.life || (record.life === grant.life && record.lockedUntilMs > grant.lockedUntilMs);
}
