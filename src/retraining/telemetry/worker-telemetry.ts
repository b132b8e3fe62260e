import { MessagingTelemetry } from './messaging-telemetry.ts';
import type { TelemetryPlace } from './messaging-telemetry.ts';
import { RunTelemetry } from './run-telemetry.ts';

/** What a worker tells OpenTelemetry. */
export class WorkerTelemetry {
  readonly messaging: MessagingTelemetry;
  readonly runs: RunTelemetry;

  constructor(place: TelemetryPlace) {
    this.messaging = new MessagingTelemetry(place);
    this.runs = new RunTelemetry(place);
  }
}
