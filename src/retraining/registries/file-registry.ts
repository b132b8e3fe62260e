import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { isRemote } from '../trainers/run-result.ts';
import { FileArtifacts } from './file-artifacts.ts';
import { FileDocuments } from './file-documents.ts';
import { HISTORY_DEFAULT, REJECTED_DEFAULT } from './registry.ts';
import { StoredRegistry } from './stored-registry.ts';

export interface FileRegistryOptions {
  /** Absolute; made when missing. */
  readonly folder: string;
  /** Champions of a model that are kept with their artifacts, the present one included; `HISTORY_DEFAULT`. */
  readonly history?: number;
  /** Artifacts of a model that are kept although their runs were not promoted; `REJECTED_DEFAULT`. */
  readonly rejected?: number;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * A registry in a folder of one host:
 *
 *     <folder>/<model>/champion.json            the alias champion, for people and for what serves models
 *     <folder>/<model>/challenger.json          the alias challenger, when there is one
 *     <folder>/<model>/champion.0000000007.json the document of the model; the one with the highest number is the truth
 *     <folder>/<model>/artifacts/0000000007-<run id>/<name>
 *
 * The aliases are written last; a crash in between is repaired by the repeated change, or by the next one.
 */
export class FileRegistry extends StoredRegistry {
  constructor(options: FileRegistryOptions) {
    const { folder, files = systemFiles, clock = systemClock, random = systemRandom } = options;
    const { history = HISTORY_DEFAULT, rejected = REJECTED_DEFAULT } = options;
    const artifacts = new FileArtifacts({ folder, files, random });
    const documents = new FileDocuments({
      folder,
      files,
      addressIn: (model) => (artifact) => (isRemote(artifact) ? artifact : artifacts.addressOf(model, artifact)),
    });
    super({ documents, artifacts, retention: { history, rejected }, files, clock, random });
  }
}
