/** Lets one held output out. `subject` and `detail` are what `hold` was given: the call costs no closure per message. */
export interface Exit<Subject, Detail> {
  leave(subject: Subject, detail: Detail): void;
  /** `leave` has thrown: ends the connection that the output was for. */
  fault(cause: unknown): void;
  /** Outputs of this exit that are still held; the barrier keeps it. */
  held: number;
}

/** Slots that the ring begins with; it doubles when it is full. What is in flight is bounded by the credit of all links. */
const INITIAL_SLOTS = 1_024;

const emptySlots = (count: number): undefined[] => Array.from({ length: count });

/**
 * The durability barrier: nothing that depends on a position of the log (an accepted, a delivery, a session grant, a reply)
 * leaves before the log says that this position is on disk. Outputs leave in the order in which they were held; one that is
 * durable already leaves at once, unless another of the same exit still waits before it. An output that fails to leave is the
 * affair of its own connection: neither the log nor another client may notice.
 */
export class Barrier {
  #positions = new Float64Array(INITIAL_SLOTS);
  #exits: (Exit<unknown, unknown> | undefined)[] = emptySlots(INITIAL_SLOTS);
  #subjects: unknown[] = emptySlots(INITIAL_SLOTS);
  #details: unknown[] = emptySlots(INITIAL_SLOTS);
  #head = 0;
  #size = 0;
  #durable = 0;
  #closed = false;

  /** Outputs that wait. */
  get size(): number {
    return this.#size;
  }

  hold<Subject, Detail>(position: number, exit: Exit<Subject, Detail>, subject: Subject, detail: Detail): void {
    if (this.#closed) return;
    if (position <= this.#durable && exit.held === 0) {
      leave(exit, subject, detail);
      return;
    }
    if (this.#size === this.#positions.length) this.#grow();
    const slot = (this.#head + this.#size) & (this.#positions.length - 1);
    this.#positions[slot] = position;
    this.#exits[slot] = exit;
    this.#subjects[slot] = subject;
    this.#details[slot] = detail;
    this.#size++;
    exit.held++;
  }

  /** The log is durable up to `position`: lets out, in order, what waited for it. */
  release(position: number): void {
    this.#durable = position;
    while (this.#size > 0 && !this.#closed) {
      const slot = this.#head;
      if ((this.#positions[slot] as number) > position) return;
      const exit = this.#exits[slot] as Exit<unknown, unknown>;
      const subject = this.#subjects[slot];
      const detail = this.#details[slot];
      this.#exits[slot] = this.#subjects[slot] = this.#details[slot] = undefined;
      this.#head = (slot + 1) & (this.#positions.length - 1);
      this.#size--;
      exit.held--;
      leave(exit, subject, detail);
    }
  }

  /** Drops what waits, and everything held from now on: after a failed write nothing that depends on the log may leave. */
  close(): void {
    this.#closed = true;
    this.#size = 0;
    this.#exits = [];
    this.#subjects = [];
    this.#details = [];
  }

  #grow(): void {
    const slots = this.#positions.length;
    const positions = new Float64Array(slots * 2);
    for (let i = 0; i < slots; i++) positions[i] = this.#positions[(this.#head + i) & (slots - 1)] as number;
    const unroll = <T>(ring: T[]): (T | undefined)[] => [
      ...ring.slice(this.#head),
      ...ring.slice(0, this.#head),
      ...emptySlots(slots),
    ];
    this.#exits = unroll(this.#exits);
    this.#subjects = unroll(this.#subjects);
    this.#details = unroll(this.#details);
    this.#positions = positions;
    this.#head = 0;
  }
}

function leave<Subject, Detail>(exit: Exit<Subject, Detail>, subject: Subject, detail: Detail): void {
  try {
    exit.leave(subject, detail);
  } catch (cause) {
    exit.fault(cause);
  }
}
