import * as monitor from '@pulumi/azure-native/monitor';
import * as operationalinsights from '@pulumi/azure-native/operationalinsights';
import * as pulumi from '@pulumi/pulumi';
import { placementOf } from './placement';
import type { Placement } from './placement';

export interface DiagnosticsArgs extends Placement {
  /** Days, 30 to 730. */
  readonly retentionDays: number;
  readonly namespaceId: pulumi.Input<string>;
  /** Undefined: there is no storage account. */
  readonly blobServiceId: pulumi.Input<string> | undefined;
}

/** A Log Analytics workspace, and all logs and metrics of the namespace and of the blob service in it. */
export class Diagnostics extends pulumi.ComponentResource {
  readonly workspaceId: pulumi.Output<string>;

  constructor(name: string, args: DiagnosticsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Diagnostics', name, {}, opts);
    const { retentionDays, namespaceId, blobServiceId } = args;
    const workspace = new operationalinsights.Workspace(
      'workspace',
      { ...placementOf(args), sku: { name: 'PerGB2018' }, retentionInDays: retentionDays },
      { parent: this },
    );
    this.workspaceId = workspace.id;
    sendLogs('namespace-logs', { from: namespaceId, to: this.workspaceId, metrics: 'AllMetrics' }, { parent: this });
    if (blobServiceId !== undefined)
      sendLogs('blob-logs', { from: blobServiceId, to: this.workspaceId, metrics: 'Transaction' }, { parent: this });
    this.registerOutputs({ workspaceId: this.workspaceId });
  }
}

/** Sends all logs of a resource, and a category of its metrics, to a workspace. */
export function sendLogs(
  name: string,
  { from, to, metrics }: { from: pulumi.Input<string>; to: pulumi.Input<string>; metrics: string },
  opts: pulumi.CustomResourceOptions,
): monitor.DiagnosticSetting {
  return new monitor.DiagnosticSetting(
    name,
    {
      name: 'retrain',
      resourceUri: from,
      workspaceId: to,
      logs: [{ categoryGroup: 'allLogs', enabled: true }],
      metrics: [{ category: metrics, enabled: true }],
    },
    opts,
  );
}
