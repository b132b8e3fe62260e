import * as app from '@pulumi/azure-native/app';
import type * as authorization from '@pulumi/azure-native/authorization';
import * as managedidentity from '@pulumi/azure-native/managedidentity';
import * as pulumi from '@pulumi/pulumi';
import type { WorkerSettings } from '../settings/settings';
import { sendLogs } from './diagnostics';
import { placementOf } from './placement';
import type { Placement } from './placement';
import { assignRole } from './role-assignment';
import type { ROLES } from './role-assignment';
import { jobConfiguration, jobTemplate } from './worker-template';

/** The profile of an environment whose replicas are paid by the second and are none when nothing waits. */
const PROFILE = 'Consumption';
/** Minutes for which a worker accepts models, one after the other: what it begins last has the time of the longest run, too. */
const START_MINUTES = 10;
/**
 * Seconds for all else: the image, before the worker's time begins; the champion; after the run the trainer's grace, the artifact's
 * upload, the outcome.
 */
const END_SECONDS = 1_800;
/** Waiting requests for each worker: any of them may be for a model of its own. */
const REQUESTS_PER_WORKER = 1;
/** Waiting events for each intake, which takes several at a time and what comes meanwhile. */
const EVENTS_PER_INTAKE = 100;
const INTAKE_EXECUTIONS_MAX = 4;
/** Events that the queue of the requests does not take, because it is full, are held for so long, and then given back. */
const INTAKE_SECONDS = 3_600;

export interface WorkerJobArgs extends Placement {
  readonly worker: WorkerSettings;
  readonly namespace: {
    readonly id: pulumi.Input<string>;
    readonly name: pulumi.Input<string>;
    /** Fully qualified, as contoso.servicebus.windows.net. */
    readonly host: pulumi.Input<string>;
  };
  readonly requests: Entity;
  readonly outcomes: Entity;
  /** Undefined without storage events: then nothing takes events here. */
  readonly intake: Entity | undefined;
  readonly storage: {
    readonly registryContainerId: pulumi.Input<string>;
    readonly registryContainerUrl: pulumi.Input<string>;
    /** Undefined: no container of data is known here. */
    readonly dataContainerId: pulumi.Input<string> | undefined;
  };
  /** Log Analytics workspace for what the workers print; undefined: it is seen while they run only. */
  readonly workspaceId: pulumi.Input<string> | undefined;
  /** Subnet that is delegated to Container Apps; undefined: the platform's own network. */
  readonly subnetId: pulumi.Input<string> | undefined;
}

/** A queue or topic. */
interface Entity {
  readonly name: string;
  readonly id: pulumi.Input<string>;
}

/**
 * Jobs of Container Apps that run `retrain worker --once` when requests wait, and `retrain intake --once` when events do.
 *
 * The scale rule counts active messages, and those that are being worked on are active, too. It does not know sessions: ten requests
 * for one model are one run, and up to nine of the workers that are started find nothing. They end at once, but as long as the
 * run lasts they are started again whenever the rule looks. So its number is an upper bound of the workers that are needed.
 *
 * A run that failed is never repeated by the platform, but by the queue: the worker's ledger knows how often.
 */
export class WorkerJob extends pulumi.ComponentResource {
  readonly jobName: pulumi.Output<string>;
  readonly identityClientId: pulumi.Output<string>;

  readonly #args: WorkerJobArgs;

