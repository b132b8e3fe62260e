/**
 * Keeps the process when the official client leaves a rejection unhandled. It does so when a connection breaks and the broker
 * has ended it with an error: its handler of the disconnection awaits the closing of sessions, which then rejects. The client
 * itself goes on, but Node would end the process, and with it a worker and its trainings. What is rejected there is the error
 * that the broker sent, a value of the AMQP library with a `condition`, and no `Error`; or, of a broker that has fallen silent, the
 * library's own `OperationTimeoutError` of a session that could not be closed. Every other rejection stays fatal.
 */
export function outliveClientRejections(tell: (line: string) => void): void {
  process.on('unhandledRejection', (reason) => {
    const condition = conditionOf(reason);
    if (condition === undefined) throw reason;
    tell(`the connection was ended with ${condition}; the client goes on`);
  });
}

function conditionOf(reason: unknown): string | undefined {
  // The class is not exported by the client; nobody else raises one of this name.
  if (reason instanceof Error && reason.name === 'OperationTimeoutError') return reason.name;
  if (typeof reason !== 'object' || reason === null || reason instanceof Error || !('condition' in reason))
    return undefined;
  return String(reason.condition).slice(0, 100);
}
