import { holdsSecret, shown } from './wire';
import type { ProgramRun } from './run-program';
import type { Registration, ResourceOptions } from './registration';
import type { Wire, WireObject } from './wire';

/** Everything that a stack would make, as a reviewer reads it. Secrets are not in it. */
export interface Plan {
  readonly stack: string;
  /** As `azure-native 3.28.0`. */
  readonly provider: string;
  /** Each behind its parent, siblings in alphabetical order. */
  readonly resources: readonly PlannedResource[];
  readonly outputs: Wire;
}

export interface PlannedResource {
  /** Type and name, without the provider: `servicebus:Queue requests`. */
  readonly resource: string;
  readonly parent?: string;
  readonly inputs?: Wire;
  /** Resources that it waits for, its parent left out. */
  readonly dependencies?: readonly string[];
  readonly options?: ResourceOptions;
  readonly outputs?: Wire;
}

const PROVIDER = 'azure-native';

export function planOf(run: ProgramRun): Plan {
  const labels = new Map(run.registrations.map((registration) => [registration.urn, labelOf(registration)]));
  const labelled = (urn: string): string => labels.get(urn) ?? urn;
  const resources = inTreeOrder(run.registrations).map((registration) => {
    const outputs = registration.parent === '' ? undefined : run.outputs.get(registration.urn);
    return plannedResource(registration, outputs, labelled);
  });
  const versions = new Set(run.registrations.filter(({ custom }) => custom).map(({ version }) => version));
  return {
    stack: run.stack,
    provider: `${PROVIDER} ${[...versions].join(', ')}`,
    resources,
    outputs: shown(run.stackOutputs),
  };
}

/** The plan as the text of its file. */
export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** What differs between two plans, a line each: `servicebus:Queue requests inputs.maxDeliveryCount: 10, was 5`. */
export function planDifferences(reviewed: Plan, actual: Plan): string[] {
  const before = leaves(reviewed);
  const after = leaves(actual);
  const changed = [...after].filter(([path, value]) => before.get(path) !== value);
  const lines = changed.map(([path, value]) => `${path}: ${value}, was ${before.get(path) ?? 'absent'}`);
  const gone = [...before].filter(([path]) => !after.has(path));
  return [...lines, ...gone.map(([path, value]) => `${path}: absent, was ${value}`)].sort();
}

function plannedResource(
  { type, name, parent, inputs, dependencies, options, ...registration }: Registration,
  outputs: WireObject | undefined,
  labelled: (urn: string) => string,
): PlannedResource {
  const others = dependencies.filter((urn) => urn !== parent).map(labelled);
  return {
    resource: labelOf({ type, name }),
    ...(parent !== '' && { parent: labelled(parent) }),
    ...(registration.custom && { inputs: shown(inputs) }),
    ...(others.length > 0 && { dependencies: others.sort() }),
    ...(Object.keys(options).length > 0 && { options }),
    ...(outputs && { outputs: shown(outputs) }),
  };
}

function labelOf({ type, name }: { readonly type: string; readonly name: string }): string {
  const short = type.startsWith(`${PROVIDER}:`) ? type.slice(PROVIDER.length + 1) : type;
  return `${short} ${name}`;
}

function inTreeOrder(registrations: readonly Registration[]): Registration[] {
  const childrenOf = (parent: string): Registration[] =>
    registrations
      .filter((registration) => registration.parent === parent)
      .sort((a, b) => (labelOf(a) < labelOf(b) ? -1 : 1))
      .flatMap((registration) => [registration, ...childrenOf(registration.urn)]);
  return childrenOf('');
}

function leaves(plan: Plan): Map<string, string> {
  const found = new Map<string, string>([['provider', plan.provider]]);
  const visit = (path: string, value: Wire): void => {
    if (value !== null && typeof value === 'object' && Object.keys(value).length > 0)
      for (const [key, item] of Object.entries(value)) visit(`${path}.${key}`, item);
    else found.set(path, JSON.stringify(value));
  };
  for (const { resource, ...rest } of plan.resources) {
    found.set(resource, 'present');
    for (const [key, value] of Object.entries(rest)) visit(`${resource} ${key}`, JSON.parse(JSON.stringify(value)));
  }
  visit('outputs', plan.outputs);
  return found;
}

/** Outputs of a run that are secrets on the wire. */
export function secretOutputs(run: ProgramRun): string[] {
  return Object.keys(run.stackOutputs)
    .filter((name) => holdsSecret(run.stackOutputs[name] ?? null))
    .sort();
}
