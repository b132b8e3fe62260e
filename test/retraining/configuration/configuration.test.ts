import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationFileError } from '../../../src/document/file-problem.ts';
import { parseConfiguration, settingsOf } from '../../../src/retraining/configuration/configuration.ts';
import type { Configuration } from '../../../src/retraining/configuration/configuration.ts';

const SMALL = `
models:
  births:
    trainer: { command: [python, train.py] }
    gate: { metric: mape, direction: minimize }
`;

function parse(text: string, environment: Record<string, string> = {}): Promise<Configuration> {
  return parseConfiguration(text, { file: '/etc/retrain/retrain.yaml', environment });
}

/** The problems, without the name of the file. */
async function problemsOf(text: string, environment: Record<string, string> = {}): Promise<string[]> {
  try {
    await parse(text, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigurationFileError, String(error));
    return error.problems.map((line) => line.replace('/etc/retrain/retrain.yaml:', ''));
  }
  return [];
}

test('a small configuration says little and means much', async () => {
  const configuration = await parse(SMALL);
  assert.equal(configuration.connection, undefined);
  assert.deepEqual(configuration.queues, {
    requests: 'model-retraining-queue',
    sessions: true,
    intake: 'retraining-intake',
  });
  assert.deepEqual(configuration.outcomes, {
    topic: 'model-retraining-outcomes',
    statusSubscription: 'status',
    notifySubscription: 'notify',
  });
  assert.equal(configuration.folders.runs, '/etc/retrain/.retrain/runs');
  assert.deepEqual(configuration.worker, { concurrency: 2, grace: 30_000 });
  assert.equal(configuration.models.get('births')?.gate.minImprovement, 0);
  assert.equal(settingsOf(configuration, 'other'), undefined);
});

test('a model has the defaults unless it says otherwise, and "*" is every other one', async () => {
  const configuration = await parse(`
defaults:
  gate: { metric: auc, direction: maximize, minImprovement: 0.01 }
  coolDown: 1h
  attempts: 3
models:
  a: { trainer: { command: [a] }, coolDown: 90m }
  "*": { trainer: { command: [any] } }
`);
  const a = settingsOf(configuration, 'a');
  assert.deepEqual([a?.coolDown, a?.attempts, a?.gate.metric], [5_400_000, 3, 'auc']);
  assert.deepEqual(settingsOf(configuration, 'b')?.trainer.command, ['any']);
  assert.equal(settingsOf(configuration, 'b')?.coolDown, 3_600_000);
});

test('${NAME} is the environment, with a default, and stands for numbers, too', async () => {
  const text = `${SMALL}
worker: { concurrency: "\${SLOTS}" }
connection: { connectionString: "Endpoint=\${HOST:-sb://localhost};SharedAccessKeyName=a;SharedAccessKey=\${KEY}" }
queues: { requests: "\${QUEUE:-q}" }
registry: { file: { folder: "$\${HOME}" } }
`;
  const configuration = await parse(text, { SLOTS: '7', KEY: 'k==' });
  assert.equal(configuration.worker.concurrency, 7);
  assert.equal(
    configuration.connection?.connectionString,
    'Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=k==',
  );
  assert.equal(configuration.queues.requests, 'q');
  assert.equal(configuration.registry.file?.folder, '${HOME}');
});

test('a text that looks like a number stays text where text is wanted', async () => {
  const token = '12345678901234567890';
  const configuration = await parse(`${SMALL}\nlisten: { tokens: ["\${TOKEN}"] }\n`, { TOKEN: token });
  assert.deepEqual(configuration.listen?.tokens, [token]);
});

test('what is wrong is told with line, column and path, all at once', async () => {
  assert.deepEqual(
    await problemsOf(`
models:
  births:
    trainer: { command: [python], comand: x }
    gate: { metric: mape, direction: minimise }
    maxRuntime: 2 hours
  ../x:
    trainer: { http: { url: ftp://x } }
`),
    [
      "4:35: models.births.trainer.comand: unknown property 'comand'; did you mean 'command'?",
      "5:38: models.births.gate.direction: must be one of minimize, maximize, not 'minimise'; did you mean 'minimize'?",
      "6:17: models.births.maxRuntime: use a number and a unit, such as 90s, 15m, 2h or 1d, up to 366d, not '2 hours'",
      '7:3: models["../x"]: use 1 to 128 of A-Z a-z 0-9 . _ : / -, no "." or ".." segment, no leading or trailing "/"',
    ],
  );
});

