// Events as Azure's services send them, by the field names of their documented schemas.

const WORKSPACE = '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/births';
const ACCOUNT = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/births';

/** A file was written, in the Event Grid schema. */
export function blobCreated(
  path = 'raw/us/2024.csv',
  { eTag = '0x8D4BCC2E4835CD0', id = `blob-${path}` }: { eTag?: string; id?: string } = {},
): Record<string, unknown> {
  const [container = '', ...rest] = path.split('/');
  return {
    topic: ACCOUNT,
    subject: `/blobServices/default/containers/${container}/blobs/${rest.join('/')}`,
    eventType: 'Microsoft.Storage.BlobCreated',
    eventTime: '2026-01-31T18:41:00.9584103Z',
    id,
    data: {
      api: 'PutBlockList',
      requestId: 'r',
      eTag,
      contentType: 'text/csv',
      contentLength: 524288,
      blobType: 'BlockBlob',
      url: `https://births.blob.core.windows.net/${path}`,
      sequencer: '00000000000004420000000000028963',
    },
    dataVersion: '',
    metadataVersion: '1',
  };
}

/** The run of a monitor ended with its threshold crossed, as a CloudEvent with capital letters in its data. */
export function thresholdBreached(runTags: Record<string, string> = BREACHED): Record<string, unknown> {
  return {
    specversion: '1.0',
    source: WORKSPACE,
    subject: 'experiments/births-monitor/runs/run-1',
    type: 'Microsoft.MachineLearningServices.RunStatusChanged',
    time: '2026-02-01T06:00:00Z',
    id: 'status-1',
    data: {
      ExperimentId: 'e',
      ExperimentName: 'births-monitor',
      RunId: 'run-1',
      RunType: 'azureml.PipelineRun',
      RunStatus: 'Failed',
      RunTags: runTags,
      RunProperties: {},
    },
  };
}

const BREACHED = { azureml_modelmonitor_threshold_breached: 'a feature is over its threshold', stage: 'production' };

export function datasetDriftDetected(): Record<string, unknown> {
  return {
    topic: WORKSPACE,
    subject: 'datadrifts/d/runs/r',
    eventType: 'Microsoft.MachineLearningServices.DatasetDriftDetected',
    eventTime: '2026-02-01T07:00:00Z',
    id: 'drift-1',
    data: {
      dataDriftId: 'd',
      dataDriftName: 'births-drift',
      runId: 'r',
      baseDatasetId: 'b',
      targetDatasetId: 't',
      driftCoefficient: 0.83,
      startTime: '2026-01-01T00:00:00',
      endTime: '2026-01-31T00:00:00',
    },
    dataVersion: '1',
  };
}

export function modelRegistered(): Record<string, unknown> {
  return {
    source: WORKSPACE,
    subject: 'models/embedding:20',
    type: 'Microsoft.MachineLearningServices.ModelRegistered',
    time: '2026-02-01T08:00:00Z',
    id: 'model-1',
    specversion: '1.0',
    data: { ModelName: 'embedding', ModelVersion: 20, ModelTags: { area: 'text' }, ModelProperties: {} },
  };
}
