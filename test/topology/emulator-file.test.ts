import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREVER } from '../../src/topology/index.ts';
import { parseTopologyFile } from '../../src/topology/file/index.ts';
import { refusals } from './file-refusals.ts';

/** The shape of what the emulator comes with: everything that it knows, and comments where one would want them. */
const CONFIG = `{
  // The emulator has one namespace, whose name is given.
  "UserConfig": {
    "Namespaces": [
      {
        "Name": "sbemulatorns",
        "Queues": [
          {
            "Name": "invoices",
            "Properties": {
              "DeadLetteringOnMessageExpiration": true,
              "DefaultMessageTimeToLive": "PT30M",
              "DuplicateDetectionHistoryTimeWindow": "PT2M",
              "ForwardDeadLetteredMessagesTo": "",
              "ForwardTo": "",
              "LockDuration": "PT2M",
              "MaxDeliveryCount": 7,
              "RequiresDuplicateDetection": true,
              "RequiresSession": true
            }
          },
          { "Name": "plain" }
        ],
        "Topics": [
          {
            "Name": "news",
            "Properties": {
              "DefaultMessageTimeToLive": "PT10M",
              "DuplicateDetectionHistoryTimeWindow": "PT1M",
              "RequiresDuplicateDetection": true
            },
            "Subscriptions": [
              {
                "Name": "local",
                "Properties": {
                  "DeadLetteringOnMessageExpiration": true,
                  "DefaultMessageTimeToLive": "PT5M",
                  "LockDuration": "PT3M",
                  "MaxDeliveryCount": 2,
                  "ForwardDeadLetteredMessagesTo": "plain",
                  "ForwardTo": "",
                  "RequiresSession": true
                },
                "Rules": [
                  {
                    "Name": "by-properties",
                    "Properties": {
                      "FilterType": "Correlation",
                      "CorrelationFilter": {
                        "ContentType": "text/plain"
                        // Or one of these:
                        // "CorrelationId": "c",
                        // "Label": "l"
                      }
                    }
                  },
                  {
                    "Name": "by-all",
                    "Properties": {
                      "FilterType": "Correlation",
                      "CorrelationFilter": {
                        "CorrelationId": "c", "Label": "l", "MessageId": "m", "ReplyTo": "r",
                        "ReplyToSessionId": "rs", "SessionId": "s", "To": "t",
                        "Properties": { "Colour": "red", "count": 3 }
                      }
                    }
                  },
                  {
                    "Name": "by-sql",
                    "Properties": {
                      "FilterType": "Sql",
                      "SqlFilter": { "SqlExpression": "sys.Label = 'x'" },
                      "Action": { "SqlExpression": "SET n = 1" }
                    }
                  }
                ]
              },
              { "Name": "all", "Rules": [] }
            ]
          }
        ]
      }
    ],
    "Logging": { "Type": "File" }
  }
}
`;

const config = (namespace: string): string => `{"UserConfig": {"Namespaces": [${namespace}]}}`;

test('Config.json of the emulator is read with its names, its shape and its comments', async () => {
  const { namespace, format, remarks } = await parseTopologyFile(CONFIG, 'Config.json');
  assert.deepEqual([format, remarks], ['emulator', []]);
  const [invoices] = namespace.queues;
  assert.deepEqual(invoices, {
    name: 'invoices',
    lockDuration: 'PT2M',
    maxDeliveryCount: 7,
    requiresSession: true,
    deadLetteringOnMessageExpiration: true,
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'PT2M',
    maxSizeInMegabytes: 1024,
    maxMessageSizeInKilobytes: 256,
    enablePartitioning: false,
    enableExpress: false,
    defaultMessageTimeToLive: 'PT30M',
    status: 'Active',
    autoDeleteOnIdle: FOREVER,
    enableBatchedOperations: true,
  });
  const [news] = namespace.topics;
  assert.deepEqual(
    [news?.description.defaultMessageTimeToLive, news?.description.requiresDuplicateDetection],
    ['PT10M', true],
  );
  const [local, all] = news?.subscriptions ?? [];
  assert.deepEqual(
    [local?.description.forwardDeadLetteredMessagesTo, local?.description.forwardTo, local?.description.lockDuration],
    ['plain', undefined, 'PT3M'],
  );
  assert.deepEqual(local?.rules, [
    { name: 'by-properties', filterType: 'CorrelationFilter', correlationFilter: { contentType: 'text/plain' } },
    {
      name: 'by-all',
      filterType: 'CorrelationFilter',
      correlationFilter: {
        correlationId: 'c',
        label: 'l',
        messageId: 'm',
        replyTo: 'r',
        replyToSessionId: 'rs',
        sessionId: 's',
        to: 't',
        properties: { Colour: 'red', count: 3 },
      },
    },
    {
      name: 'by-sql',
      filterType: 'SqlFilter',
      sqlFilter: { sqlExpression: "sys.Label = 'x'" },
      action: { sqlExpression: 'SET n = 1' },
    },
  ]);
  assert.equal(all?.rules, undefined, 'no rules are the default rule');
});

