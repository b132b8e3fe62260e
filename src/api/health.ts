/** Path of the health check, the one that the official emulator serves too. */
export const HEALTH_PATH = '/health';
/** Answers 200 as long as the process answers at all: whoever gets no answer may restart it. */
export const LIVENESS_PATH = '/livez';
/** Answers 200 while the log is open and its disk works, 503 otherwise. */
export const READINESS_PATH = '/readyz';

/** Body of `GET` on these paths: 200 when healthy, 503 when not. */
export interface HealthReport {
  readonly status: 'healthy' | 'unhealthy';
  readonly message: string;
}
