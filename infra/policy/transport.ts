import type { ResourceValidationPolicy } from '@pulumi/policy';
import { knownText, NAMESPACE, known, STORAGE_ACCOUNT } from './resources';

/** What a client speaks to namespace and storage account. */
export const transport: ResourceValidationPolicy[] = [
  {
    name: 'tls-1-2',
    description: 'Clients of namespace and storage account speak TLS 1.2 or newer.',
    remediationSteps: "Set minimumTlsVersion: '1.2' for a namespace, 'TLS1_2' for a storage account.",
    validateResource: ({ type, props }, violation) => {
      const version = knownText(props, 'minimumTlsVersion');
      const shown = version === '' ? 'left out' : version;
      if (type === NAMESPACE && !['1.2', '1.3'].includes(version))
        violation(`minimumTlsVersion of the namespace is ${shown}; it has to be 1.2 or 1.3.`);
      if (type === STORAGE_ACCOUNT && !['TLS1_2', 'TLS1_3'].includes(version))
        violation(`minimumTlsVersion of the storage account is ${shown}; it has to be TLS1_2 or TLS1_3.`);
      if (type === STORAGE_ACCOUNT && known(props, 'enableHttpsTrafficOnly') === false)
        violation('enableHttpsTrafficOnly of the storage account is false; leave it out, or set it to true.');
    },
  },
];
