import * as monitor from '@pulumi/azure-native/monitor';
import * as pulumi from '@pulumi/pulumi';
import { DEAD_LETTER_CONTAINER } from '../settings/own-containers';
import type { Placement } from './placement';

/** Metric alerts and action groups are in no region. */
const LOCATION = 'Global';
const WARNING = 2;
const NOTE = 3;
/** Requests that the service refuses or fails at in a quarter of an hour before it is told; single ones are tried again by the clients. */
const SERVER_ERRORS_MAX = 10;

export interface AlertsArgs extends Placement {
  /** With none there is no action group: alerts are then seen in the portal only. */
  readonly emails: readonly string[];
  readonly namespaceId: pulumi.Input<string>;
  /** Queues whose messages shall not wait for an hour. */
  readonly watchedQueues: readonly string[];
  /** Event Grid's system topic; undefined without storage events. */
  readonly systemTopicId: pulumi.Input<string> | undefined;
}

type Criterion = Pick<monitor.MetricAlertArgs, 'severity' | 'description'> & {
  readonly scope: pulumi.Input<string>;
  readonly metricNamespace: string;
  readonly metricName: string;
  readonly aggregation: 'Minimum' | 'Maximum' | 'Total';
  readonly over: number;
  /** ISO 8601. */
  readonly window: string;
  readonly every: string;
  /** Names of queues and topics; each is watched by itself. */
  readonly entities?: readonly string[];
};

const BUS = 'Microsoft.ServiceBus/namespaces';

/**
 * Alerts on what a person has to look at; each resolves itself when its cause is gone. No metric tells a message's age: what is
 * told as waiting is a queue that was not empty at any time within an hour, so a run that takes longer, whose messages count as
 * active until they are settled, is told as well.
 */
export class Alerts extends pulumi.ComponentResource {
  readonly #args: AlertsArgs;
  readonly #group: monitor.ActionGroup | undefined;

  constructor(name: string, args: AlertsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('retrain:infra:Alerts', name, {}, opts);
    this.#args = args;
    this.#group = args.emails.length === 0 ? undefined : this.#actionGroup(args.emails);
    const { namespaceId: scope, watchedQueues, systemTopicId } = args;
    this.#alert('dead-letters', {
      description: 'Messages are in a dead-letter queue: see retrain dlq list, and replay or discard them.',
      severity: WARNING,
      scope,
      metricNamespace: BUS,
      metricName: 'DeadletteredMessages',
      aggregation: 'Maximum',
      over: 0,
      window: 'PT5M',
      every: 'PT5M',
      entities: ['*'],
    });
    this.#alert('waiting-messages', {
      description: 'Messages have waited, or been worked on, for an hour: see retrain status.',
      severity: WARNING,
      scope,
      metricNamespace: BUS,
      metricName: 'ActiveMessages',
      aggregation: 'Minimum',
      over: 0,
      window: 'PT1H',
      every: 'PT5M',
      entities: watchedQueues,
    });
    const bus = {
      severity: NOTE,
      scope,
      metricNamespace: BUS,
      aggregation: 'Total',
      window: 'PT15M',
      every: 'PT5M',
    } as const;
    this.#alert('throttled-requests', {
      ...bus,
      description: 'The namespace is at its limit and slows its clients: a Premium one can have more messaging units.',
      metricName: 'ThrottledRequests',
      over: 0,
    });
    this.#alert('server-errors', {
      ...bus,
      description: 'Service Bus fails at requests: see the health of the service in the region.',
      metricName: 'ServerErrors',
      over: SERVER_ERRORS_MAX,
    });
    if (systemTopicId !== undefined)
      this.#alert('undelivered-events', {
        description: `Event Grid gave up on storage events: they are in the container ${DEAD_LETTER_CONTAINER}.`,
        severity: WARNING,
        scope: systemTopicId,
        metricNamespace: 'Microsoft.EventGrid/systemTopics',
        metricName: 'DeadLetteredCount',
        aggregation: 'Total',
        over: 0,
        window: 'PT15M',
        every: 'PT5M',
      });
    this.registerOutputs({});
  }

  #actionGroup(emails: readonly string[]): monitor.ActionGroup {
    const { resourceGroupName, tags } = this.#args;
    return new monitor.ActionGroup(
      'alert-mails',
      {
        resourceGroupName,
        location: LOCATION,
        tags: { ...tags },
        enabled: true,
        groupShortName: 'retrain',
        emailReceivers: emails.map((emailAddress, index) => ({
          name: `mail-${index + 1}`,
          emailAddress,
          useCommonAlertSchema: true,
        })),
      },
      { parent: this },
    );
  }

  #alert(name: string, criterion: Criterion): void {
    const { resourceGroupName, tags } = this.#args;
    const { scope, metricNamespace, metricName, aggregation, over, window, every, entities, ...rest } = criterion;
    new monitor.MetricAlert(
      name,
      {
        ...rest,
        resourceGroupName,
        location: LOCATION,
        tags: { ...tags },
        enabled: true,
        autoMitigate: true,
        scopes: [scope],
        windowSize: window,
        evaluationFrequency: every,
        criteria: {
          odataType: 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria',
          allOf: [
            {
              criterionType: 'StaticThresholdCriterion',
              name,
              metricNamespace,
              metricName,
              timeAggregation: aggregation,
              operator: 'GreaterThan',
              threshold: over,
              ...(entities && { dimensions: [{ name: 'EntityName', operator: 'Include', values: [...entities] }] }),
            },
          ],
        },
        actions: this.#group ? [{ actionGroupId: this.#group.id }] : [],
      },
      { parent: this },
    );
  }
}
