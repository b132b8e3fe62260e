/** One stream of a process that performs several runs: a marker ends the output of each. */
export class MarkedOutput {
  #marker: Buffer = Buffer.alloc(0);
  #take: ((chunk: Buffer) => Promise<void>) | undefined;
  #reached: () => void = () => undefined;
  /** Bytes that may be the beginning of the marker; shorter than it. */
  #kept: Buffer = Buffer.alloc(0);

  /** Gives what is written up to `marker` to `take`; resolves when the marker came. */
  expect(marker: Buffer, take: (chunk: Buffer) => Promise<void>): Promise<void> {
    this.#marker = marker;
    this.#take = take;
    this.#kept = Buffer.alloc(0);
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  /** What comes while no marker is expected belongs to no run, and is dropped. */
  async write(chunk: Buffer): Promise<void> {
    const take = this.#take;
    if (!take) return;
    const bytes = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk;
    const at = bytes.indexOf(this.#marker);
    const end = at >= 0 ? at : bytes.length - overlap(bytes, this.#marker);
    this.#kept = Buffer.from(bytes.subarray(end));
    if (at >= 0) this.#take = undefined;
    if (end > 0) await take(bytes.subarray(0, end));
    if (at >= 0) this.#reached();
  }

  /** The stream has ended without the marker: what was kept was output after all. */
  async end(): Promise<void> {
    const take = this.#take;
    this.#take = undefined;
    if (take && this.#kept.length > 0) await take(this.#kept);
  }
}

/** How many bytes at the end of `bytes` are a beginning of `marker`. */
function overlap(bytes: Buffer, marker: Buffer): number {
  for (let length = Math.min(bytes.length, marker.length - 1); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(marker.subarray(0, length))) return length;
  return 0;
}
