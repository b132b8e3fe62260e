// Asks for a model to be retrained by HTTP, with nothing but Node; any language that speaks HTTP does the same.
//
//   export RETRAIN_URL=http://127.0.0.1:8080 RETRAIN_TOKEN=…      # listen.tokens of the configuration
//   node request.mjs births https://example.net/births-2024.csv
import { setTimeout as pause } from 'node:timers/promises';

const { RETRAIN_URL = 'http://127.0.0.1:8080', RETRAIN_TOKEN } = process.env;
const [model, uri] = process.argv.slice(2);

const request = {
  model: { name: model },
  trigger: { kind: 'new-data' },
  ...(uri && { data: [{ uri }] }),
  requestedBy: 'request.mjs',
};
const headers = {
  'content-type': 'application/json',
  // The same key is the same request: after a lost answer it can be sent again without a second run.
  ...(uri && { 'idempotency-key': uri }),
  ...(RETRAIN_TOKEN && { authorization: `Bearer ${RETRAIN_TOKEN}` }),
};

for (let tries = 1; ; tries++) {
  const response = await fetch(`${RETRAIN_URL}/v1/requests`, {
    method: 'POST',
    headers,
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  if (response.status === 202) {
    // accepted: the broker has it; queued: it is on the disk of retrain, and goes out when the broker is back.
    process.stdout.write(`${answer.state} ${answer.id}\n`);
    break;
  }
  const retryAfter = Number(response.headers.get('retry-after'));
  if (!retryAfter || tries === 5) {
    // A problem document (RFC 9457) says what is wrong, where, and what to do about it.
    process.stderr.write(`${answer.title}: ${answer.detail}\n`);
    for (const { pointer, detail } of answer.errors ?? []) process.stderr.write(`  ${pointer}: ${detail}\n`);
    process.exit(1);
  }
  await pause(retryAfter * 1000);
}
