import { resolve } from 'node:path';
import type { ServiceBusClient } from '@azure/service-bus';
import { Command, Option } from 'commander';
import { RetrainError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { RetrainingProducer } from '../retraining/producer.ts';
import type { MessageSender } from '../retraining/message-sender.ts';
import { TRIGGER_KINDS } from '../retraining/request.ts';
import { files } from '../runtime/files.ts';
import { addConnectionOptions, answered, placeOf, withOpenClient } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { collect, decimal } from './option.ts';
import { parameter, requestInput } from './request-input.ts';
import type { RequestFlags } from './request-input.ts';

interface RequestOptions extends ConnectionOptions, RequestFlags {
  readonly dedupeKey?: string;
  readonly outbox?: string;
  readonly json?: true;
}

export function requestCommand(): Command {
  return addConnectionOptions(new Command('request'), { side: 'producer' })
    .description('Asks for a model to be retrained and prints the id of the request.')
    .option('--model <name>', 'the model')
    .option('--model-version <version>', 'its version')
    .addOption(new Option('--kind <kind>', 'why (default: manual)').choices([...TRIGGER_KINDS]))
    .option('--metric <name>', 'the metric that tells why')
    .option('--detector <name>', 'what noticed it')
    .option('--baseline <n>', "the metric's reference", decimal)
    .option('--observed <n>', 'what was observed', decimal)
    .option('--threshold <n>', 'the limit that was crossed', decimal)
    .option('--window-from <time>', 'first observation behind it, RFC 3339')
    .option('--window-to <time>', 'last observation behind it, RFC 3339')
    .option('--data <uri>', 'data to train on; repeatable', collect)
    .option('--parameter <key=value>', 'handed to the trainer, the value as JSON or text; repeatable', parameter)
    .option('--deadline <time>', 'dead-letter it when not answered by then, RFC 3339')
    .option('--requested-by <who>', 'for the record')
    .option('--dedupe-key <key>', 'the same key is accepted once; name the model and the occasion')
    .option('--from <file>', 'the request as JSON, - for stdin; flags win over it')
    .option('--outbox <dir>', 'keep the request here until the broker has it; also sends what is left over')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain request --model births --data https://example.net/births-2024.csv
  retrain request --model births --kind performance-decay --metric mape --baseline 2.2 --observed 3.5 --threshold 3.3`,
    )
    .action(runRequest);
}

async function runRequest(options: RequestOptions): Promise<void> {
  const input = await requestInput(options, { files, stdin: process.stdin });
  const place = placeOf(options);
  const { dedupeKey } = options;
  const outbox = options.outbox === undefined ? undefined : resolve(options.outbox);
  await withOpenClient(place, async (client) => {
    await using producer = new RetrainingProducer({
      sender: limitedSender(client, place),
      queue: place.queue,
      ...(outbox !== undefined && { outboxFolder: outbox }),
    });
    const sending = producer.request(input, dedupeKey === undefined ? {} : { dedupeKey });
    const sent = await answered(sending, place).catch((error: unknown) => {
      throw outbox === undefined ? error : withOutbox(error, outbox);
    });
    console.log(options.json ? JSON.stringify({ ...sent, model: input.model.name, queue: place.queue }) : sent.id);
    if (outbox !== undefined) await sendLeftOvers(producer, outbox);
  });
}

/** What is left over from before is no part of this request, which has been sent: it can only be a warning. */
async function sendLeftOvers(producer: RetrainingProducer, outbox: string): Promise<void> {
  try {
    const { failed } = await producer.flush();
    for (const { name, error } of failed)
      console.error(`retrain: ${name} is left in ${outbox}, look at it, then remove it: ${error.message}`);
  } catch (error) {
    console.error(
      `retrain: earlier requests are left in ${outbox}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** An outbox may hold thousands of requests: each send has its time, not all of them one. */
function limitedSender(client: ServiceBusClient, place: Place): MessageSender {
  const sender = client.createSender(place.queue);
  return {
    sendMessages: (message) => answered(sender.sendMessages(message), place),
    close: () => sender.close(),
  };
}

/** What the producer refuses before it keeps a request. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  'REQUEST_INVALID',
  'MESSAGE_TOO_LARGE',
  'ARGUMENT_INVALID',
  'DISK_FULL',
  'DISK_FAILED',
]);

function withOutbox(error: unknown, outbox: string): unknown {
  if (!(error instanceof RetrainError) || REFUSED.has(error.code)) return error;
  const kept = `the request is kept in ${outbox} and goes out with the next one`;
  return new RetrainError(error.code, `${error.message}; ${kept}`, { cause: error });
}
