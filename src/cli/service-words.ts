/** What Service Bus says in an error, without what is only of use to its operators. */
export function serviceWords({ message }: Error): string {
  return message
    .replace(/\s*(To know more visit|TrackingId:|CorrelationId:|Timestamp:).*$/s, '')
    .replace(/^(SubCode=\d+\.|InvalidOperationError:)\s*/, '')
    .replace(/\s+/g, ' ')
    .slice(0, 500);
}
