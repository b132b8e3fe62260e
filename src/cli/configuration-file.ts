/** The configuration that commands read unless they are told another one. */
export const CONFIGURATION_FILE = 'retrain.yaml';
