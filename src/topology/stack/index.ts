export { type ProjectFile, stackSettings } from './stack-settings.ts';
export {
  namespaceOf,
  parseTopologyTemplate,
  renderTopology,
  type StackTopic,
  TOPOLOGY_TEMPLATE,
} from './topology-template.ts';
