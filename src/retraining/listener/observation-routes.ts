import type { ObservationSink } from '../monitors/observation-sink.ts';
import type { RetrainListener } from './listener.ts';
import { problem } from './problem.ts';
import type { ProblemAnswer } from './problem.ts';
import type { ListenerAnswer } from './routes.ts';

/**
 * Adds `POST /v1/observations`: `{model, observations: [{time, id, values}…]}`, or `{observations}` or an array in which each names
 * its model. 202 when they are durable; all or none of a call.
 */
export function addObservationRoutes(
  listener: RetrainListener,
  { sink }: { sink: Pick<ObservationSink, 'accept'> },
): void {
  listener.route('POST', '/v1/observations', async ({ body }): Promise<ListenerAnswer | ProblemAnswer> => {
    const observations = observationsOf(body);
    if (typeof observations === 'string')
      return problem(422, observations, { code: 'ARGUMENT_INVALID', errors: [{ pointer: '#', detail: observations }] });
    return { status: 202, json: await sink.accept(observations) };
  });
}

/** The observations, or what is wrong with the body. */
function observationsOf(body: unknown): readonly unknown[] | string {
  if (Array.isArray(body)) return body;
  const remedy = 'send {"model": "m", "observations": [{"time": "2026-01-31T00:00:00Z", "values": {"error": 0.1}}]}';
  if (typeof body !== 'object' || body === null) return `the body is no object: ${remedy}`;
  const { model, observations, ...others } = body as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `${unknown.slice(0, 80)} is not a known field: ${remedy}`;
  if (!Array.isArray(observations)) return `observations is no array: ${remedy}`;
  if (model === undefined) return observations;
  return observations.map((one: unknown) => (typeof one === 'object' && one !== null ? { model, ...one } : one));
}
