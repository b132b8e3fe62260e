import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { metricsSchema } from '../gate.ts';
import { modelPath } from '../model-name.ts';
import { isRemote } from '../trainers/run-result.ts';
import { documentText, parseDocument } from './document-codec.ts';
import { checkedAnswer, tagList, tagsSchema } from './mlflow-answer.ts';
import type { MlflowClient } from './mlflow-client.ts';
import type { MlflowRuns } from './mlflow-runs.ts';
import { championOf, emptyDocument, epochOf } from './registry-document.ts';
import type { RecordedChange, RecordedResult, RegistryDocument } from './registry-document.ts';
import type { AddressOf } from './registry-state.ts';
import { HISTORY_MAX } from './registry.ts';
import type { DocumentStore, StoredDocument } from './registry-stores.ts';

/** Characters of a tag of a registered model (MLflow's MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH). */
const TAG_MAX_LENGTH = 100_000;
/** Registered models that are asked for at a time, and versions of one. */
const PAGE = 200;
const VERSIONS_MAX = 1000;

const DOCUMENT_TAG = 'retrain.registry';
const PUBLISHED_TAG = 'retrain.published';

const modelSchema = z.object({
  name: z.string(),
  tags: tagsSchema,
  aliases: z.array(z.object({ alias: z.string(), version: z.coerce.string() })).default([]),
  last_updated_timestamp: z.coerce.number().default(0),
});
type MlflowModel = z.output<typeof modelSchema>;

const versionSchema = z.object({ version: z.coerce.string(), source: z.string().default(''), tags: tagsSchema });
type MlflowVersion = z.output<typeof versionSchema>;

/** What the aliases were when they had been brought in line with a document. */
const publishedSchema = z.object({
  of: z.string(),
  champion: z.string().nullable(),
  challenger: z.string().nullable(),
});

export interface MlflowDocumentsOptions {
  readonly client: MlflowClient;
  readonly runs: MlflowRuns;
  readonly addressIn: (model: string) => AddressOf;
}

/**
 * Documents as a tag of MLflow's registered models. MLflow has no conditional write: the tag is read once more just before it
 * is written, and whoever writes in the moment between is not noticed. The aliases `champion` and `challenger` name versions of
 * the registered model, one for each artifact. When somebody moves `champion` in MLflow, that counts as a rollback.
 */
export class MlflowDocuments implements DocumentStore {
  readonly #client: MlflowClient;
  readonly #runs: MlflowRuns;
  readonly #addressIn: MlflowDocumentsOptions['addressIn'];

  constructor({ client, runs, addressIn }: MlflowDocumentsOptions) {
    this.#client = client;
    this.#runs = runs;
    this.#addressIn = addressIn;
  }

  async all(): Promise<RegistryDocument[]> {
    const documents: RegistryDocument[] = [];
    const answerSchema = z.object({
      registered_models: z.array(modelSchema).default([]),
      next_page_token: z.string().optional(),
    });
    for (let token: string | undefined = ''; token !== undefined;) {
      const query: Record<string, string> = { max_results: String(PAGE), ...(token !== '' && { page_token: token }) };
      const answer = await this.#client.ask({ method: 'GET', path: 'registered-models/search', query });
      const page: z.output<typeof answerSchema> = checkedAnswer(answerSchema, answer, 'registered-models/search');
      for (const found of page.registered_models) {
        const text = tagOf(found, DOCUMENT_TAG);
        const stored =
          text === undefined ? undefined : await this.read(parseDocument(text, { path: placeIn(found) }).model);
        if (stored) documents.push(stored.document);
      }
      token = page.next_page_token === '' ? undefined : page.next_page_token;
    }
    return documents;
  }

  async read(model: string): Promise<StoredDocument | undefined> {
    const found = await this.#model(model);
    return found && this.#stored(model, found);
  }

