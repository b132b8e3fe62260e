import { loadBirths } from '../../src/demo/births-data.ts';
import type { BirthsModel } from '../../src/demo/births-model.ts';
import { parseModel, serializeModel } from '../../src/demo/births-model.ts';
import { parseIsoDay } from '../../src/demo/calendar.ts';
import { forecastableDays } from '../../src/demo/features.ts';
import type { BirthDay } from '../../src/demo/features.ts';
import { BIRTHS_GATE, replay } from '../../src/demo/replay.ts';
import type { ReplayOutcome, ReplayProgress, ReplayRequest, ReplayResult } from '../../src/demo/replay.ts';
import { challenge, cutChallenge, fitFirstModel } from '../../src/demo/training.ts';
import { judge } from '../../src/retraining/gate.ts';

/** The real data, loaded once for a test file. */
export function realDays(): BirthDay[] {
  return forecastableDays(loadBirths());
}

/** Trainer, gate and registry of the demo in one process: the loop without anything that could fail. */
export class InProcessRetraining {
  readonly #days: readonly BirthDay[];
  #model: BirthsModel;
  #epoch = 1;

  constructor(days: readonly BirthDay[]) {
    this.#days = days;
    this.#model = fitFirstModel(days);
  }

  champion = async (): Promise<{ epoch: number; artifact: string; origin: string }> => ({
    epoch: this.#epoch,
    artifact: serializeModel(this.#model),
    origin: `epoch ${this.#epoch}`,
  });

  request = async ({ parameters }: ReplayRequest): Promise<ReplayOutcome> => {
    const until = parseIsoDay(parameters.trainUntil) as number;
    const { windowDays, trainingDays } = parameters;
    const { challenger, mape } = challenge(cutChallenge(this.#days, { until, windowDays, trainingDays }), this.#model);
    const metrics = { challenger: { mape: mape.challenger }, champion: { mape: mape.champion as number } };
    const { verdict, reason } = judge(BIRTHS_GATE, metrics, { metrics });
    if (verdict === 'promote') {
      this.#model = parseModel(serializeModel(challenger), 'challenger');
      this.#epoch += 1;
    }
    return {
      verdict: verdict === 'promote' ? 'promoted' : 'rejected',
      challengerMape: metrics.challenger.mape,
      championMape: metrics.champion.mape,
      reason,
    };
  };
}

/** Runs a whole replay and keeps what it told. */
export async function study(
  days: readonly BirthDay[],
  { ratio }: { ratio: number },
): Promise<{ result: ReplayResult; told: ReplayProgress[] }> {
  const retraining = new InProcessRetraining(days);
  const run = replay({ days, frozen: fitFirstModel(days), ratio, ...pick(retraining) });
  const told: ReplayProgress[] = [];
  for (;;) {
    const step = await run.next();
    if (step.done) return { result: step.value, told };
    told.push(step.value);
  }
}

function pick({ champion, request }: InProcessRetraining): Pick<InProcessRetraining, 'champion' | 'request'> {
  return { champion, request };
}
