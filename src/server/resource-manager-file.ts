/** The file in the data folder that there is when Azure Resource Manager knows a namespace. */
export const NAMESPACE_FILE = 'namespace.json';
