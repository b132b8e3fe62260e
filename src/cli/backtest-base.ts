import { resolve } from 'node:path';
import { RetrainError } from '../errors.ts';
import type { HistoryOptions } from '../retraining/backtest/history.ts';
import type { ModelSettings } from '../retraining/configuration/model-settings.ts';
import { monitorSettingsSchema } from '../retraining/monitors/monitor-settings.ts';
import type { MonitorSettings } from '../retraining/monitors/monitor-settings.ts';
import type { BacktestFlags } from './backtest.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { requireConfiguration } from './configured.ts';

/** A window where no rule has one: of detectors that take single observations, and of a schedule. */
const DEFAULT_WINDOW = { every: 28 * 86_400_000 };

/** From where the policies of a backtest start. */
export interface BacktestBase {
  readonly model: string;
  /** Of the model in the configuration, when one is used. */
  readonly policy: Partial<ModelSettings>;
  readonly settings: MonitorSettings;
  /** Whether there is a rule to replay; a schedule alone needs none. */
  readonly monitored: boolean;
  /** On which the gate compares, and of which the worst is told. */
  readonly window: { readonly every?: number | undefined; readonly count?: number | undefined };
  readonly history: Omit<HistoryOptions, 'reader'>;
}

/**
 * The model and monitor that flags and configuration name. The configuration is used when it is named, or its model, or when
 * no history is.
 */
export async function basedOn(flags: BacktestFlags, history: string | undefined): Promise<BacktestBase> {
  const fromConfiguration = flags.config !== undefined || flags.model !== undefined || history === undefined;
  const found = fromConfiguration ? await configured(flags) : unconfigured(flags);
  const settings = overridden(found.settings, flags);
  const { metric = '' } = settings;
  const { csv, jsonLines, delimiter, where } = settings.source;
  const own = csv ?? jsonLines;
  if (history === undefined && own === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `monitor ${settings.name} has no file as its source: name a file with the history of ${metric}`,
    );
  const path = history === undefined ? resolve(found.baseFolder, own ?? '') : resolve(history);
  const isJson = history === undefined ? jsonLines !== undefined : /\.(jsonl|ndjson|json)$/i.test(history);
  return {
    model: found.model,
    policy: found.policy,
    settings,
    monitored: found.monitored,
    window: flags.window?.[0] ?? settings.window ?? DEFAULT_WINDOW,
    history: {
      path,
      format: isJson ? { kind: 'jsonLines' } : { kind: 'csv', delimiter },
      columns: {
        time: flags.time ?? settings.source.time,
        value: flags.value ?? settings.value ?? metric,
        trainedAt: flags.trainedAt,
        // Of a file of its own, every row is meant.
        where: history === undefined ? where : undefined,
      },
    },
  };
}

interface Found {
  readonly model: string;
  readonly policy: Partial<ModelSettings>;
  readonly settings: MonitorSettings;
  readonly monitored: boolean;
  readonly baseFolder: string;
}

async function configured(flags: BacktestFlags): Promise<Found> {
  const { models, file, baseFolder } = await requireConfiguration(flags.config);
  const watched = [...models].filter(([name, { monitors }]) =>
    flags.model === undefined ? monitors.some((one) => one.metric !== undefined) : name === flags.model,
  );
  const [only, ...others] = watched;
  if (!only)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      flags.model === undefined
        ? `${file} has no model with a monitor of a metric: name the history, --metric and a rule such as --ratio 1.5`
        : `--model ${flags.model}: ${file} has no such model`,
    );
  if (others.length > 0)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `${file} has ${watched.length} models with monitors: name one with --model`,
    );
  const [model, policy] = only;
  return { model, policy, settings: monitorOf(model, policy.monitors, flags), monitored: true, baseFolder };
}

function monitorOf(model: string, monitors: readonly MonitorSettings[], flags: BacktestFlags): MonitorSettings {
  const fitting = monitors.filter(
    ({ name, metric }) => metric !== undefined && (flags.monitor === undefined || name === flags.monitor),
  );
  const [only, ...others] = fitting;
  if (only && others.length === 0) return only;
  const names = monitors.filter(({ metric }) => metric !== undefined).map(({ name }) => name);
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `model ${model} has ${names.length === 0 ? 'no monitor of a metric' : `the monitors ${names.join(', ')}`}: name one with --monitor`,
  );
}

function unconfigured(flags: BacktestFlags): Found {
  const { metric, ratio, above, below, sigma, every, window } = flags;
  if (metric === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `name the metric with --metric, or a model of ${CONFIGURATION_FILE} with --model`,
    );
  const monitored = [ratio, above, below, sigma].some((values) => values !== undefined);
  if (!monitored && every === undefined)
    throw new RetrainError('ARGUMENT_INVALID', 'give a rule, such as --ratio 1.5, or a schedule, such as --every 28d');
  if (monitored && window === undefined)
    throw new RetrainError('ARGUMENT_INVALID', 'give the windows that the rule looks at, such as --window 7d');
  // What is varied replaces rule and window; here they only have to be valid.
  const settings = monitorSettingsSchema.parse({
    name: 'backtest',
    source: { pushed: true },
    metric,
    ratio: 1.5,
    window: { count: 1 },
  });
  return {
    model: 'model',
    policy: {},
    settings: { ...settings, window: window?.[0] ?? DEFAULT_WINDOW },
    monitored,
    baseFolder: '.',
  };
}

function overridden(settings: MonitorSettings, flags: BacktestFlags): MonitorSettings {
  const {
    metric = settings.metric,
    direction = settings.direction,
    baselineWindows = settings.baselineWindows,
  } = flags;
  return { ...settings, metric, direction, baselineWindows };
}
