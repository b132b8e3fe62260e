import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { isRemote } from '../trainers/run-result.ts';
import { BlobArtifacts } from './blob-artifacts.ts';
import { BlobContainer } from './blob-container.ts';
import type { BlobAccess } from './blob-container.ts';
import { BlobDocuments } from './blob-documents.ts';
import { HISTORY_DEFAULT, REJECTED_DEFAULT } from './registry.ts';
import { StoredRegistry } from './stored-registry.ts';

export interface AzureBlobRegistryOptions extends BlobAccess {
  /** What the names of the registry's blobs begin with, such as `team-a/models`; nothing unless given. */
  readonly prefix?: string | undefined;
  /** Champions of a model that are kept with their artifacts, the present one included; `HISTORY_DEFAULT`. */
  readonly history?: number;
  /** Artifacts of a model that are kept although their runs were not promoted; `REJECTED_DEFAULT`. */
  readonly rejected?: number;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * A registry in a container of Azure Blob Storage, which any host may share:
 *
 *     <prefix>/<model>/registry.json   the document of the model, the truth; replaced by compare-and-set on its ETag
 *     <prefix>/<model>/champion.json   the alias champion, for people and for what serves models
 *     <prefix>/<model>/challenger.json the alias challenger, when there is one
 *     <prefix>/<model>/artifacts/0000000007-<run id>/<name>[/…]
 *     <prefix>/<model>/artifacts/0000000007-<run id>.manifest.json
 *
 * Nothing is connected to before the first use. Raises `CONFIGURATION_INVALID` without a way to sign in.
 */
export class AzureBlobRegistry extends StoredRegistry {
  constructor(options: AzureBlobRegistryOptions) {
    const { files = systemFiles, clock = systemClock, random = systemRandom } = options;
    const { history = HISTORY_DEFAULT, rejected = REJECTED_DEFAULT } = options;
    const container = new BlobContainer(options);
    const prefix = options.prefix === undefined ? '' : `${options.prefix}/`;
    const artifacts = new BlobArtifacts({ container, prefix, files });
    const documents = new BlobDocuments({
      container,
      prefix,
      addressIn: (model) => (artifact) => (isRemote(artifact) ? artifact : artifacts.addressOf(model, artifact)),
    });
    super({ documents, artifacts, retention: { history, rejected }, files, clock, random });
  }
}
