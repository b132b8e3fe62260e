import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import description from '../topology.json';
import { checkCombinations } from './combination-checks';
import { durationSeconds } from './duration';
import type { Draft, Key } from './keys';
import { type Problem, SettingsError } from './problem';
import { readDraft } from './read';
import { unknownRegion } from './regions';
import type { Settings, WorkerSettings } from './settings';
import { checkValues } from './value-checks';

/** A secret of a job is part of the request that makes it, and Container Apps keep it as a secret of Kubernetes, which has 1 MiB for all. */
const CONFIGURATION_MAX_BYTES = 256 * 1024;

/**
 * The settings of a stack, checked as a whole before any resource is registered. Paths are relative to `folder`, the one of Pulumi.yaml.
 *
 * @throws SettingsError with all that is wrong, a line each
 */
export function loadSettings(
  stack = pulumi.getStack(),
  project = pulumi.getProject(),
  folder = process.cwd(),
): Settings {
  const config = new pulumi.Config(project);
  const keys = Object.keys(pulumi.runtime.allConfig())
    .filter((key) => key.startsWith(`${project}:`))
    .map((key) => key.slice(project.length + 1));
  const { draft, problems } = readDraft({ keys, get: (key) => config.get(key) });
  const all = [...problems, ...checkDraft(draft, { stack, folder })];
  if (all.length > 0) throw new SettingsError(project, stack, all);

  const complete = draft as Draft;
  const remark = unknownRegion(complete.location);
  if (remark !== undefined) void pulumi.log.warn(`${project}:location: ${remark}`);
  return settle(complete, { stack, folder });
}

interface Surroundings {
  readonly stack: string;
  readonly folder: string;
}

/** What is wrong with the values that could be read: each by itself, and then those that are right together. */
export function checkDraft(draft: Partial<Draft>, { stack, folder }: Surroundings): readonly Problem[] {
  const named = { ...draft, ...(draft.resourceGroupName === '' && { resourceGroupName: groupName(stack) }) };
  const faults = checkValues(named);
  const faulty = new Set(faults.map(({ key }) => key.replace(/[.[].*$/, '')));
  const right = Object.fromEntries(Object.entries(draft).filter(([key]) => !faulty.has(key))) as Partial<Draft>;
  return [...faults, ...checkCombinations(right), ...checkConfiguration(right, folder)];
}

function groupName(stack: string): string {
  return `retrain-${stack}`;
}

function checkConfiguration({ worker, configurationFile }: Partial<Draft>, folder: string): readonly Problem[] {
  if (!worker || !configurationFile) return [];
  const limit = configurationFault(resolve(folder, configurationFile));
  if (limit === undefined) return [];
  const remedies = [
    { set: 'configurationFile', to: '../retrain.yaml' } as const,
    { set: 'configurationFile', to: '' } as const,
  ];
  return [{ key: 'configurationFile', value: configurationFile, limit, remedies }];
}

function configurationFault(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return `is not there, looked for at ${path}`;
  if (!stats.isFile()) return 'is no file';
  if (stats.size > CONFIGURATION_MAX_BYTES)
    return `has ${stats.size} bytes, and a configuration has ${CONFIGURATION_MAX_BYTES} at most`;
  return undefined;
}

function settle(draft: Draft, { stack, folder }: Surroundings): Settings {
  return {
    location: draft.location,
    resourceGroupName: draft.resourceGroupName || groupName(stack),
    namespaceName: draft.namespaceName || undefined,
    sku: draft.sku as Settings['sku'],
    capacity: draft.sku === 'Premium' ? draft.capacity || 1 : undefined,
    zoneRedundant: draft.zoneRedundant,
    tags: draft.tags,

    topology: topologySettings(draft),
    protect: draft.protect,

    disableLocalAuth: draft.disableLocalAuth,
    primaryConnectionString: draft.primaryConnectionString as Settings['primaryConnectionString'],
    producerPrincipalIds: draft.producerPrincipalIds,
    workerPrincipalIds: draft.workerPrincipalIds,

    storageReplication: draft.storageReplication as Settings['storageReplication'],
    storageEvents: draft.storageEvents
      ? {
          dataContainerName: draft.dataContainerName,
          blobPrefix: draft.blobPrefix || undefined,
          blobSuffix: draft.blobSuffix || undefined,
        }
      : undefined,
    worker: draft.worker ? workerSettings(draft, folder) : undefined,

    alerts: draft.alerts ? { emails: draft.alertEmails } : undefined,
    diagnostics: draft.diagnostics ? { retentionDays: draft.logRetentionDays } : undefined,
    lock: draft.lock,
    network: {
      addressSpace: draft.privateEndpoint ? draft.networkAddressSpace : undefined,
      allowedIpRanges: draft.allowedIpRanges,
    },
  };
}

function workerSettings(draft: Draft, folder: string): WorkerSettings {
  return {
    image: draft.image,
    imageRegistryId: draft.imageRegistryId || undefined,
    configuration: draft.configurationFile ? readFileSync(resolve(folder, draft.configurationFile), 'utf8') : undefined,
    maxRuntimeSeconds: Math.ceil(durationSeconds(draft.maxRuntime) as number),
    maxExecutions: draft.maxExecutions,
    pollingIntervalSeconds: draft.pollingIntervalSeconds,
    cpu: Number(draft.workerCpu),
    memory: draft.workerMemory,
  };
}

/** The settings that topology.json names; an empty text or 0 is none. */
function topologySettings(draft: Draft): Settings['topology'] {
  const keys = Object.keys(description.settings) as (Key & keyof typeof description.settings)[];
  return Object.fromEntries(keys.map((key) => [key, draft[key] || (draft[key] === false ? false : null)]));
}
