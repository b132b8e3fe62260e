import type { ResourceValidationPolicy } from '@pulumi/policy';
import { BLOB_CONTAINER, known, knownText, STORAGE_ACCOUNT } from './resources';

/** Models and training data are read by who has signed in. */
export const publicAccess: ResourceValidationPolicy[] = [
  {
    name: 'no-public-blobs',
    description: 'Blobs are not readable by everybody.',
    remediationSteps: "Set allowBlobPublicAccess: false for the storage account, publicAccess: 'None' for a container.",
    validateResource: ({ type, props }, violation) => {
      if (type === STORAGE_ACCOUNT && known(props, 'allowBlobPublicAccess') !== false)
        violation('allowBlobPublicAccess of the storage account has to be false.');
      const access = knownText(props, 'publicAccess');
      if (type === BLOB_CONTAINER && access !== '' && access !== 'None')
        violation(`publicAccess of the container is ${access}; it has to be None.`);
    },
  },
];
