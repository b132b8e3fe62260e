/** Every output that a stack may have, and what it is; one that a stack has not is absent. README.md has the same. */
export const OUTPUTS = {
  resource_group_name: 'Resource group of everything',
  namespace_name: 'Service Bus namespace',
  fully_qualified_namespace: 'Its host, as `retrain-dev0123abcd.servicebus.windows.net`',
  queue_name: 'Queue of the requests',
  sessions: 'Whether that queue has sessions',
  intake_queue_name: 'Queue for events that become requests (layout worker)',
  outcome_topic_name: 'Topic of the outcomes (layout worker)',
  status_subscription_name: 'Subscription that `retrain status` reads (layout worker)',
  notify_subscription_name: 'Subscription that `retrain notify` reads (layout worker)',
  primary_connection_string: 'Secret: of the rule that `primaryConnectionString` names',
  producer_connection_string:
    'Secret: may send to the queue of the requests and nothing else (not with `disableLocalAuth`)',
  worker_connection_string: 'Secret: may listen and send, never manage (not with `disableLocalAuth`)',
  storage_account_name: 'Storage account (`storageEvents` or `worker`)',
  registry_container_url: 'Container of the model registry (`storageEvents` or `worker`)',
  data_container_url: 'Container of the training data that is watched (`storageEvents`)',
  worker_job_name: 'Job of Container Apps (`worker`)',
  worker_identity_client_id: 'Client id of the identity that its containers run as (`worker`)',
} as const;

/** What a stack says of itself: a value for each output, undefined for one that it has not. */
export function presentOutputs(values: Readonly<Record<keyof typeof OUTPUTS, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
