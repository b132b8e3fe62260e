import { writeSync } from 'node:fs';
import { ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusMessage, ServiceBusMessageBatch } from '@azure/service-bus';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import type { RetrainRequestInput } from '../../src/retraining/request.ts';
import { files } from '../../src/runtime/files.ts';

// A producer process that a test can kill: `node producer-program.js CONFIG`. It kills itself, as the system would, at the given
// moment, or flushes its outbox and prints how many it sent.

export interface ProducerProgram {
  readonly connectionString: string;
  readonly queue: string;
  readonly outboxFolder: string;
  readonly inputs?: readonly RetrainRequestInput[];
  readonly killAt?: 'before-put' | 'after-put' | 'after-send';
}

const config = JSON.parse(process.argv[2] ?? '') as ProducerProgram;
const client = new ServiceBusClient(config.connectionString);
const sender = client.createSender(config.queue);

function dieAt(moment: NonNullable<ProducerProgram['killAt']>): void {
  if (config.killAt === moment) process.kill(process.pid, 'SIGKILL');
}

const producer = new RetrainingProducer({
  sender: {
    async sendMessages(messages: ServiceBusMessage | ServiceBusMessageBatch) {
      dieAt('after-put');
      await sender.sendMessages(messages);
      dieAt('after-send');
    },
    createMessageBatch: () => sender.createMessageBatch(),
    close: () => sender.close(),
  },
  queue: config.queue,
  outboxFolder: config.outboxFolder,
  files: {
    ...files,
    async writeAtomic(path, content, options) {
      dieAt('before-put');
      await files.writeAtomic(path, content, options);
    },
  },
});
if (config.inputs) await producer.requestAll(config.inputs);
const { sent } = await producer.flush();
writeSync(1, `${sent}\n`);
await producer[Symbol.asyncDispose]();
await client.close();
