import type { NotifyFact } from '../retraining/notify/notify-log.ts';
import { counted } from './counted.ts';
import { secondsText } from './age-text.ts';

export function isOfNotifier(fact: { readonly fact: string }): fact is NotifyFact {
  return fact.fact.startsWith('notif') || fact.fact === 'backlog-unseen';
}

/** A fact of the notifier in one line for a person. */
export function notifyLine(fact: NotifyFact): string {
  switch (fact.fact) {
    case 'notifier-started':
      return `notify: ${counted(fact.rules, 'rule')}, from ${fact.from}`;
    case 'notifier-stopped':
      return 'notify: stopped';
    case 'notifier-unreachable':
      return `notify: ${fact.reason}; next try in ${secondsText(fact.retryInMs)}`;
    case 'notifier-reachable':
      return 'notify: the broker answers again';
    case 'notified':
      return `${fact.model}: ${fact.rule} told ${counted(fact.events, 'outcome')}`;
    case 'notify-failed':
      return `${fact.model}: ${fact.rule} could not tell (${fact.reason})${nextTry(fact)}`;
    case 'notify-given-up':
      return `${fact.model}: not told, dead-lettered in the notifier's subscription: ${fact.reason}`;
    case 'notify-unreadable':
      return `notify: a message that is no outcome event was dead-lettered: ${fact.reason}`;
    case 'notify-unsettled':
      return `${fact.model}: an event could not be settled and comes again (${fact.reason})`;
    case 'notify-state-unkept':
      return `notify: what was told could not be kept on disk (${fact.reason})`;
    case 'backlog-unseen':
      return `notify: the age of waiting requests could not be looked at (${fact.reason})`;
  }
}

function nextTry({ retryInMs, tries }: { retryInMs?: number; tries: number }): string {
  return retryInMs === undefined ? `; given up after ${tries}` : `; next try in ${secondsText(retryInMs)}`;
}
