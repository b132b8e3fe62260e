import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The folder of Pulumi.yaml; tests run there. */
export const infra = process.cwd();

interface ConfigKey {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object';
  readonly description: string;
  readonly default: unknown;
}

/** The keys of Pulumi.yaml, without their project. */
export function projectConfig(): Readonly<Record<string, ConfigKey>> {
  return (parse(readFileSync(join(infra, 'Pulumi.yaml'), 'utf8')) as { config: Record<string, ConfigKey> }).config;
}

/**
 * The configuration of a stack as the engine hands it to the program: the defaults of Pulumi.yaml, over them the stack's file if it has one,
 * over that the overrides. Keys are given without their project and come out with it; values that are no texts are JSON.
 */
export function stackConfig(stack: string, overrides: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  const defaults = Object.entries(projectConfig()).map(
    ([key, { default: value }]) => [`retrain:${key}`, value] as const,
  );
  const file = join(infra, `Pulumi.${stack}.yaml`);
  const own = existsSync(file) ? (parse(readFileSync(file, 'utf8')) as { config: Record<string, unknown> }).config : {};
  const over = Object.entries(overrides).map(([key, value]) => [`retrain:${key}`, value] as const);
  const merged = { ...Object.fromEntries(defaults), ...own, ...Object.fromEntries(over) };
  return Object.fromEntries(
    Object.entries(merged).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
