import { LIMITS } from './limits.ts';

/**
 * Times of one connection (2.4.5). We advertise an idle time-out and cut off a peer that is silent for twice as long; we send
 * an empty frame when half of the peer's idle time-out has gone by without output. Until the peer's open is there, the whole
 * handshake has a limit. All times are monotonic, in milliseconds.
 */
export class IdleWatch {
  readonly #localTimeoutMs: number;
  #remoteTimeoutMs: number | undefined;
  #nowMs = 0;
  #lastInputMs = 0;
  #lastOutputMs = 0;
  #handshakeEndMs: number | undefined;
  #closeEndMs: number | undefined;

  constructor(localTimeoutMs: number) {
    this.#localTimeoutMs = localTimeoutMs;
  }

  start(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lastInputMs = nowMs;
    this.#lastOutputMs = nowMs;
    this.#handshakeEndMs = nowMs + LIMITS.handshakeMs;
  }

  opened(remoteTimeoutMs: number | undefined): void {
    this.#handshakeEndMs = undefined;
    // 0 is what absent is: no time-out.
    this.#remoteTimeoutMs = remoteTimeoutMs || undefined;
  }

  closing(): void {
    this.#handshakeEndMs = undefined;
    this.#closeEndMs = this.#nowMs + LIMITS.closeMs;
  }

  input(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lastInputMs = nowMs;
  }

  /** Output was taken; it left at the latest time known, or a little later, which errs on the side of an early heartbeat. */
  output(): void {
    this.#lastOutputMs = this.#nowMs;
  }

  /** What is due at `nowMs`. */
  due(nowMs: number): 'nothing' | 'heartbeat' | 'peer-silent' | 'handshake-late' | 'close-late' {
    this.#nowMs = nowMs;
    if (this.#closeEndMs !== undefined) return nowMs >= this.#closeEndMs ? 'close-late' : 'nothing';
    if (this.#handshakeEndMs !== undefined && nowMs >= this.#handshakeEndMs) return 'handshake-late';
    if (nowMs >= this.#silentMs) return 'peer-silent';
    return nowMs >= this.#heartbeatMs ? 'heartbeat' : 'nothing';
  }

  /** When something is due next. */
  get nextMs(): number | undefined {
    if (this.#closeEndMs !== undefined) return this.#closeEndMs;
    const next = Math.min(this.#silentMs, this.#heartbeatMs, this.#handshakeEndMs ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  get #silentMs(): number {
    return this.#localTimeoutMs === 0 ? Infinity : this.#lastInputMs + 2 * this.#localTimeoutMs;
  }

  get #heartbeatMs(): number {
    return this.#remoteTimeoutMs === undefined ? Infinity : this.#lastOutputMs + this.#remoteTimeoutMs / 2;
  }
}
