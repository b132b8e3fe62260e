import { ServiceBusClient } from '@azure/service-bus';
import { readRequest } from '../../src/retraining/envelope.ts';

// `node read-request.js QUEUE`: what the worker reads from the first message of a queue, as JSON.

const client = new ServiceBusClient(process.env['RETRAIN_CONNECTION_STRING'] ?? '');
const [message] = await client.createReceiver(process.argv[2] ?? '').peekMessages(1);
const { messageId, sessionId } = message ?? {};
const read = message ? readRequest(message) : { kind: 'nothing' };
process.stdout.write(`${JSON.stringify({ messageId, sessionId, ...read })}\n`);
await client.close();
