import type { IntakeFact } from '../retraining/intake/intake-log.ts';
import type { ListenerFact } from '../retraining/listener/listener-log.ts';
import type { MonitorFact } from '../retraining/monitors/monitor-log.ts';
import type { NotifyFact } from '../retraining/notify/notify-log.ts';
import type { ProducerFact } from '../retraining/producer-log.ts';
import type { WorkerFact } from '../retraining/worker/worker-log.ts';
import type { FactOutputOptions } from './fact-output.ts';
import { intakeLine } from './intake-output.ts';
import type { IntakeOutputFact } from './intake-output.ts';
import { monitorLine } from './monitor-output.ts';
import type { MonitorOutputFact } from './monitor-output.ts';
import { isOfNotifier, notifyLine } from './notify-output.ts';
import { WorkerOutput, workerLine } from './worker-output.ts';
import type { RunEnd } from './worker-output.ts';

export type UpFact = WorkerFact | MonitorFact | ProducerFact | ListenerFact | IntakeFact | NotifyFact;

/** What all parts of `retrain up` tell, each line for people with its time: it is meant to run for months. */
export function upOutput(print: (line: string) => void, options: FactOutputOptions): WorkerOutput<UpFact> {
  const { json, clock } = options;
  const stamped = (line: string): void =>
    print(`${new Date(clock.wallMs()).toISOString().slice(0, 19).replace('T', ' ')} ${line}`);
  return new WorkerOutput<UpFact>(json ? print : stamped, upLine, options);
}

function upLine(fact: UpFact | RunEnd, options: { readonly verbose: boolean }): string | undefined {
  if (isOfMonitors(fact)) return monitorLine(fact, options);
  if (isOfNotifier(fact)) return notifyLine(fact);
  // Of these two, each knows its own facts and has no line for those of the other.
  return intakeLine(fact as IntakeOutputFact) ?? workerLine(fact as WorkerFact | RunEnd);
}

function isOfMonitors(fact: UpFact | RunEnd): fact is MonitorOutputFact {
  return 'monitor' in fact || fact.fact.startsWith('outbox-') || fact.fact === 'request-queued';
}
