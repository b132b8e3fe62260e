import type { RetrainRequestInput } from '../request.ts';
import { fieldOf, textField } from './any-case.ts';
import type { IntakeEvent } from './intake-event.ts';

type Trigger = RetrainRequestInput['trigger'];
type DataItem = NonNullable<RetrainRequestInput['data']>[number];

/** What an event of a known type means for retraining. */
export interface EventFacts {
  readonly trigger: Trigger;
  readonly data: readonly DataItem[];
  /** Placeholders besides those that every event has. */
  readonly fields: Readonly<Record<string, string>>;
  /** Why a rule that asks nothing of the event's data is not for it; undefined when it is. */
  readonly notByDefault?: string;
}

/** The tag that Azure Machine Learning gives to the run of a monitor whose threshold was crossed. */
export const THRESHOLD_TAG = 'azureml_modelmonitor_threshold_breached';

const BLOB_SUBJECT = /^\/blobServices\/[^/]+\/containers\/([^/]+)\/blobs\/(.+)$/i;
const TEXT_MAX_LENGTH = 200;

/** By type in lower case; field names as Azure's pages on Event Grid's schemas have them. */
const KNOWN: Readonly<Record<string, (event: IntakeEvent) => EventFacts>> = {
  'microsoft.storage.blobcreated': blobCreated,
  'microsoft.machinelearningservices.runstatuschanged': runStatusChanged,
  'microsoft.machinelearningservices.modelregistered': modelRegistered,
  'microsoft.machinelearningservices.datasetdriftdetected': datasetDriftDetected,
};

/** Of a type that is not known, the rule has to say what it means: as such it is new data. */
export function factsOf(event: IntakeEvent): EventFacts {
  const known = KNOWN[event.type.toLowerCase()];
  return known ? known(event) : { trigger: { kind: 'new-data' }, data: [], fields: {} };
}

function blobCreated({ subject, data }: IntakeEvent): EventFacts {
  const [, container, blob] = BLOB_SUBJECT.exec(subject) ?? [];
  const uri = textField(data, 'url');
  const account = uri === undefined ? undefined : /^https?:\/\/([^./:]+)/i.exec(uri)?.[1];
  const etag = shortText(data, 'eTag');
  const contentType = shortText(data, 'contentType');
  const item = uri === undefined ? [] : [{ uri, ...given({ etag, contentType }) }];
  return { trigger: { kind: 'new-data' }, data: item, fields: given({ container, blob, account }) };
}

function runStatusChanged({ data }: IntakeEvent): EventFacts {
  const tag = fieldOf(fieldOf(data, 'runTags'), THRESHOLD_TAG);
  const detector = shortText(data, 'experimentName') ?? shortText(data, 'runId');
  const breached = typeof tag === 'string' ? tag !== '' && tag.toLowerCase() !== 'false' : tag === true;
  return {
    trigger: { kind: 'data-drift', ...given({ detector }) },
    data: [],
    fields: given({ experimentName: textField(data, 'experimentName'), runId: textField(data, 'runId') }),
    // Every run has such events, also those that a training makes.
    ...(!breached && { notByDefault: `the run has no tag ${THRESHOLD_TAG}` }),
  };
}

function modelRegistered({ data }: IntakeEvent): EventFacts {
  const modelName = textField(data, 'modelName');
  const version = fieldOf(data, 'modelVersion');
  const modelVersion = typeof version === 'number' || typeof version === 'string' ? String(version) : undefined;
  const named = modelName !== undefined && modelVersion !== undefined;
  return {
    trigger: { kind: 'new-data' },
    data: named ? [{ uri: `azureml:${modelName}:${modelVersion}`, etag: modelVersion.slice(0, TEXT_MAX_LENGTH) }] : [],
    fields: given({ modelName, modelVersion }),
  };
}

function datasetDriftDetected({ data }: IntakeEvent): EventFacts {
  const detector = shortText(data, 'dataDriftName') ?? shortText(data, 'dataDriftId');
  const coefficient = fieldOf(data, 'driftCoefficient');
  const observed = Number(coefficient);
  const measured = coefficient !== undefined && coefficient !== null && Number.isFinite(observed);
  const [from, to] = [instant(fieldOf(data, 'startTime')), instant(fieldOf(data, 'endTime'))];
  const window = from !== undefined && to !== undefined && from <= to ? { from, to } : undefined;
  return {
    trigger: {
      kind: 'data-drift',
      metric: 'driftCoefficient',
      ...given({ detector }),
      ...(measured && { observed }),
      ...(window && { window }),
    },
    data: [],
    fields: given({ dataDriftName: textField(data, 'dataDriftName') }),
  };
}

function shortText(data: unknown, name: string): string | undefined {
  return textField(data, name)?.slice(0, TEXT_MAX_LENGTH);
}

function instant(value: unknown): string | undefined {
  const time = new Date(typeof value === 'string' || typeof value === 'number' ? value : Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function given<T extends Record<string, string | undefined>>(values: T): { [K in keyof T]: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: string;
  };
}
