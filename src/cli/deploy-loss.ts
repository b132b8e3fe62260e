import type { StepMetadata } from './deploy-automation.ts';

/** What goes with a resource that is replaced or deleted, in plain words. */
export interface Loss {
  /** `queue` */
  readonly what: string;
  /** As it is called on Azure. */
  readonly name: string;
  readonly op: 'replaced' | 'deleted';
  /** `its messages are lost` */
  readonly consequence: string;
}

const MESSAGES = 'its messages are lost';
const BLOBS = 'its blobs, and so data and models in it, are lost';

const LOSSES: Readonly<Record<string, { readonly what: string; readonly consequence: string }>> = {
  'servicebus:Queue': { what: 'queue', consequence: MESSAGES },
  'servicebus:Topic': { what: 'topic', consequence: 'its subscriptions and their messages are lost' },
  'servicebus:Subscription': { what: 'subscription', consequence: MESSAGES },
  'servicebus:Namespace': { what: 'namespace', consequence: 'its queues and topics with all their messages are lost' },
  'storage:StorageAccount': { what: 'storage account', consequence: BLOBS },
  'storage:BlobContainer': { what: 'container', consequence: BLOBS },
  'resources:ResourceGroup': { what: 'resource group', consequence: 'everything in it is lost' },
};

/** The version of the API that a type may have: `azure-native:servicebus/v20240101:Queue`. */
const TYPE = /^azure-native:(\w+)(?:\/\w+)?:(\w+)$/;

export function lossOf({ op, type, urn, old }: StepMetadata): Loss | undefined {
  if (op !== 'replace' && op !== 'delete') return undefined;
  const [, module = '', kind = ''] = TYPE.exec(type) ?? [];
  const loss = LOSSES[`${module}:${kind}`];
  if (!loss) return undefined;
  // An id of Azure ends with the name.
  const name = old?.id?.split('/').at(-1) || urn.slice(urn.lastIndexOf('::') + 2);
  return { ...loss, name, op: op === 'replace' ? 'replaced' : 'deleted' };
}

export function lossText({ what, name, op, consequence }: Loss): string {
  return `${what} ${name} is ${op}: ${consequence}`;
}
