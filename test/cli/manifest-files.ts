/** Configurations that jobs can have, for the tests of their manifests. */

/** Everything that a file can have but what excludes something else. */
export const WHOLE = `# what the team runs
connection: { connectionString: "\${RETRAIN_CONNECTION_STRING}" }
queues: { requests: "\${RETRAIN_QUEUE:-requests}", intake: events }
registry: { azureBlob: { container: models, accountUrl: "\${ACCOUNT_URL}", sas: "\${SAS}" } }
worker: { grace: 90s }
models:
  births:
    maxRuntime: 2h
    trainer: { command: [python, train.py] }
    gate: { metric: mae, direction: minimize }
    monitors:
      - { name: mae, source: { csv: errors.csv }, metric: mae, ratio: 1.5, window: { every: 7d } }
  churn:
    maxRuntime: 30m
    trainer: { module: ./train.mjs }
    gate: { metric: auc, direction: maximize }
intake:
  rules: [{ when: { type: Microsoft.Storage.BlobCreated }, model: births }]
notify: [{ on: [rejected], webhook: { url: "\${ALERT_URL}" } }]
`;

/** Signs in by Entra ID, trains in Jobs of the cluster, listens for HTTP. */
export const IN_THE_CLUSTER = `connection: { fullyQualifiedNamespace: contoso.servicebus.windows.net }
registry: { mlflow: { trackingUri: https://mlflow.example.net, token: "\${MLFLOW_TOKEN}" } }
listen: { host: 0.0.0.0, port: 8080, tokens: ["\${RETRAIN_TOKEN}"] }
defaults: { gate: { metric: mae, direction: minimize } }
models:
  north: { trainer: { kubernetes: { jobTemplate: ./job.yaml } } }
  south: { trainer: { kubernetes: { jobTemplate: ./job.yaml, namespace: training, logs: false } } }
  '*': { maxRuntime: 1h, trainer: { http: { url: https://training.example.net/runs } } }
intake:
  rules: [{ when: { type: Microsoft.Storage.BlobCreated }, model: north }]
`;

export const CLIENT_ID = '00000000-0000-4000-8000-000000000001';
export const SCALER_CLIENT_ID = '00000000-0000-4000-8000-000000000002';
export const IMAGE = 'registry.example.com/retrain:1';