  constructor(name: string, args: WorkerJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:WorkerJob', name, {}, opts);
    this.#args = args;
    const identity = this.#identity('worker-identity');
    const scaler = this.#identity('scaler-identity');
    this.identityClientId = identity.clientId;
    const roles = [...this.#workerRoles(identity.principalId), this.#scalerRole(scaler.principalId)];
    const environment = this.#environment();
    const { worker, requests, intake } = args;
    const identities = { worker: identity, scaler };
    const job = this.#job(`${name}-job`, {
      command: 'worker',
      flags: ['--accept-for', `${START_MINUTES}m`],
      queue: requests.name,
      messagesEach: REQUESTS_PER_WORKER,
      maxExecutions: worker.maxExecutions,
      timeoutSeconds: START_MINUTES * 60 + worker.maxRuntimeSeconds + END_SECONDS,
      size: worker,
      identities,
      environment,
      roles,
    });
    if (intake)
      this.#job('intake-job', {
        command: 'intake',
        flags: [],
        queue: intake.name,
        messagesEach: EVENTS_PER_INTAKE,
        maxExecutions: INTAKE_EXECUTIONS_MAX,
        timeoutSeconds: INTAKE_SECONDS,
        size: { cpu: 0.25, memory: '0.5Gi' },
        identities,
        environment,
        roles,
      });
    this.jobName = job.name;
    this.registerOutputs({ jobName: this.jobName, identityClientId: this.identityClientId });
  }

  #identity(name: string): managedidentity.UserAssignedIdentity {
    return new managedidentity.UserAssignedIdentity(name, placementOf(this.#args), { parent: this });
  }

  /** It receives where it works, sends what it tells and postpones, keeps models, and reads data: nothing on the whole namespace. */
  #workerRoles(principalId: pulumi.Output<string>): authorization.RoleAssignment[] {
    const { requests, intake, outcomes, storage, worker } = this.#args;
    const grants: readonly (readonly [string, keyof typeof ROLES, pulumi.Input<string> | undefined])[] = [
      ['worker-receives-requests', 'serviceBusDataReceiver', requests.id],
      ['worker-postpones-requests', 'serviceBusDataSender', requests.id],
      ['worker-tells-outcomes', 'serviceBusDataSender', outcomes.id],
      ['worker-receives-events', 'serviceBusDataReceiver', intake?.id],
      ['worker-keeps-models', 'storageBlobDataContributor', storage.registryContainerId],
      ['worker-reads-data', 'storageBlobDataReader', storage.dataContainerId],
      ['worker-pulls-image', 'containerRegistryPull', worker.imageRegistryId],
    ];
    return grants.flatMap(([name, role, scope]) =>
      scope === undefined
        ? []
        : [assignRole(name, { role, scope, principalId, principalType: 'ServicePrincipal' }, { parent: this })],
    );
  }

  /** Only who may manage a namespace may read how many messages its queues have. */
  #scalerRole(principalId: pulumi.Output<string>): authorization.RoleAssignment {
    const grant = { role: 'serviceBusDataOwner', scope: this.#args.namespace.id, principalId } as const;
    return assignRole('scaler-reads-queues', { ...grant, principalType: 'ServicePrincipal' }, { parent: this });
  }

  #environment(): app.ManagedEnvironment {
    const { workspaceId, subnetId } = this.#args;
    const environment = new app.ManagedEnvironment(
      'worker-environment',
      {
        ...placementOf(this.#args),
        workloadProfiles: [{ name: PROFILE, workloadProfileType: PROFILE }],
        // Nothing listens here, so that it needs no public address.
        ...(subnetId !== undefined && { vnetConfiguration: { infrastructureSubnetId: subnetId, internal: true } }),
        // By a diagnostic setting, which needs no key of the workspace.
        ...(workspaceId !== undefined && { appLogsConfiguration: { destination: 'azure-monitor' } }),
      },
      { parent: this },
    );
    if (workspaceId !== undefined)
      sendLogs('worker-logs', { from: environment.id, to: workspaceId, metrics: 'AllMetrics' }, { parent: this });
    return environment;
  }

  #job(
    name: string,
    {
      command,
      flags,
      queue,
      messagesEach,
      maxExecutions,
      timeoutSeconds,
      size,
      identities,
      environment,
      roles,
    }: {
      readonly command: 'worker' | 'intake';
      readonly flags: readonly string[];
      readonly queue: string;
      readonly messagesEach: number;
      readonly maxExecutions: number;
      readonly timeoutSeconds: number;
      readonly size: { readonly cpu: number; readonly memory: string };
      readonly identities: {
        readonly worker: managedidentity.UserAssignedIdentity;
        readonly scaler: managedidentity.UserAssignedIdentity;
      };
      readonly environment: app.ManagedEnvironment;
      readonly roles: readonly authorization.RoleAssignment[];
    },
  ): app.Job {
    const { worker, namespace, requests, intake, outcomes, storage } = this.#args;
    const ids = { worker: identities.worker.id, scaler: identities.scaler.id };
    return new app.Job(
      name,
      {
        ...placementOf(this.#args),
        environmentId: environment.id,
        workloadProfileName: PROFILE,
        identity: { type: 'UserAssigned', userAssignedIdentities: [ids.worker, ids.scaler] },
        configuration: jobConfiguration({
          worker,
          namespaceName: namespace.name,
          queue,
          messagesEach,
          maxExecutions,
          timeoutSeconds,
          identities: ids,
        }),
        template: jobTemplate({
          command,
          flags,
          image: worker.image,
          configured: worker.configuration !== undefined,
          size,
          environment: {
            RETRAIN_NAMESPACE: namespace.host,
            RETRAIN_QUEUE: requests.name,
            RETRAIN_INTAKE_QUEUE: intake?.name,
            RETRAIN_OUTCOME_TOPIC: outcomes.name,
            RETRAIN_REGISTRY_URL: storage.registryContainerUrl,
            AZURE_CLIENT_ID: identities.worker.clientId,
          },
        }),
      },
      { parent: this, dependsOn: [...roles] },
    );
  }
}