  async replace(model: string, next: RegistryDocument, version: string | undefined): Promise<boolean> {
    const text = JSON.stringify(JSON.parse(documentText(next)));
    if (text.length > TAG_MAX_LENGTH)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `the history of ${model} takes ${text.length} characters, a tag of MLflow has ${TAG_MAX_LENGTH}: set registry.mlflow.history lower`,
      );
    const found = await this.#model(model);
    if ((found && versionOf(found)) !== version) return false;
    if (!found) {
      const body = { name: nameOf(model), tags: tagList({ 'retrain.model': model }) };
      await this.#client
        .ask({ method: 'POST', path: 'registered-models/create', body, once: true })
        .catch(async (error) => {
          if (!(await this.#model(model))) throw error;
        });
    }
    await this.#tag(model, DOCUMENT_TAG, text);
    return true;
  }

  async publish(model: string): Promise<void> {
    const found = await this.#model(model);
    if (!found) return;
    const text = tagOf(found, DOCUMENT_TAG);
    if (text === undefined || publishedOf(found)?.of === hashOf(text)) return;
    const { document } = await this.#stored(model, found);
    const versions = await this.#versions(model);
    const champion = await this.#point(model, 'champion', { one: championOf(document), found, versions });
    const challenger = await this.#point(model, 'challenger', {
      one: document.challenger ?? undefined,
      found,
      versions,
    });
    await this.#tag(model, PUBLISHED_TAG, JSON.stringify({ of: hashOf(text), champion, challenger }));
  }

  /** Has an alias name the version of an artifact, which is made when there is none; returns the version. */
  async #point(
    model: string,
    alias: 'champion' | 'challenger',
    {
      one,
      found,
      versions,
    }: { one: RecordedChange | RecordedResult | undefined; found: MlflowModel; versions: readonly MlflowVersion[] },
  ): Promise<string | null> {
    const name = nameOf(model);
    const present = aliasOf(found, alias);
    if (!one) {
      if (present !== undefined)
        await this.#client.ask({ method: 'DELETE', path: 'registered-models/alias', body: { name, alias } });
      return null;
    }
    const known = versions.find((version) => artifactOf(version) === one.artifact);
    const version = known?.version ?? (await this.#makeVersion(model, one));
    if (present !== version)
      await this.#client.ask({ method: 'POST', path: 'registered-models/alias', body: { name, alias, version } });
    return version;
  }

  async #makeVersion(model: string, one: RecordedChange | RecordedResult): Promise<string> {
    const { runId, epoch, artifact, digest, metrics } = one;
    const run = await this.#runs.ensure(model, one);
    const tags = tagList({
      'retrain.run_id': runId,
      'retrain.epoch': String(epoch),
      'retrain.digest': digest,
      'retrain.artifact': artifact,
      'retrain.metrics': JSON.stringify(metrics),
    });
    // Of what lives elsewhere MLflow knows only the run: by default it refuses addresses of other hosts.
    const source = isRemote(artifact)
      ? `mlflow-artifacts:/${run.experiment}/${run.id}/artifacts`
      : this.#addressIn(model)(artifact);
    const answer = await this.#client.ask({
      method: 'POST',
      path: 'model-versions/create',
      body: { name: nameOf(model), source, run_id: run.id, tags },
      once: true,
    });
    const schema = z.object({ model_version: versionSchema });
    return checkedAnswer(schema, answer, 'model-versions/create').model_version.version;
  }

  async #stored(model: string, found: MlflowModel): Promise<StoredDocument> {
    const text = tagOf(found, DOCUMENT_TAG);
    const parsed = text === undefined ? undefined : parseDocument(text, { path: placeIn(found), model });
    if (parsed?.format === 1) throw new RetrainError('DATA_VERSION', `${placeIn(found)} has format 1: remove the tag`);
    const document = parsed?.document ?? emptyDocument(model);
    return { document: await this.#adopted(document, found, text), version: versionOf(found) };
  }

  /** Somebody has moved the alias since it was brought in line with the document: a change that MLflow was told, not we. */
  async #adopted(document: RegistryDocument, found: MlflowModel, text: string | undefined): Promise<RegistryDocument> {
    const version = aliasOf(found, 'champion');
    const published = publishedOf(found);
    const inLine = text !== undefined && (published?.of !== hashOf(text) || published.champion === version);
    if (version === undefined || inLine) return document;
    const query = { name: found.name, version };
    const answer = await this.#client.ask({ method: 'GET', path: 'model-versions/get', query });
    if (answer === undefined) return document;
    const there = checkedAnswer(z.object({ model_version: versionSchema }), answer, 'model-versions/get').model_version;
    const artifact = artifactOf(there);
    if (artifact === championOf(document)?.artifact) return document;
    const change: RecordedChange = {
      runId: tagOf(there, 'retrain.run_id') ?? `mlflow-version-${version}`,
      epoch: epochOf(document) + 1,
      artifact,
      digest: tagOf(there, 'retrain.digest') ?? hashOf(artifact),
      metrics: metricsIn(tagOf(there, 'retrain.metrics')),
      promotedAt: new Date(found.last_updated_timestamp).toISOString(),
      how: 'rolled-back',
      by: 'MLflow',
      reason: `the alias champion was set to version ${version}`,
    };
    return { ...document, history: [change, ...document.history].slice(0, HISTORY_MAX) };
  }

  async #versions(model: string): Promise<MlflowVersion[]> {
    const query = {
      filter: `name='${nameOf(model)}'`,
      max_results: String(VERSIONS_MAX),
      order_by: 'version_number DESC',
    };
    const answer = await this.#client.ask({ method: 'GET', path: 'model-versions/search', query });
    const schema = z.object({ model_versions: z.array(versionSchema).default([]) });
    return checkedAnswer(schema, answer, 'model-versions/search').model_versions;
  }

  async #model(model: string): Promise<MlflowModel | undefined> {
    const path = 'registered-models/get';
    const answer = await this.#client.ask({ method: 'GET', path, query: { name: nameOf(model) } });
    if (answer === undefined) return undefined;
    return checkedAnswer(z.object({ registered_model: modelSchema }), answer, path).registered_model;
  }

  async #tag(model: string, key: string, value: string): Promise<void> {
    const body = { name: nameOf(model), key, value };
    const answer = await this.#client.ask({ method: 'POST', path: 'registered-models/set-tag', body });
    if (answer === undefined)
      throw new RetrainError('REGISTRY_CONFLICT', `somebody removed ${nameOf(model)} from MLflow: try again`);
  }
}

