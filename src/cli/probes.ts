import { RetrainListener } from '../retraining/listener/listener.ts';
import type { ListenerLog } from '../retraining/listener/listener-log.ts';
import { systemClock } from '../runtime/clock.ts';
import { metricsText } from './configured-parts.ts';
import type { Readiness } from './readiness.ts';

export interface ProbesOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly readiness: Readiness;
  readonly log: ListenerLog;
}

/** `/livez`, `/readyz` and `/metrics` of a process that takes nothing else by HTTP. To be started before whatever measures is made. */
export async function startProbes({ host, port, readiness, log }: ProbesOptions): Promise<RetrainListener> {
  const listener = new RetrainListener({
    settings: { host, port, tokens: [] },
    checks: { broker: () => readiness.check() },
    metrics: await metricsText(),
    probesOnly: true,
    log,
    clock: systemClock,
  });
  await listener.start();
  return listener;
}
