import type { RegisterResourceRequest } from '@pulumi/pulumi/proto/resource_pb';
import { shown } from './wire';
import type { Wire, WireObject } from './wire';

/** A resource that the program has registered. */
export interface Registration {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** URN; an empty text for the stack itself. */
  readonly parent: string;
  readonly custom: boolean;
  /** As the provider has checked them, with signatures. */
  readonly inputs: WireObject;
  /** Its properties after it was made, with signatures: inputs, and what the provider has answered. In a preview the inputs. */
  readonly state: WireObject;
  /** URNs of everything that it waits for. */
  readonly dependencies: readonly string[];
  readonly propertyDependencies: ReadonlyMap<string, readonly string[]>;
  /** Of the provider's SDK; an empty text for a component. */
  readonly version: string;
  /** Options that are set. */
  readonly options: ResourceOptions;
}

export interface ResourceOptions {
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly deleteBeforeReplace?: boolean;
  readonly deletedWith?: string;
  readonly importId?: string;
  readonly provider?: string;
  readonly ignoreChanges?: readonly string[];
  readonly replaceOnChanges?: readonly string[];
  readonly additionalSecretOutputs?: readonly string[];
  readonly replaceWith?: readonly string[];
  readonly customTimeouts?: Readonly<Record<string, string>>;
  readonly aliases?: readonly Wire[];
}

/** As the CLI makes it: the types from the outermost component to the resource, without the stack. */
export function urnOf(request: RegisterResourceRequest, project: string, stack: string): string {
  const parentTypes = request.getParent().split('::')[2] ?? '';
  const types = parentTypes === '' || parentTypes === 'pulumi:pulumi:Stack' ? '' : `${parentTypes}$`;
  return `urn:pulumi:${stack}::${project}::${types}${request.getType()}::${request.getName()}`;
}

export function registrationOf(request: RegisterResourceRequest, urn: string, inputs: WireObject): Registration {
  const propertyDependencies = new Map<string, readonly string[]>();
  for (const [property, dependencies] of request.getPropertydependenciesMap().entries())
    propertyDependencies.set(property, [...dependencies.getUrnsList()].sort());
  return {
    urn,
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent(),
    custom: request.getCustom(),
    inputs,
    state: inputs,
    dependencies: [...request.getDependenciesList()].sort(),
    propertyDependencies,
    version: request.getVersion(),
    options: optionsOf(request),
  };
}

function optionsOf(request: RegisterResourceRequest): ResourceOptions {
  const timeouts = request.getCustomtimeouts()?.toObject() ?? {};
  const set = Object.entries(timeouts).filter(([, value]) => value !== '');
  const aliases = request.getAliasesList().map((alias) => alias.toObject());
  // Every resource of azure-native comes with the names that its type has had; they are the SDK's matter.
  const own = aliases.filter((alias) => (alias.urn ?? '') !== '' || !alias.spec?.type?.startsWith('azure-native:'));
  return {
    ...(request.hasProtect() && { protect: request.getProtect() === true }),
    ...(request.hasRetainondelete() && { retainOnDelete: request.getRetainondelete() === true }),
    ...(request.getDeletebeforereplacedefined() && { deleteBeforeReplace: request.getDeletebeforereplace() }),
    ...(request.getDeletedwith() !== '' && { deletedWith: request.getDeletedwith() }),
    ...(request.getImportid() !== '' && { importId: request.getImportid() }),
    ...(request.getProvider() !== '' && { provider: request.getProvider() }),
    ...list('ignoreChanges', request.getIgnorechangesList()),
    ...list('replaceOnChanges', request.getReplaceonchangesList()),
    ...list('additionalSecretOutputs', request.getAdditionalsecretoutputsList()),
    ...list('replaceWith', request.getReplaceWithList()),
    ...(set.length > 0 && { customTimeouts: Object.fromEntries(set) as Record<string, string> }),
    ...(own.length > 0 && { aliases: own.map((alias) => shown(JSON.parse(JSON.stringify(alias)) as Wire)) }),
  };
}

function list(name: string, values: readonly string[]): Record<string, readonly string[]> {
  return values.length > 0 ? { [name]: values } : {};
}
