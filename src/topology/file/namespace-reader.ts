import { ContentReader } from '../../document/content-reader.ts';
import type { PathInFile } from '../../document/content-reader.ts';
import { RetrainError } from '../../errors.ts';

/** What the checks of single entities say: `queue 'q': forwardTo: …`. */
const SAID = /^\w+ (?:'[^']*')?: (?:(\w+): )?([\s\S]*)$/;

/** A reader of what declares a namespace. */
export class NamespaceReader extends ContentReader {
  /** `check` throws what is wrong with an entity as a whole. */
  check<T>(check: () => T, inFile: PathInFile): T | undefined {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof RetrainError)) throw error;
      const [, property, reason = error.message] = SAID.exec(error.message) ?? [];
      this.refuse(inFile(property === undefined ? [] : [property]), reason);
      return undefined;
    }
  }
}
