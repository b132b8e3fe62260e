import { combinations } from '../retraining/backtest/policy.ts';
import type { Asking, Policy } from '../retraining/backtest/policy.ts';
import { spanText } from '../retraining/configuration/span.ts';
import { parseGateRule } from '../retraining/gate.ts';
import type { GateRule } from '../retraining/gate.ts';
import { ruleOf } from '../retraining/monitors/monitor-settings.ts';
import type { MonitorSettings } from '../retraining/monitors/monitor-settings.ts';
import { RULE_NAMES } from '../retraining/monitors/rule-settings.ts';
import { PLAN_REQUESTS_MAX } from '../retraining/worker/ledger-record.ts';
import type { BacktestBase } from './backtest-base.ts';
import type { BacktestFlags } from './backtest.ts';

/** One rule, and how people call it. */
interface Rule {
  readonly text: string;
  readonly fields: Partial<MonitorSettings>;
}

type Window = NonNullable<BacktestFlags['window']>[number];

/** What nothing at all costs, then every combination of what the flags vary, then the schedules. */
export function policiesOf(flags: BacktestFlags, base: BacktestBase): Policy[] {
  const { policy } = base;
  const common = {
    coolDown: flags.coolDown ?? [policy.coolDown ?? 0],
    gatherWindow: flags.gatherWindow ?? [policy.gatherWindow ?? 0],
    budget: flags.budget ?? [policy.budgetPerDay ?? Infinity],
    minImprovement: flags.minImprovement ?? [policy.gate?.minImprovement ?? 0],
  };
  const rules = base.monitored ? rulesOf(flags, base.settings) : [];
  const windows: readonly (Window | undefined)[] = flags.window ?? [undefined];
  const coolDownWindows = flags.coolDownWindows ?? [base.settings.coolDownWindows];
  const monitored = combinations({ rule: rules, window: windows, coolDownWindows, ...common }).map((one) => {
    const settings = { ...withRule(base.settings, one.rule), coolDownWindows: one.coolDownWindows };
    const asking: Asking = {
      by: 'monitor',
      settings: one.window ? { ...settings, window: windowSettings(settings, one.window) } : settings,
    };
    const parts = [
      one.rule.text,
      windows.length > 1 && one.window && `window ${windowText(one.window)}`,
      coolDownWindows.length > 1 && `cool-down of ${one.coolDownWindows} windows`,
    ];
    return policyOf(one, { name: parts, asking, common, flags, base });
  });
  const scheduled = combinations({ every: flags.every ?? [], ...common }).map((one) =>
    policyOf(one, {
      name: [`every ${spanText(one.every)}`],
      asking: { by: 'schedule', everyMs: one.every },
      common,
      flags,
      base,
    }),
  );
  const [first] = combinations(common);
  const never = first && policyOf(first, { name: [], asking: { by: 'nothing' }, common, flags, base });
  return [...(never ? [{ ...never, name: 'nothing is retrained' }] : []), ...monitored, ...scheduled];
}

interface Common {
  readonly coolDown: readonly number[];
  readonly gatherWindow: readonly number[];
  readonly budget: readonly number[];
  readonly minImprovement: readonly number[];
}

function policyOf(
  one: { readonly [K in keyof Common]: number },
  {
    name,
    asking,
    common,
    flags,
    base,
  }: {
    name: readonly (string | false | undefined)[];
    asking: Asking;
    common: Common;
    flags: BacktestFlags;
    base: BacktestBase;
  },
): Policy {
  const parts = [
    ...name,
    common.coolDown.length > 1 && (one.coolDown === 0 ? 'no cool-down' : `cool-down ${spanText(one.coolDown)}`),
    common.gatherWindow.length > 1 &&
      (one.gatherWindow === 0 ? 'no gathering' : `gathering ${spanText(one.gatherWindow)}`),
    common.budget.length > 1 && `budget ${one.budget} a day`,
    common.minImprovement.length > 1 && `improvement ${one.minImprovement}`,
  ];
  const gate = gateOf(flags, base, one.minImprovement);
  return {
    name: parts.filter((part) => part).join(', '),
    asking,
    gatherWindowMs: one.gatherWindow,
    coolDownMs: one.coolDown,
    maxRunsPerDay: one.budget,
    maxRequests: base.policy.maxRequests ?? PLAN_REQUESTS_MAX,
    ...(gate && { gate }),
    trainingMs: flags.trainingTime,
  };
}

/** The gate of the model, or without a configuration one for the monitor's metric. */
function gateOf(
  flags: BacktestFlags,
  { policy, settings }: BacktestBase,
  minImprovement: number,
): GateRule | undefined {
  if (!flags.gate) return undefined;
  const { metric, direction } = policy.gate ?? settings;
  return parseGateRule({ metric, direction, minImprovement });
}

function rulesOf({ ratio = [], sigma = [], above = [], below = [] }: BacktestFlags, settings: MonitorSettings): Rule[] {
  const absolute = [
    ...(below.length === 0
      ? above.map((limit) => ({ text: `above ${limit}`, fields: { absolute: { above: limit } } }))
      : []),
    ...(above.length === 0
      ? below.map((limit) => ({ text: `below ${limit}`, fields: { absolute: { below: limit } } }))
      : []),
    ...(above.length > 0 && below.length > 0
      ? combinations({ above, below }).map((limits) => ({
          text: `outside of ${limits.below} to ${limits.above}`,
          fields: { absolute: limits },
        }))
      : []),
  ];
  const given = [
    ...ratio.map((value) => ({ text: `ratio ${value}`, fields: { ratio: value } })),
    ...sigma.map((value) => ({ text: `${value} sigma`, fields: { sigma: value } })),
    ...absolute,
  ];
  if (given.length > 0) return given;
  const rule = ruleOf(settings);
  const value = settings[rule];
  return [{ text: typeof value === 'number' ? `${rule} ${value}` : rule, fields: { [rule]: value } }];
}

function withRule(settings: MonitorSettings, { fields }: Rule): MonitorSettings {
  const none = Object.fromEntries(RULE_NAMES.map((name) => [name, undefined]));
  return { ...settings, ...none, ...fields };
}

/** Of a window by time, origin and least count are those of the configuration. */
function windowSettings({ window }: MonitorSettings, given: Window): NonNullable<MonitorSettings['window']> {
  return 'every' in given && window?.every !== undefined ? { ...window, ...given } : given;
}

function windowText(window: Window): string {
  return 'every' in window ? spanText(window.every) : String(window.count);
}