/** MLflow takes no `/` and no `:` in names, and none that looks like a path. */
export function nameOf(model: string): string {
  return /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(model) ? model : modelPath(model);
}

function tagOf(
  { tags }: { readonly tags: readonly { key: string; value: string }[] },
  key: string,
): string | undefined {
  return tags.find((tag) => tag.key === key)?.value;
}

/** As documents name it; of a version that others have made, where MLflow has it. */
function artifactOf(version: MlflowVersion): string {
  return tagOf(version, 'retrain.artifact') ?? version.source;
}

function aliasOf({ aliases }: MlflowModel, alias: string): string | undefined {
  return aliases.find((one) => one.alias === alias)?.version;
}

function publishedOf(found: MlflowModel): z.output<typeof publishedSchema> | undefined {
  try {
    return publishedSchema.parse(JSON.parse(tagOf(found, PUBLISHED_TAG) ?? ''));
  } catch {
    // Ours or not, it only saves work: without it, everything is brought in line again.
    return undefined;
  }
}

function versionOf(found: MlflowModel): string {
  return hashOf(`${tagOf(found, DOCUMENT_TAG) ?? ''} ${aliasOf(found, 'champion') ?? ''}`);
}

function metricsIn(text: string | undefined): RecordedChange['metrics'] {
  try {
    return metricsSchema.parse(JSON.parse(text ?? ''));
  } catch {
    return { challenger: {} };
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function placeIn({ name }: MlflowModel): string {
  return `the tag ${DOCUMENT_TAG} of the registered model ${name} in MLflow`;
}
