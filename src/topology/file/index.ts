export { ConfigurationFileError } from '../../document/file-problem.ts';
export { namespaceSchema } from './namespace-schema.ts';
export { namespaceText } from './namespace-text.ts';
export { parseTopologyFile } from './topology-file.ts';
