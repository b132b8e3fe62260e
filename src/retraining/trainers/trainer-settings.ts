import { resolve } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { durationSchema } from '../configuration/duration.ts';
import { present } from '../present.ts';
import { CommandTrainer } from './command-trainer.ts';
import { HttpTrainer } from './http-trainer.ts';
import type { HttpTrainerOptions } from './http-trainer.ts';
import { KubernetesTrainer } from './kubernetes-trainer.ts';
import type { KubernetesTrainerOptions } from './kubernetes-trainer.ts';
import { ModuleTrainer } from './module-trainer.ts';
import type { RunKeep } from './run-retention.ts';
import type { Trainer } from './trainer.ts';

const KINDS = ['command', 'module', 'http', 'kubernetes'] as const;

const ONE_KIND = 'a trainer is exactly one of command, module, http and kubernetes';

const httpSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .describe(
      'Where the service keeps runs: a run is PUT to <url>/<run>, asked for with GET, and cancelled with DELETE.',
    ),
  token: z
    .string()
    .min(1)
    .optional()
    .describe('Sent as "Authorization: Bearer <token>"; name a variable, such as ${TRAINER_TOKEN}.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string())
    .optional()
    .describe('More headers for every request, such as the key of a gateway.'),
  pollEvery: durationSchema.optional().describe('Pause between two looks at a running run. Default 5s.'),
  timeout: durationSchema.optional().describe('How long one request may take, answer included. Default 30s.'),
  startWithin: durationSchema
    .optional()
    .describe('How long a start is tried again when the service cannot be reached, or answers 5xx. Default 2m.'),
});

const kubernetesSchema = z.strictObject({
  jobTemplate: z
    .union([z.string().min(1), z.record(z.string(), z.unknown())])
    .describe(
      'The Job that trains: a manifest of batch/v1, here or in a file (YAML or JSON). Names, labels, deadline and environment are added.',
    ),
  namespace: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    .optional()
    .describe("Where Jobs are made. Default: that of the kubeconfig's context, or of the pod the worker runs in."),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Path of a kubeconfig. Default: $KUBECONFIG, ~/.kube/config, or the service account of the pod the worker runs in.',
    ),
  context: z.string().min(1).optional().describe('The context of the kubeconfig. Default: its current one.'),
  container: z.string().min(1).optional().describe('The container that trains. Default: the first of the template.'),
  pollEvery: durationSchema.optional().describe('Pause between two looks at a running Job. Default 5s.'),
  timeout: durationSchema.optional().describe('How long one request to the API server may take. Default 30s.'),
  startWithin: durationSchema
    .optional()
    .describe('How long a start is tried again when the API server cannot be reached. Default 2m.'),
  keepFinished: durationSchema
    .optional()
    .describe(
      'How long a finished Job is kept (ttlSecondsAfterFinished); it must outlast any pause of the workers. Default 1d.',
    ),
  logs: z
    .boolean()
    .optional()
    .describe("Whether the log of the pod is followed, for progress and the run's log. Default true."),
});

/** One trainer in a configuration. */
export const trainerSettingsSchema = z
  .strictObject({
    command: z
      .tuple([z.string().min(1)], z.string())
      .optional()
      .describe('The program and its arguments; no shell reads them. One of command, module, http and kubernetes.'),
    module: z.string().min(1).optional().describe('Path of an ES module whose function trains, in a child process.'),
    export: z.string().min(1).optional().describe('Of a module: the name of the function. Default "train".'),
    workingFolder: z
      .string()
      .min(1)
      .optional()
      .describe("Of a command or module: where it runs. Default: the configuration file's folder."),
    environment: z
      .record(z.string().regex(/^[^=\0]+$/), z.string())
      .optional()
      .describe('Of a command or module: variables added to those of the worker, from which RETRAIN_* are taken away.'),
    http: httpSchema.optional().describe('A service that trains, by the contract of docs/trainer-http.md.'),
    kubernetes: kubernetesSchema.optional().describe('A Kubernetes Job for each run, see docs/trainer-kubernetes.md.'),
  })
  .superRefine((settings, context) => {
    const given = KINDS.filter((kind) => settings[kind] !== undefined);
    if (given.length !== 1)
      context.addIssue({
        code: 'custom',
        message: given.length === 0 ? ONE_KIND : `${ONE_KIND}, not ${given.join(' and ')}`,
        path: given.slice(1, 2),
      });
    if (settings.export !== undefined && settings.module === undefined)
      context.addIssue({ code: 'custom', message: 'only a module has an export: take it away', path: ['export'] });
    for (const field of ['workingFolder', 'environment'] as const)
      if (settings[field] !== undefined && settings.command === undefined && settings.module === undefined)
        context.addIssue({
          code: 'custom',
          message: `only a command or a module has a ${field}: take it away`,
          path: [field],
        });
  })
  .meta({ oneOf: KINDS.map((kind) => ({ required: [kind] })) });

