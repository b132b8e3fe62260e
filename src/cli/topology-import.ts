import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import { entityText, type NamespacePlan, planNamespace, type Step } from '../topology/index.ts';
import { withAdmin } from './admin-client.ts';
import { AdminNamespace } from './admin-namespace.ts';
import { confirmed } from './confirmation.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import { readTopology } from './topology-input.ts';

interface ImportOptions {
  readonly connection?: string;
  readonly dryRun?: true;
  readonly prune?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** What `--json` prints. */
export interface ImportReport {
  /** False with `--dry-run`: nothing of it is done. */
  readonly done: boolean;
  readonly steps: readonly {
    readonly action: Step['action'];
    readonly entity: string;
    readonly changes?: readonly { readonly property: string; readonly from: unknown; readonly to: unknown }[];
  }[];
  /** Entities that are as the file says. */
  readonly unchanged: number;
}

export function topologyImportCommand(): Command {
  return addConnectionOption(new Command('import'))
    .description('Makes queues, topics, subscriptions and rules as a file says, and changes those that are different.')
    .argument('<file>', "YAML, JSON, or Config.json of Microsoft's emulator; - for stdin")
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--prune', 'delete what the file does not name, with all its messages')
    .option('--yes', 'delete without asking')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The file is the truth for what it names: a property that it does not give gets its default. What it does not name stays as it is, and so do the
rules of a subscription that the file gives none. Nothing is done when something cannot be done.

Examples:
  retrain topology import namespace.yaml --dry-run
  retrain topology import namespace.yaml --prune --yes`,
    )
    .action(runImport);
}

async function runImport(file: string, options: ImportOptions): Promise<void> {
  const { dryRun = false, prune = false, json = false } = options;
  const onRemark = (remark: string): void => console.error(`retrain: warning: ${remark}`);
  const wanted = await readTopology(file, { files, stdin: process.stdin, onRemark });
  const progress = { done: 0, steps: 0 };
  try {
    await withAdmin(connectionOf(options), async (admin) => {
      const namespace = new AdminNamespace(admin);
      const plan = planNamespace(await namespace.read(), wanted, { prune });
      await checkPlan(plan, options);
      progress.steps = plan.steps.length;
      for (const step of dryRun ? [] : plan.steps) {
        await namespace.carryOut(step);
        progress.done += 1;
        if (!json) console.log(stepText(step));
      }
      if (json) console.log(JSON.stringify(reportOf(plan, !dryRun)));
      else if (dryRun) for (const step of plan.steps) console.log(`would ${stepText(step)}`);
      if (!json) console.log(summary(plan, dryRun));
    });
  } catch (error) {
    throw withProgress(error, progress);
  }
}

/** Says how far an import came that has failed on its way. */
function withProgress(error: unknown, { done, steps }: { done: number; steps: number }): unknown {
  if (!(error instanceof RetrainError) || done === 0) return error;
  const said = `${error.message}; ${done} of ${steps} steps are done, and the same command goes on from there`;
  return new RetrainError(error.code, said, { cause: error });
}

/**
 * Asks before anything is lost.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, or as `confirmed`
 */
async function checkPlan({ steps, refusals }: NamespacePlan, { dryRun, yes }: ImportOptions): Promise<void> {
  if (refusals.length > 0) {
    const said = refusals.map(({ entity, reason }) => `${entityText(entity)}: ${reason}`);
    throw new RetrainError('CONFIGURATION_INVALID', said.join('; '));
  }
  const lost = steps.filter(({ action, what }) => action === 'delete' && what !== 'rule');
  if (lost.length > 0 && !yes && !dryRun)
    await confirmed(`Delete ${lost.map(entityText).join(', ')}, with all their messages?`);
}

function reportOf({ steps, unchanged }: NamespacePlan, done: boolean): ImportReport {
  return {
    done,
    steps: steps.map((step) => ({
      action: step.action,
      entity: entityText(step),
      ...(step.action === 'update' && { changes: step.differences }),
    })),
    unchanged: unchanged.length,
  };
}

function stepText(step: Step): string {
  const text = `${step.action} ${entityText(step)}`;
  if (step.action !== 'update') return text;
  const changes = step.differences.map(({ property, from, to }) => `${property} ${valueText(from)} → ${valueText(to)}`);
  return `${text}: ${changes.join(', ')}`;
}

function valueText(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function summary({ steps, unchanged }: NamespacePlan, dryRun: boolean): string {
  const count = (action: Step['action']): number => steps.filter((step) => step.action === action).length;
  const [made, changed, deleted] = [count('create'), count('update'), count('delete')];
  const done = dryRun
    ? `${made} to create, ${changed} to update, ${deleted} to delete`
    : `${made} created, ${changed} updated, ${deleted} deleted`;
  return `${done}, ${unchanged.length} unchanged`;
}
