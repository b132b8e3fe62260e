/** Path of the health check, the one that the official emulator serves too. */
export const HEALTH_PATH = '/health';

/** Body of `GET /health`: 200 when healthy, 503 when not. */
export interface HealthReport {
  readonly status: 'healthy' | 'unhealthy';
  readonly message: string;
}
