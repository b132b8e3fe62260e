import { resolve } from 'node:path';
import type { TokenCredential } from '@azure/service-bus';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { AzureBlobRegistry } from './azure-blob-registry.ts';
import { FileRegistry } from './file-registry.ts';
import { MlflowRegistry } from './mlflow-registry.ts';
import { HISTORY_DEFAULT, HISTORY_MAX, REJECTED_DEFAULT, REJECTED_MAX } from './registry.ts';
import type { Registry } from './registry.ts';

const retention = {
  history: z
    .int()
    .min(1)
    .max(HISTORY_MAX)
    .default(HISTORY_DEFAULT)
    .describe(
      'Champions of a model that are kept with their artifacts, the present one included: where a rollback can go.',
    ),
  rejected: z
    .int()
    .min(0)
    .max(REJECTED_MAX)
    .default(REJECTED_DEFAULT)
    .describe('Artifacts of a model that are kept although their runs were not promoted, the newest ones.'),
};

const fileSchema = z
  .strictObject({
    folder: z
      .string()
      .min(1)
      .optional()
      .describe("Folder of the registry, relative to the configuration's. Default: registry in the state folder."),
    ...retention,
  })
  .describe('A folder of one host.');

const CONTAINER_NAME = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/;
const CONTAINER_NAME_RULE = '3 to 63 lower case letters, digits and single hyphens';
/** Address of a container: that of the blob service, and the name. */
const CONTAINER_URL = /^(https?:\/\/[^?#]+?)\/([^/?#]+)\/?$/;

const azureBlobSchema = z
  .strictObject({
    container: z
      .string()
      .regex(CONTAINER_NAME, CONTAINER_NAME_RULE)
      .optional()
      .describe('Name of the blob container, with accountUrl or connectionString.'),
    connectionString: z
      .string()
      .min(1)
      .optional()
      .describe('Connection string of the storage account, with its key or a shared access signature.'),
    accountUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'Address of the blob service, such as https://ACCOUNT.blob.core.windows.net; used with sas or by Entra ID.',
      ),
    containerUrl: z
      .url({ protocol: /^https?$/ })
      .refine((url) => CONTAINER_NAME.test(CONTAINER_URL.exec(url)?.[2] ?? ''), {
        error: `give the address of a container, such as https://ACCOUNT.blob.core.windows.net/models: its name has ${CONTAINER_NAME_RULE}`,
      })
      .optional()
      .describe(
        'Address of the container, such as https://ACCOUNT.blob.core.windows.net/models, in place of accountUrl and container.',
      ),
    sas: z.string().min(1).optional().describe('Shared access signature for the address. Default: Entra ID.'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'A-Z a-z 0-9 . _ - in segments parted by /')
      .max(256)
      .optional()
      .describe("What the names of the registry's blobs begin with, such as team-a/models. Default: nothing."),
    createContainer: z.boolean().default(false).describe('Make the container when it is missing.'),
    ...retention,
  })
  .refine(
    ({ connectionString, accountUrl, containerUrl }) =>
      [connectionString, accountUrl, containerUrl].filter((way) => way !== undefined).length === 1,
    { error: 'give exactly one of containerUrl, accountUrl and connectionString' },
  )
  .refine(({ container, containerUrl }) => (container === undefined) !== (containerUrl === undefined), {
    path: ['container'],
    error: 'give the name of the container, unless there is a containerUrl, which has it',
  })
  .refine(({ sas, connectionString }) => sas === undefined || connectionString === undefined, {
    path: ['sas'],
    error: 'a sas belongs to an accountUrl or containerUrl; a connectionString carries its own',
  })
  .transform(({ container = '', containerUrl, ...settings }) => {
    const [, accountUrl = '', name = ''] = CONTAINER_URL.exec(containerUrl ?? '') ?? [];
    return containerUrl === undefined ? { ...settings, container } : { ...settings, accountUrl, container: name };
  })
  .describe('A container of Azure Blob Storage: any host that reaches it shares the registry.');

const mlflowSchema = z
  .strictObject({
    trackingUri: z.url({ protocol: /^https?$/ }).describe('Address of the MLflow tracking server.'),
    token: z.string().min(1).optional().describe('Bearer token.'),
    username: z.string().min(1).optional().describe('Name for HTTP basic authentication, with password.'),
    password: z.string().min(1).optional().describe('Password for HTTP basic authentication.'),
    experiment: z
      .string()
      .min(1)
      .max(500)
      .default('retrain')
      .describe('Experiment that the runs are logged to; it is made when missing.'),
    ...retention,
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    error: 'username and password belong together',
  })
  .refine(({ token, username }) => token === undefined || username === undefined, {
    error: 'give a token or a username, not both',
  })
  .describe(
    "MLflow's model registry. It has no conditional write: two workers that promote at once are not told apart.",
  );

/** Where champions, their epochs and artifacts are kept: exactly one kind. */
export const registrySettingsSchema = z
  .strictObject({
    file: fileSchema.optional(),
    azureBlob: azureBlobSchema.optional(),
    mlflow: mlflowSchema.optional(),
  })
  .refine((settings) => Object.values(settings).filter((kind) => kind !== undefined).length === 1, {
    error: 'give exactly one of file, azureBlob and mlflow',
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .describe('Where champions, their epochs and artifacts are kept: exactly one of file, azureBlob and mlflow.');
export type RegistrySettings = z.output<typeof registrySettingsSchema>;

export interface RegistryParts {
  /** Absolute; where a file registry lies unless its settings say otherwise. */
  readonly folder: string;
  /** Absolute; what relative paths in the settings are relative to. Default: the working directory. */
  readonly baseFolder?: string;
  /** For `azureBlob.accountUrl` without a shared access signature. */
  readonly credential?: TokenCredential;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The registry that the settings describe. Nothing is read, connected to or made before it is used. */
export function createRegistry({ file, azureBlob, mlflow }: RegistrySettings, parts: RegistryParts): Registry {
  const { folder, baseFolder = '.' } = parts;
  if (file)
    return new FileRegistry({
      ...parts,
      ...file,
      folder: file.folder === undefined ? folder : resolve(baseFolder, file.folder),
    });
  if (azureBlob) return new AzureBlobRegistry({ ...parts, ...azureBlob });
  if (mlflow) return new MlflowRegistry({ ...parts, ...mlflow });
  throw new RetrainError('CONFIGURATION_INVALID', 'registry: give exactly one of file, azureBlob and mlflow');
}
