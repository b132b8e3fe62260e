import { resolve } from 'node:path';
import { Command } from 'commander';
import { HEALTH_PATH } from '../api/health.ts';
import { startServer } from '../server/index.ts';
import { DEFAULT_QUEUE, parseQueueFlag } from '../topology/index.ts';
import { stackOf } from './failure.ts';
import { Interrupt } from './interrupt.ts';
import { collect, port } from './option.ts';

interface BrokerOptions {
  readonly data: string;
  readonly amqpPort: number;
  readonly httpPort: number;
  readonly host: string;
  readonly queue?: readonly string[];
  readonly key?: string;
  readonly json?: true;
  readonly verbose?: true;
}

export const DEFAULT_BROKER_FOLDER = '.retrain/broker';

/** What `--json` prints once, when the broker is ready. */
export interface BrokerReady {
  readonly connectionString: string;
  readonly amqpPort: number;
  readonly httpPort: number;
  readonly pid: number;
}

export function brokerCommand(): Command {
  return new Command('broker')
    .description('Runs the embedded broker: durable, on this machine, with the protocol of Azure Service Bus.')
    .option('--data <dir>', 'folder for queues, messages and the access key', DEFAULT_BROKER_FOLDER)
    .option('--amqp-port <n>', 'port for clients; 0 picks a free one', port, 5672)
    .option('--http-port <n>', 'port for the health check; 0 picks a free one', port, 5300)
    .option('--host <host>', 'address to listen on; one that others can reach needs a key of yours', '127.0.0.1')
    .option(
      '--queue <spec>',
      `queue to declare, NAME or NAME:sessions,duplicates,maxDeliveryCount=10,lockDuration=PT1M; repeatable (default: ${DEFAULT_QUEUE.name})`,
      collect,
    )
    .option('--json', 'print one line of JSON when ready')
    .addHelpText(
      'after',
      `
The access key is made at the first start and kept in the data folder. A key of your own goes into RETRAIN_ACCESS_KEY.

Examples:
  retrain broker
  retrain broker --data /var/lib/retrain --queue models:sessions,duplicates --queue outcomes`,
    )
    .action(runBroker);
}

async function runBroker(options: BrokerOptions): Promise<void> {
  using interrupt = new Interrupt();
  const key = process.env['RETRAIN_ACCESS_KEY'];
  const broker = await startServer({
    dataFolder: resolve(options.data),
    amqpPort: options.amqpPort,
    httpPort: options.httpPort,
    host: options.host,
    queues: options.queue?.map(parseQueueFlag) ?? [DEFAULT_QUEUE],
    ...(key !== undefined && key !== '' && { key }),
    onFault: (fault) =>
      console.error(`retrain: fault in the broker: ${options.verbose ? stackOf(fault) : String(fault)}`),
  });
  try {
    const { connectionString, amqpPort, httpPort } = broker;
    const ready: BrokerReady = { connectionString, amqpPort, httpPort, pid: process.pid };
    if (options.json) console.log(JSON.stringify(ready));
    else announce(ready, options);
    const failure = await Promise.race([broker.failed, interrupt.happened]);
    if (failure) throw failure;
    if (!options.json) console.log('stopping; a second Ctrl-C ends at once');
  } finally {
    await broker.close();
  }
}

function announce({ connectionString, httpPort, pid }: BrokerReady, { data, host }: BrokerOptions): void {
  console.log(`broker ready, process ${pid}, data in ${resolve(data)}`);
  console.log(`connection string  ${connectionString}`);
  console.log(`health             http://${host.includes(':') ? `[${host}]` : host}:${httpPort}${HEALTH_PATH}`);
  console.log('Ctrl-C stops it; what it has accepted stays in the data folder.');
}
