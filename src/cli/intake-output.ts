import type { IntakeFact } from '../retraining/intake/intake-log.ts';
import type { ListenerFact } from '../retraining/listener/listener-log.ts';
import type { ProducerFact } from '../retraining/producer-log.ts';
import { secondsText } from './age-text.ts';

/** What `retrain intake` tells. */
export type IntakeOutputFact = IntakeFact | ListenerFact | ProducerFact;

/** A fact in one line for a person, or undefined for what only matters when something is to be found out. */
export function intakeLine(fact: IntakeOutputFact): string | undefined {
  switch (fact.fact) {
    case 'event-taken':
      return `${fact.model}: request ${fact.id} by ${fact.rule} (${fact.type} ${fact.eventId})`;
    case 'event-dead-lettered':
      return `event dead-lettered, ${fact.reason}: ${fact.description.replaceAll('\n', '; ')}`;
    case 'event-waiting':
      return `${fact.model}: an event waits for the broker to take its request: ${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'event-unsettled':
      return `an event was not settled, and comes again: ${fact.reason}`;
    case 'intake-unreachable':
      return `no events can be received: ${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'intake-reachable':
      return 'events can be received again';
    case 'request-taken':
      return `${fact.model}: request ${fact.id} by HTTP, ${fact.state}`;
    case 'cancel-taken':
      return `${fact.model}: cancel of ${fact.id} by HTTP`;
    case 'http-failed':
      return `HTTP ${fact.method} ${fact.path} answered with ${fact.status}: ${fact.reason}`;
    case 'outbox-unusable':
      return `the outbox cannot be used: ${fact.reason}`;
    case 'outbox-waiting':
      return `the outbox waits: ${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'outbox-flushed':
      return `sent from the outbox: ${fact.sent}${fact.expired > 0 ? `, expired and dropped: ${fact.expired}` : ''}`;
    case 'outbox-entry-failed':
      return `${fact.name} stays in the outbox, look at it, then remove it: ${fact.reason}`;
    default:
      return undefined;
  }
}
