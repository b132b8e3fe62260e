import { Command, Option } from 'commander';
import { files } from '../runtime/files.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import {
  identityId,
  imageReference,
  manifestSettings,
  namespaceName,
  quantity,
  resourceName,
  secretName,
  serviceBusName,
  variable,
} from './manifest-settings.ts';
import type { ManifestFlags } from './manifest-settings.ts';
import { manifestJson, manifestYaml } from './manifest-text.ts';
import { count } from './option.ts';

interface KubernetesFlags extends ManifestFlags {
  readonly output?: string;
  readonly json?: true;
}

export function manifestsCommand(): Command {
  return new Command('manifests')
    .description('Prints what a platform needs to run what the configuration describes.')
    .addCommand(kubernetesCommand());
}

function kubernetesCommand(): Command {
  return new Command('k8s')
    .description(
      'Prints the manifests of Kubernetes: the worker as jobs that KEDA starts when requests wait, and what else the configuration has.',
    )
    .option('--image <ref>', 'the image of retrain with your trainer in it', imageReference)
    .option('--config <file>', `configuration (default: ${CONFIGURATION_FILE})`)
    .option('--namespace <name>', 'namespace of all objects (default: that of kubectl)', namespaceName)
    .option('--create-namespace', 'print the namespace, too')
    .option('--name <name>', 'what the names of all objects begin with (default: retrain)', resourceName)
    .option(
      '--service-bus <namespace>',
      "namespace of Service Bus, such as contoso (default: the configuration's)",
      serviceBusName,
    )
    .addOption(
      new Option(
        '--identity <kind>',
        "how KEDA signs in: workload for Entra ID (default: as the configuration's connection)",
      ).choices(['workload']),
    )
    .option('--client-id <id>', "with --identity: client id of the pods' managed identity", identityId)
    .option(
      '--scaler-client-id <id>',
      "with --identity: client id of KEDA's managed identity (default: that of KEDA's operator)",
      identityId,
    )
    .option(
      '--connection-secret <name>',
      'Secret with the variables and the key for KEDA (default: NAME-secrets)',
      secretName,
    )
    .option('--env <NAME=value>', 'a variable of the containers that is no secret; repeatable', variable)
    .option('--secret-configuration', 'put the configuration into a Secret instead of a ConfigMap')
    .option(
      '--max-replicas <n>',
      'jobs of the worker at the same time (default: the number of models, at most 10)',
      count,
    )
    .option('--polling-interval <s>', 'seconds between two looks into the queue (default: 30)', count)
    .option('--cpu <quantity>', 'CPU that a job of the worker asks for (default: 1)', quantity)
    .option('--memory <quantity>', 'memory of a job of the worker (default: 2Gi)', quantity)
    .option('-o, --output <file>', 'file instead of stdout')
    .option('--json', 'print a v1 List as JSON, without comments')
    .addHelpText(
      'after',
      `
Nothing is connected to, and the environment is not read: what is printed depends on the configuration and on flags alone. Variables of the
configuration, \${NAME}, become variables of the containers, from a Secret that you make; the comment at the top says how. See docs/kubernetes.md.

Examples:
  retrain manifests k8s --image registry.example.com/retrain:1 --namespace retraining | kubectl apply -f -
  retrain manifests k8s --image registry.example.com/retrain:1 --identity workload --client-id 8d1b0d3c-0000-4000-8000-7d5f4a6c0e11 \\
    --service-bus contoso --env RETRAIN_NAMESPACE=contoso.servicebus.windows.net -o retrain-k8s.yaml`,
    )
    .action(printManifests);
}

async function printManifests({ output, json, ...flags }: KubernetesFlags): Promise<void> {
  const settings = await manifestSettings(flags);
  const text = json ? manifestJson(settings) : manifestYaml(settings);
  if (output === undefined) process.stdout.write(text);
  else await files.writeAtomic(output, text);
}
