import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** A value of Pulumi.yaml or Pulumi.<stack>.yaml. */
type Setting = string | number | boolean | null | Setting[] | { readonly [key: string]: Setting };

interface Declaration {
  readonly type: string;
  readonly items?: { readonly type: string };
  readonly default?: Setting;
}

export interface StackConfiguration {
  readonly project: string;
  /** Key with project to text, as the program gets it: what is not a text as JSON. */
  readonly values: ReadonlyMap<string, string>;
  readonly secretKeys: readonly string[];
}

export interface ConfigurationOptions {
  /** Set over the stack's file, as `pulumi config set` does; without a project that of Pulumi.yaml. */
  readonly set?: Readonly<Record<string, Setting>>;
  /** Of those, the ones that are set with `--secret`. */
  readonly secretKeys?: readonly string[];
}

/** The CLI refuses the settings before it starts the program. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * What a stack is configured with, as the CLI merges it: the stack's file over the defaults of Pulumi.yaml, checked against the types that
 * Pulumi.yaml declares.
 */
export function stackConfiguration(
  folder: string,
  stack: string,
  options: ConfigurationOptions = {},
): StackConfiguration {
  const project = readYaml(join(folder, 'Pulumi.yaml')) as {
    readonly name: string;
    readonly config?: Readonly<Record<string, Declaration>>;
  };
  const stackFile = readYaml(join(folder, `Pulumi.${stack}.yaml`)) as {
    readonly config?: Readonly<Record<string, Setting>>;
  } | null;
  const qualified = (key: string): string => (key.includes(':') ? key : `${project.name}:${key}`);
  const settings = new Map<string, Setting>(Object.entries(stackFile?.config ?? {}));
  for (const [key, value] of Object.entries(options.set ?? {})) settings.set(qualified(key), value);

  for (const [key, declaration] of Object.entries(project.config ?? {})) {
    const value = settings.get(qualified(key));
    if (value !== undefined && !fits(declaration, value))
      throw new ConfigurationError(
        `validating stack config: Stack '${stack}' with configuration key '${key}' must be of type '${typeName(declaration)}'`,
      );
    if (value === undefined && declaration.default !== undefined) settings.set(qualified(key), declaration.default);
  }

  const sorted = [...settings].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    project: project.name,
    values: new Map(sorted.map(([key, value]) => [key, asText(value)])),
    secretKeys: (options.secretKeys ?? []).map(qualified),
  };
}

function readYaml(file: string): unknown {
  return parse(readFileSync(file, 'utf8'));
}

function fits({ type, items }: Declaration, value: Setting): boolean {
  switch (type) {
    case 'string':
      return typeof value !== 'object';
    case 'boolean':
      return value === true || value === false || value === 'true' || value === 'false';
    case 'integer':
      return (typeof value === 'number' || typeof value === 'string') && /^[+-]?\d+$/.test(String(value));
    case 'array':
      return Array.isArray(value) && (items === undefined || value.every((item) => fits(items, item)));
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      throw new Error(`Pulumi.yaml declares the type ${type}, which the test engine does not know`);
  }
}

function typeName({ type, items }: Declaration): string {
  return items === undefined ? type : `${type}<${items.type}>`;
}

function asText(value: Setting): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
