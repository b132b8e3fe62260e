import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { unknownName } from '../document/near-name.ts';
import { settingsOf } from '../retraining/configuration/configuration.ts';
import { stateWord } from '../retraining/explanation.ts';
import { checkModelName } from '../retraining/model-name.ts';
import { RetrainingProducer } from '../retraining/producer.ts';
import { projectOutcomes } from '../retraining/projection.ts';
import type { RequestStatus } from '../retraining/projection.ts';
import { requestKey } from '../retraining/identity.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import type { RequestRef } from '../retraining/worker/ledger-record.ts';
import { answered, placeOf, withOpenClient } from './connection.ts';
import type { Place } from './connection.ts';
import { Interrupt } from './interrupt.ts';
import { span } from './option.ts';
import { addOutcomeOptions, readOutcomes } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';
import { targetOf } from './outcome-target.ts';
import { onOneLine } from './printable.ts';

interface CancelFlags extends OutcomeFlags {
  readonly wait?: number;
  readonly json?: true;
}

/** Between two looks at the events. */
const LOOK_MS = 1_000;

const ENDED: ReadonlySet<RequestStatus['state']> = new Set(['promoted', 'rejected', 'cancelled', 'deadlettered']);

export function cancelCommand(): Command {
  return addOutcomeOptions(new Command('cancel'))
    .description('Asks that a request be not trained, or that a run be stopped.')
    .argument('<model>', 'the model')
    .argument(
      '<id>',
      'id of a request, or of a run, whose requests are all cancelled; the start of one that events know will do',
    )
    .option(
      '--wait <span>',
      'wait so long until it is told what became of it, such as 2m; needs --outcomes or --state',
      span,
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The wish is a message in the model's session. A run that is under way stops within a third of the session lock, when all of its
requests are cancelled. With --wait: 0 when it was cancelled, 1 when it ended in another way, 75 when the time was over.

Examples:
  retrain cancel births 0f1e2d3c4b5a69788796a5b4c3d2e1f0
  retrain cancel births 12-8f3a --wait 2m`,
    )
    .action(runCancel);
}

/** What is cancelled: without a source, every request of the model with the id. */
interface Target {
  readonly id: string;
  readonly source?: string;
}

async function runCancel(name: string, id: string, flags: CancelFlags): Promise<void> {
  const model = checkModelName(name);
  refuseUnknownModel(model, flags);
  const place = placeOf(flags);
  const targets = await targetsOf(model, id, flags);
  await withOpenClient(place, async (client) => {
    const sender = client.createSender(place.queue);
    await using producer = new RetrainingProducer({
      sender: { sendMessages: (message) => answered(sender.sendMessages(message), place), close: () => sender.close() },
      queue: place.queue,
    });
    for (const target of targets) {
      const named = target.source === undefined ? {} : { requestSource: target.source };
      await answered(producer.cancel(model, target.id, named), place);
    }
  });
  const became = flags.wait === undefined ? undefined : await waitFor(targets, { model, flags, place });
  tell(targets, { model, flags, became });
}

/** A worker of this configuration takes nothing of a model that it does not have: the wish would be told as granted, and lie there. */
function refuseUnknownModel(model: string, { configured }: CancelFlags): void {
  if (!configured || settingsOf(configured.configuration, model)) return;
  const { file, models } = configured.configuration;
  throw new RetrainError('ARGUMENT_INVALID', `${file}: ${unknownName('model', model, [...models.keys()])}`);
}

async function targetsOf(model: string, id: string, flags: CancelFlags): Promise<Target[]> {
  const { events } = await readOutcomes(flags);
  const target = targetOf(
    events.filter(({ data }) => data.model === model),
    id,
  );
  // What no event knows may wait in the queue.
  if (!target) return [{ id }];
  if (target.kind === 'request') return [{ id: target.request.id, source: target.request.source }];
  const { run } = target;
  if (run.state !== 'running')
    throw new RetrainError('ARGUMENT_INVALID', `run ${run.runId} is ${run.state}: there is nothing to cancel`);
  return run.requests.map(({ id: request, source }) => ({ id: request, source }));
}

type Became = readonly (RequestRef & {
  readonly state: RequestStatus['state'];
  readonly reason?: string | undefined;
})[];

async function waitFor(
  targets: readonly Target[],
  { model, flags }: { model: string; flags: CancelFlags; place: Place },
): Promise<Became> {
  using interrupt = new Interrupt();
  const untilMs = systemClock.monotonicMs() + (flags.wait ?? 0);
  for (;;) {
    const { requests } = projectOutcomes((await readOutcomes(flags)).events);
    const own = requests.filter(
      (request) => request.model === model && targets.some((target) => isMeant(target, request)),
    );
    const ended = own.filter(({ state }) => ENDED.has(state));
    if (new Set(ended.map(requestKey)).size >= targets.length) return ended;
    if (interrupt.signal.aborted) throw new RetrainError('INTERRUPTED', 'no longer waiting; the wish to cancel stands');
    const leftMs = untilMs - systemClock.monotonicMs();
    if (leftMs <= 0)
      throw new RetrainError(
        'UNREACHABLE',
        `${ended.length} of ${targets.length} ended within ${(flags.wait ?? 0) / 1000} s: the wish to cancel stands; see retrain explain, and that a worker runs`,
      );
    await pause(systemClock, Math.min(LOOK_MS, leftMs), interrupt.signal);
  }
}

function isMeant({ id, source }: Target, request: RequestRef): boolean {
  return request.id === id && (source === undefined || source === request.source);
}

function tell(
  targets: readonly Target[],
  { model, flags, became }: { model: string; flags: CancelFlags; became: Became | undefined },
): void {
  if (flags.json) console.log(JSON.stringify({ model, requests: targets, ...(became && { became }) }));
  else if (became) for (const { id, state } of became) console.log(onOneLine(`${id}: ${stateWord(state)}`));
  else for (const { id } of targets) console.log(onOneLine(`asked to cancel ${id} of ${model}`));
  const others = (became ?? []).filter(({ state }) => state !== 'cancelled');
  if (others.length > 0)
    throw new RetrainError(
      'BROKER_REFUSED',
      `${others.length} of ${targets.length} had ended before the wish was seen`,
    );
}
