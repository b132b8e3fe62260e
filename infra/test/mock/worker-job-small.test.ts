import * as assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { WorkerJob } from '../../components/worker-job';
import { registrationsOf } from './component-scene';
import type { Registrations } from './component-scene';

describe('the job of the worker, with the least that it can have', () => {
  let seen: Registrations;
  before(async () => {
    seen = await registrationsOf(
      () =>
        new WorkerJob('worker', {
          resourceGroupName: 'group',
          location: 'West US',
          tags: {},
          worker: {
            image: 'docker.io/contoso/worker:1',
            imageRegistryId: undefined,
            configuration: undefined,
            maxRuntimeSeconds: 60,
            maxExecutions: 1,
            pollingIntervalSeconds: 30,
            cpu: 1,
            memory: '2Gi',
          },
          namespace: { id: 'bus', name: 'bus', host: 'bus.servicebus.windows.net' },
          requests: { name: 'requests', id: 'requests-id' },
          outcomes: { name: 'outcomes', id: 'outcomes-id' },
          intake: undefined,
          storage: {
            registryContainerId: 'models-id',
            registryContainerUrl: 'https://store.blob.core.windows.net/models',
            dataContainerId: undefined,
          },
          workspaceId: undefined,
          subnetId: undefined,
        }),
    );
  });

  it('takes no events, and may not', () => {
    assert.deepEqual(seen.names('azure-native:app:Job'), ['worker-job']);
    assert.deepEqual(seen.names('azure-native:authorization:RoleAssignment'), [
      'scaler-reads-queues',
      'worker-keeps-models',
      'worker-postpones-requests',
      'worker-receives-requests',
      'worker-tells-outcomes',
    ]);
  });
  it('has the configuration of its image, and signs in at no registry', () => {
    const { configuration, template } = seen.get('worker-job').inputs as {
      configuration: Record<string, unknown>;
      template: { volumes: unknown; containers: { volumeMounts: unknown; env: { name: string }[] }[] };
    };
    assert.ok(!('secrets' in configuration));
    assert.ok(!('registries' in configuration));
    assert.deepEqual(template.volumes, [{ name: 'state', storageType: 'EmptyDir' }]);
    assert.ok(!template.containers[0]?.env.some(({ name }) => name === 'RETRAIN_INTAKE_QUEUE'));
  });
  it('is in no network and sends its logs nowhere', () => {
    const { inputs } = seen.get('worker-environment');
    assert.ok(!('vnetConfiguration' in inputs) && !('appLogsConfiguration' in inputs));
    assert.deepEqual(seen.names('azure-native:monitor:DiagnosticSetting'), []);
  });
});
