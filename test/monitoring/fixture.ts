import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of test/monitoring/fixtures, which make.py writes there: the outputs of River, SciPy and Evidently. */
export function fixture(name: string): unknown {
  const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'monitoring', 'fixtures');
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}
