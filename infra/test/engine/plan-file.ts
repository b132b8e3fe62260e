import { join } from 'node:path';
import { PROGRAM_FOLDER } from './run-program';
import type { Stack } from './stacks';

/** The reviewed plan of a stack. */
export function planFile(stack: Stack): string {
  return join(PROGRAM_FOLDER, 'test', 'plans', `${stack}.json`);
}
