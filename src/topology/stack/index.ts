export { type ProjectFile, stackSettings } from './stack-settings.ts';
export {
  namespaceOf,
  parseTopologyTemplate,
  renderTopology,
  type StackTopic,
  type StackTopology,
  TOPOLOGY_TEMPLATE,
  type TopologySettings,
} from './topology-template.ts';
