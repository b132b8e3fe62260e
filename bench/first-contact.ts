import { ACCEPTED, SENDER_SETTLE_MODE } from '../src/amqp/index.ts';
import { type BrokerAddress, connectSocket } from './socket-connection.ts';

/**
 * Connects, attaches a receiver and, when `delivery` says so, takes a first message out of the queue. Resolves to the time by `performance.now`
 * when the link was attached or the message was delivered.
 */
export function firstContact(
  address: BrokerAddress,
  { queue, delivery }: { queue: string; delivery: boolean },
): Promise<number> {
  return new Promise((resolve, reject) => {
    let at = 0;
    const done = (): void => {
      socket.destroy();
      resolve(at);
    };
    const socket = connectSocket(
      address,
      {
        onBegin: (session) => {
          const modes = { sndSettleMode: SENDER_SETTLE_MODE.unsettled, rcvSettleMode: 1 };
          session.attach({ name: 'first', role: 'receiver', source: { address: queue }, target: {}, ...modes });
        },
        onAttach: (link) => {
          at = performance.now();
          if (delivery) link.setCredit(1);
          else done();
        },
        onTransfer: (link, received) => {
          at = performance.now();
          link.dispose(received, ACCEPTED);
        },
        onSettled: done,
      },
      reject,
    );
  });
}
