/** How long the official client waits for the answer to a settlement of a session's message, whatever it is told. */
const CLIENT_SETTLEMENT_MS = 60_000;

/**
 * A settlement that the broker never answered keeps a process alive until the client's own time is over. The command line
 * ends regardless; a test that loses settlements on purpose must not wait for it either.
 */
export function letGoOfSettlements(): void {
  const { setTimeout: set } = globalThis;
  const lenient = (callback: () => void, delayMs?: number, ...rest: []): NodeJS.Timeout => {
    const timer = set(callback, delayMs, ...rest);
    return delayMs === CLIENT_SETTLEMENT_MS ? timer.unref() : timer;
  };
  globalThis.setTimeout = Object.assign(lenient, set);
}