const REFUSALS: readonly [what: string, text: string, expected: RegExp][] = [
  ['no models', 'models: {}', /^1:9: models: name at least one model/],
  ['nothing at all', '{}', /models: is missing/],
  [
    'a missing variable',
    `${SMALL}\nqueues: { requests: "\${NOT_SET}" }`,
    /^7:21: queues.requests: the environment variable NOT_SET is not set/,
  ],
  ['a broken reference', `${SMALL}\nqueues: { requests: "\${1}" }`, /what follows \$\{ is no name of a variable/],
  [
    'a model without a trainer',
    'models: { a: { gate: { metric: m, direction: minimize } } }',
    /models\.a: has no trainer: give it here or under defaults/,
  ],
  ['a model without a gate', 'models: { a: { trainer: { command: [x] } } }', /models\.a: has no gate/],
  [
    'two ways to connect',
    `${SMALL}\nconnection: { connectionString: a, fullyQualifiedNamespace: b }`,
    /connection: give exactly one of connectionString and fullyQualifiedNamespace/,
  ],
  [
    'topic and queue',
    `${SMALL}\noutcomes: { topic: a, queue: b }`,
    /outcomes.queue: give a topic or a queue, not both/,
  ],
  [
    'an unknown property of a section',
    `${SMALL}\nbroker: { port: 0 }`,
    /unknown property 'port'; known are amqpPort, httpPort/,
  ],
  ['an unknown section', `${SMALL}\nmodel: {}`, /unknown property 'model'; did you mean 'models'\?/],
  [
    'a rule for an unknown model',
    `${SMALL}\nintake: { rules: [ { when: { type: x }, model: birth } ] }`,
    /intake\.rules\[0\]\.model: unknown model 'birth'; did you mean 'births'\?/,
  ],
  [
    'a notice about an unknown model',
    `${SMALL}\nnotify: [ { on: [failed], command: [x], models: [birth] } ]`,
    /notify\[0\]\.models\[0\]: unknown model 'birth'/,
  ],
  [
    'pushed observations without a listener',
    `${SMALL}    monitors: [ { name: a, source: { pushed: true }, metric: m, absolute: { above: 1 }, window: { count: 10 } } ]`,
    /add the section listen/,
  ],
  [
    'a listener that is open to other machines, without a token',
    `${SMALL}\nlisten: { port: 0, host: 0.0.0.0 }`,
    /^7:26: listen\.host: is open to other machines, and listen\.tokens is empty: give a token, or listen on 127\.0\.0\.1$/,
  ],
  [
    'a namespace by its URL',
    `${SMALL}\nconnection: { fullyQualifiedNamespace: "sb://contoso.servicebus.windows.net/" }`,
    /^7:40: connection\.fullyQualifiedNamespace: use the namespace's host, such as contoso\.servicebus\.windows\.net, not 'sb:/,
  ],
  ['a host of no letters', `${SMALL}\nlisten: { host: "" }`, /^7:17: listen\.host: must not be empty$/],
  [
    'a monitor of no model',
    `defaults: { gate: { metric: m, direction: minimize } }\nmodels: { '*': { trainer: { command: [x] }, monitors: [ { name: a, source: { csv: a.csv }, metric: m, ddm: {} } ] } }`,
    /a monitor watches one model/,
  ],
];
for (const [what, text, expected] of REFUSALS)
  test(`refused: ${what}`, async () => {
    const problems = await problemsOf(text);
    assert.match(problems.join('\n'), expected);
  });

test('what the environment holds is not shown when it is refused: it may be a secret', async () => {
  const secrets = {
    RETRAIN_TOKEN: 'a secret with spaces in it',
    HOOK: 'ftp://ada:pass@example.net/secret',
    PORT: 'secret',
  };
  const problems = await problemsOf(
    `${SMALL}
listen: { port: '\${PORT}', tokens: ['\${RETRAIN_TOKEN}'] }
notify: [{ on: [failed], webhook: { url: 'x\${HOOK}' } }]
`,
    secrets,
  );
  assert.equal(problems.length, 3);
  assert.doesNotMatch(problems.join(), /secret|pass/);
  assert.match(problems.join(), /must be a number, not '\$\{PORT\}'/);
});

test('a span of nothing is refused where there must be some', async () => {
  const problems = await problemsOf(`
models:
  births:
    trainer: { command: [python, train.py] }
    gate: { metric: mape, direction: minimize }
    maxRuntime: 0s
    monitors: [{ name: a, source: { csv: a.csv }, metric: mape, ratio: 2, window: { every: 0s } }]
`);
  assert.equal(problems.length, 2);
  for (const problem of problems) assert.match(problem, /use a span of more than 0/);
});
