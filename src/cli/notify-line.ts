import type { NotifyFact } from '../retraining/notify/notify-log.ts';

/** A fact of the notifier in one line for a person, or undefined for what only matters when something is to be found out. */
export function notifyLine(fact: NotifyFact): string | undefined {
  switch (fact.fact) {
    case 'notifier-unreachable':
      return `outcomes cannot be read for notices: ${fact.reason}; next try in ${seconds(fact.retryInMs)}`;
    case 'notifier-reachable':
      return 'outcomes can be read for notices again';
    case 'notified':
      return `${fact.model}: ${fact.rule} told about ${fact.events} ${fact.events === 1 ? 'event' : 'events'}`;
    case 'notify-failed': {
      const next = fact.retryInMs === undefined ? 'given up' : `next try in ${seconds(fact.retryInMs)}`;
      return `${fact.model}: ${fact.rule} could not be told (${fact.reason}); ${next}`;
    }
    case 'notify-given-up':
      return `${fact.model}: nobody was told of event ${fact.id}, it is dead-lettered: ${fact.reason}`;
    case 'notify-unreadable':
      return `a message that is no outcome event was dead-lettered: ${fact.reason}`;
    case 'notify-state-unkept':
      return `what was told could not be kept (${fact.reason}); it may be told again`;
    default:
      return undefined;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
