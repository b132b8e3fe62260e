import type { ProgramRun } from '../engine/run-program';
import type { WireObject } from '../engine/wire';
import type { AnalyzedResource } from './policy-pack';

/** A run as the policies see it. */
export function analyzedPlan(run: ProgramRun): AnalyzedResource[] {
  return run.registrations.map(({ urn, type, name, parent, custom, inputs, state, options, ...registration }) => ({
    urn,
    type,
    name,
    parent,
    protect: options.protect === true,
    inputs,
    outputs: custom ? state : (run.outputs.get(urn) ?? {}),
    dependencies: registration.dependencies,
    propertyDependencies: registration.propertyDependencies,
  }));
}

/** The plan with properties of one resource changed; undefined takes one away. */
export function withProperties(
  plan: readonly AnalyzedResource[],
  name: string,
  properties: Readonly<Record<string, WireObject[string] | undefined>>,
): AnalyzedResource[] {
  return withResource(plan, name, (resource) => ({
    ...resource,
    inputs: changed(resource.inputs, properties),
    outputs: changed(resource.outputs, properties),
  }));
}

/** The plan with one resource changed, which has to be in it once. */
export function withResource(
  plan: readonly AnalyzedResource[],
  name: string,
  change: (resource: AnalyzedResource) => AnalyzedResource,
): AnalyzedResource[] {
  const one = only(plan, name);
  return plan.map((resource) => (resource === one ? change(resource) : resource));
}

export function withoutResource(plan: readonly AnalyzedResource[], name: string): AnalyzedResource[] {
  const one = only(plan, name);
  return plan.filter((resource) => resource !== one);
}

/** Components may be called as what is in them. */
function only(plan: readonly AnalyzedResource[], name: string): AnalyzedResource {
  const [one, ...others] = plan.filter(
    (resource) => resource.name === name && resource.type.startsWith('azure-native:'),
  );
  if (one === undefined || others.length > 0) throw new Error(`the plan has not one ${name}`);
  return one;
}

function changed(object: WireObject, properties: Readonly<Record<string, WireObject[string] | undefined>>): WireObject {
  const entries = Object.entries({ ...object, ...properties });
  return Object.fromEntries(entries.filter((entry): entry is [string, WireObject[string]] => entry[1] !== undefined));
}
