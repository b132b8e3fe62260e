import { readDraft } from '../../settings/read';
import { checkDraft } from '../../settings/load-settings';
import { type Problem, problemLine } from '../../settings/problem';
import { infra, stackConfig } from '../stack-config';

/** A stack without a file of its own has the defaults of Pulumi.yaml. */
export const STACK = 'unwritten';

/** What is wrong with the defaults of Pulumi.yaml when some settings are others. */
export function problemsOf(overrides: Readonly<Record<string, unknown>>, stack = STACK): readonly Problem[] {
  const config = stackConfig(stack, overrides);
  const keys = Object.keys(config).map((key) => key.slice('retrain:'.length));
  const { draft, problems } = readDraft({ keys, get: (key) => config[`retrain:${key}`] });
  return [...problems, ...checkDraft(draft, { stack, folder: infra })];
}

export function linesOf(overrides: Readonly<Record<string, unknown>>, stack = STACK): readonly string[] {
  return problemsOf(overrides, stack).map((problem) => problemLine('retrain', problem));
}
