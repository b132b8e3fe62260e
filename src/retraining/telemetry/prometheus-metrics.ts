import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/**
 * Records what this process measures, from now on, and gives it in Prometheus' exposition format. It has to be made before
 * whatever measures. Where a program has an SDK of its own already, that one goes on and nothing is given here.
 */
export function prometheusMetrics(): () => Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return async () => {
    const { resourceMetrics, errors } = await exporter.collect();
    const [first] = errors;
    if (first !== undefined)
      throw first instanceof Error ? first : new Error('a metric could not be collected', { cause: first });
    return serializer.serialize(resourceMetrics);
  };
}
