import * as eventgrid from '@pulumi/azure-native/eventgrid';
import * as pulumi from '@pulumi/pulumi';
import { DEAD_LETTER_CONTAINER } from '../settings/own-containers';
import type { StorageEventSettings } from '../settings/settings';
import { placementOf } from './placement';
import type { Placement } from './placement';
import { assignRole } from './role-assignment';

/**
 * What is told as BlobCreated before the blob is whole: a file that is begun in a hierarchical namespace or by SFTP. Its end is
 * told by an event of its own. The account has neither, but can be upgraded. Everything else counts, so that a write by a way
 * that is not known here is not lost.
 */
const INCOMPLETE_WRITES = ['CreateFile', 'SftpCreate'];
/** Both are the most that Event Grid takes: after a day of tries an event is in the dead-letter container. */
const DELIVERY_ATTEMPTS = 30;
const DELIVERY_MINUTES = 1_440;

export interface StorageEventsArgs extends Placement {
  readonly events: StorageEventSettings;
  readonly accountId: pulumi.Input<string>;
  readonly deadLetterContainerId: pulumi.Input<string>;
  /** The queue without sessions that the events go to: Event Grid delivers to no others. */
  readonly intakeQueueId: pulumi.Input<string>;
}

/**
 * New blobs of the data container become CloudEvents 1.0 on the intake queue (docs/intake.md). Event Grid signs in there, and at
 * the dead-letter container, as the system topic's own identity. Its roles come first: a subscription that may not deliver
 * yet would begin with dead letters. Event Grid keeps a message's id over its tries, which the queue's duplicate detection drops.
 */
export class StorageEvents extends pulumi.ComponentResource {
  readonly systemTopicId: pulumi.Output<string>;

  constructor(name: string, args: StorageEventsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:StorageEvents', name, {}, opts);
    const { accountId, deadLetterContainerId, intakeQueueId, resourceGroupName } = args;
    const topic = new eventgrid.SystemTopic(
      name,
      {
        ...placementOf(args),
        source: accountId,
        topicType: 'Microsoft.Storage.StorageAccounts',
        identity: { type: 'SystemAssigned' },
      },
      { parent: this },
    );
    this.systemTopicId = topic.id;
    const principalId = topic.identity.apply((identity) => identity?.principalId ?? '');
    const principal = { principalId, principalType: 'ServicePrincipal' } as const;
    const roles = [
      assignRole(
        `${name}-sender`,
        { role: 'serviceBusDataSender', scope: intakeQueueId, ...principal },
        { parent: this },
      ),
      assignRole(
        `${name}-dead-letters`,
        { role: 'storageBlobDataContributor', scope: deadLetterContainerId, ...principal },
        { parent: this },
      ),
    ];
    const identity = { type: 'SystemAssigned' };
    new eventgrid.SystemTopicEventSubscription(
      `${name}-to-intake`,
      {
        resourceGroupName,
        systemTopicName: topic.name,
        eventDeliverySchema: 'CloudEventSchemaV1_0',
        filter: filterOf(args.events),
        deliveryWithResourceIdentity: {
          identity,
          destination: { endpointType: 'ServiceBusQueue', resourceId: intakeQueueId },
        },
        deadLetterWithResourceIdentity: {
          identity,
          deadLetterDestination: {
            endpointType: 'StorageBlob',
            resourceId: accountId,
            blobContainerName: DEAD_LETTER_CONTAINER,
          },
        },
        retryPolicy: { maxDeliveryAttempts: DELIVERY_ATTEMPTS, eventTimeToLiveInMinutes: DELIVERY_MINUTES },
      },
      { parent: this, dependsOn: roles },
    );
    this.registerOutputs({ systemTopicId: this.systemTopicId });
  }
}

/**
 * Blobs of the data container only: the same account has the registry's and the dead-letter container, whose own writes would go
 * round in circles. Subjects are compared in any casing: what no rule of the intake is for is a dead letter there, and seen.
 */
function filterOf({
  dataContainerName,
  blobPrefix = '',
  blobSuffix,
}: StorageEventSettings): eventgrid.SystemTopicEventSubscriptionArgs['filter'] {
  return {
    includedEventTypes: ['Microsoft.Storage.BlobCreated'],
    subjectBeginsWith: `/blobServices/default/containers/${dataContainerName}/blobs/${blobPrefix}`,
    ...(blobSuffix !== undefined && { subjectEndsWith: blobSuffix }),
    isSubjectCaseSensitive: false,
    advancedFilters: [{ operatorType: 'StringNotIn', key: 'data.api', values: INCOMPLETE_WRITES }],
  };
}