export type TrainerSettings = z.output<typeof trainerSettingsSchema>;

export interface TrainerParts {
  /** Where run folders are made; see `CommandTrainerOptions.folder`. */
  readonly runFolder: string;
  /** What relative paths of the settings are relative to. */
  readonly baseFolder: string;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** Milliseconds after which a run is ended and counts as failed. */
  readonly maxRunMs?: number;
  /** Run folders of a command or a module that are kept. */
  readonly keep?: RunKeep;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes the trainer that `settings` describe. Nothing is started or reached before a run is. */
export function createTrainer(settings: TrainerSettings, parts: TrainerParts): Trainer {
  const { runFolder: folder, baseFolder, graceMs, maxRunMs, keep, files, clock, random } = parts;
  const { command, module, environment, workingFolder = '.' } = settings;
  const limits = { ...(graceMs !== undefined && { graceMs }), ...(maxRunMs !== undefined && { maxRunMs }) };
  const cwd = resolve(baseFolder, workingFolder);
  const local = {
    folder,
    cwd,
    ...(environment && { extraEnv: environment }),
    ...(keep && { keep }),
    ...limits,
    files,
    clock,
  };
  if (command) return new CommandTrainer({ command, ...local });
  if (module !== undefined) {
    const { export: exportName } = settings;
    const path = resolve(baseFolder, module);
    return new ModuleTrainer({ module: path, ...(exportName !== undefined && { exportName }), ...local, random });
  }
  if (settings.http) return new HttpTrainer(httpOptions(settings.http, { folder, ...limits, files, clock, random }));
  if (settings.kubernetes)
    return new KubernetesTrainer(
      kubernetesOptions(settings.kubernetes, { baseFolder, folder, ...limits, files, clock, random }),
    );
  throw new RetrainError('ARGUMENT_INVALID', ONE_KIND);
}

function httpOptions(
  { url, token, headers, pollEvery, timeout, startWithin }: z.output<typeof httpSchema>,
  rest: Omit<HttpTrainerOptions, 'url'>,
): HttpTrainerOptions {
  const times = { pollMs: pollEvery, timeoutMs: timeout, startWithinMs: startWithin };
  return { url, ...present({ token, headers, ...times }), ...rest };
}

function kubernetesOptions(
  settings: z.output<typeof kubernetesSchema>,
  { baseFolder, ...rest }: Omit<KubernetesTrainerOptions, 'jobTemplate'> & { readonly baseFolder: string },
): KubernetesTrainerOptions {
  const {
    jobTemplate,
    namespace,
    kubeconfig,
    context,
    container,
    pollEvery,
    timeout,
    startWithin,
    keepFinished,
    logs,
  } = settings;
  return {
    jobTemplate: typeof jobTemplate === 'string' ? resolve(baseFolder, jobTemplate) : jobTemplate,
    ...(kubeconfig !== undefined && { kubeconfig: resolve(baseFolder, kubeconfig) }),
    ...present({
      namespace,
      context,
      container,
      pollMs: pollEvery,
      timeoutMs: timeout,
      startWithinMs: startWithin,
      keepFinishedMs: keepFinished,
      logs,
    }),
    ...rest,
  };
}