test('what Config.json does not say has the emulator’s defaults, which hold nowhere else', async () => {
  const { namespace } = await parseTopologyFile(CONFIG, 'Config.json');
  const [, plain] = namespace.queues;
  assert.deepEqual(
    [plain?.maxDeliveryCount, plain?.defaultMessageTimeToLive, plain?.duplicateDetectionHistoryTimeWindow],
    [3, 'PT1H', 'PT20S'],
  );
  const text = config('{"Name": "n", "Topics": [{"Name": "t", "Subscriptions": [{"Name": "s"}]}]}');
  const [topic] = (await parseTopologyFile(text, 'Config.json')).namespace.topics;
  const { defaultMessageTimeToLive, duplicateDetectionHistoryTimeWindow } = topic?.description ?? {};
  assert.deepEqual([defaultMessageTimeToLive, duplicateDetectionHistoryTimeWindow], ['PT1H', 'PT20S']);
  const subscription = topic?.subscriptions[0]?.description;
  assert.deepEqual(
    [subscription?.maxDeliveryCount, subscription?.defaultMessageTimeToLive, subscription?.lockDuration],
    [3, 'PT1H', 'PT1M'],
  );
  const ours = (await parseTopologyFile('queues: [{name: q}]', 'f.yaml')).namespace.queues[0];
  assert.deepEqual([ours?.maxDeliveryCount, ours?.defaultMessageTimeToLive], [10, FOREVER]);
});

test('the emulator’s limits are none: values within those of Service Bus are taken, and so are its other properties', async () => {
  const queue = `{"Name": "q", "Properties": {"DefaultMessageTimeToLive": "P14D", "MaxDeliveryCount": 2000,
    "DuplicateDetectionHistoryTimeWindow": "P7D", "AutoDeleteOnIdle": "P1D", "MaxSizeInMegabytes": 5120, "UserMetadata": "ours"}}`;
  const many = Array.from({ length: 200 }, (_, n) => `{"Name": "q${n}"}`).join();
  const { namespace } = await parseTopologyFile(
    config(`{"Name": "mine", "Queues": [${queue}, ${many}]}`),
    'Config.json',
  );
  assert.equal(namespace.queues.length, 201);
  const [q] = namespace.queues;
  assert.deepEqual([q?.maxDeliveryCount, q?.autoDeleteOnIdle, q?.userMetadata], [2000, 'P1D', 'ours']);
});

test('a window that only the emulator takes becomes the shortest that Service Bus takes, with a remark', async () => {
  const queue = (window: string): string =>
    config(`{"Queues": [{"Name": "q", "Properties": {"DuplicateDetectionHistoryTimeWindow": "${window}"}}]}`);
  const { namespace, remarks } = await parseTopologyFile(queue('PT5S'), 'Config.json');
  assert.equal(namespace.queues[0]?.duplicateDetectionHistoryTimeWindow, 'PT20S');
  assert.deepEqual(remarks, [
    'Config.json:1:112: UserConfig.Namespaces[0].Queues[0].Properties.DuplicateDetectionHistoryTimeWindow: PT5S is less than Service Bus takes; it is PT20S',
  ]);
  assert.match((await refusals(queue('PT1S'), 'Config.json'))[0] ?? '', /'PT1S' must be .* from PT20S to P7D/);
});

