import type { Server as NetServer } from 'node:net';
import { RetrainError } from '../../errors.ts';

/**
 * Listens, and resolves once it does. `name` says what the port is for.
 *
 * @throws RetrainError `ADDRESS_IN_USE` when the port is taken, `CONFIGURATION_INVALID` when the address cannot be listened on
 */
export function listen(
  server: NetServer,
  address: { readonly host: string; readonly port: number; readonly backlog: number },
  name: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => reject(explain(cause, address, name));
    server.once('error', fail);
    server.listen({ ...address, exclusive: true }, () => {
      server.off('error', fail);
      // Later errors (no file descriptors left) concern one connection, not the listener.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function explain(cause: NodeJS.ErrnoException, address: { host: string; port: number }, name: string): RetrainError {
  const place = `${address.host}:${address.port}`;
  if (cause.code === 'EADDRINUSE')
    return new RetrainError(
      'ADDRESS_IN_USE',
      `${name} port ${place} is taken by another process. Stop it, or choose another port (0 picks a free one).`,
      { cause },
    );
  return new RetrainError(
    'CONFIGURATION_INVALID',
    `cannot listen on ${place} for ${name}: ${cause.message}. Choose an address of this machine and a port that you may use.`,
    { cause },
  );
}