test('a file is the emulator’s by UserConfig at its top, also in YAML', async () => {
  const text = 'UserConfig: {Namespaces: [{Queues: [{Name: q}]}]}';
  assert.equal((await parseTopologyFile(text, 'f.yaml')).format, 'emulator');
  assert.match(
    (await refusals('{"userConfig": {"Namespaces": []}}', 'Config.json'))[0] ?? '',
    /unknown property 'userConfig'; known are/,
  );
});

test('everything that is wrong in a Config.json is said at once, with the file’s own names', async () => {
  const text = `{"UserConfig": {
  "Namespace": [],
  "Namespaces": [{
    "Queues": [
      {"Name": "a~b", "Properties": {"LockDuration": "PT1S", "maxDeliveryCount": 3}},
      {"Name": "q", "Properties": {"RequiresSession": "true", "MaxDeliveryCount": 0, "DefaultMessageTimeToLive": "P1Y"}},
      {"name": "r"}
    ],
    "Topics": [
      {"Name": "Q", "Subscriptions": [
        {"Name": "s", "Rules": [
          {"Name": "r", "Properties": {"FilterType": "SQL", "SqlFilter": {"SqlExpression": ""}}},
          {"Name": "e", "Properties": {"CorrelationFilter": {}}},
          {"Name": "f", "Properties": {"FilterType": "Sql", "SqlFilter": {"Expression": "a"}, "CorrelationFilter": {"Label": 1}}},
          {"Name": "g"}
        ]}
      ]}
    ]
  }]
}}`;
  const at = 'UserConfig.Namespaces[0]';
  const rule = `${at}.Topics[0].Subscriptions[0].Rules`;
  assert.deepEqual(await refusals(text, 'Config.json'), [
    "Config.json:2:3: UserConfig.Namespace: unknown property 'Namespace'; did you mean 'Namespaces'?",
    `Config.json:5:16: ${at}.Queues[0].Name: must be letters, digits and . - _ / and begin and end with a letter or digit, not 'a~b'`,
    `Config.json:5:54: ${at}.Queues[0].Properties.LockDuration: 'PT1S' must be an ISO 8601 duration from PT5S to PT5M`,
    `Config.json:5:62: ${at}.Queues[0].Properties.maxDeliveryCount: unknown property 'maxDeliveryCount'; did you mean 'MaxDeliveryCount'?`,
    `Config.json:6:55: ${at}.Queues[1].Properties.RequiresSession: must be true or false, not 'true'; write it without quotes`,
    `Config.json:6:83: ${at}.Queues[1].Properties.MaxDeliveryCount: must be at least 1, not 0`,
    `Config.json:6:114: ${at}.Queues[1].Properties.DefaultMessageTimeToLive: 'P1Y' must be an ISO 8601 duration from PT1S to ${FOREVER}`,
    `Config.json:7:7: ${at}.Queues[2].Name: is missing`,
    `Config.json:7:8: ${at}.Queues[2].name: unknown property 'name'; did you mean 'Name'?`,
    `Config.json:10:16: ${at}.Topics[0].Name: 'Q' is taken by queue 'q' before it; names must differ in more than case`,
    `Config.json:12:54: ${rule}[0].Properties.FilterType: must be 'Correlation' or 'Sql', not 'SQL'`,
    `Config.json:12:92: ${rule}[0].Properties.SqlFilter.SqlExpression: must not be empty`,
    `Config.json:13:39: ${rule}[1].Properties.FilterType: is missing; it must be 'Correlation' or 'Sql'`,
    `Config.json:13:61: ${rule}[1].Properties.CorrelationFilter: must name at least one property`,
    `Config.json:14:74: ${rule}[2].Properties.SqlFilter.SqlExpression: is missing`,
    `Config.json:14:75: ${rule}[2].Properties.SqlFilter.Expression: unknown property 'Expression'; did you mean 'SqlExpression'?`,
    `Config.json:14:116: ${rule}[2].Properties.CorrelationFilter: does not go with a filter of type SqlFilter; leave out one of the two`,
    `Config.json:15:11: ${rule}[3].Properties: is missing`,
  ]);
});

test('a broker is one namespace', async () => {
  for (const namespaces of ['', '{"Name": "a"}, {"Name": "b"}'])
    assert.match(
      (await refusals(config(namespaces), 'Config.json'))[0] ?? '',
      /Namespaces: must be a list of one namespace/,
    );
});
