/** XML namespaces of the admin API (service-bus-protocol.md §12). */
export const ATOM = { xmlns: 'http://www.w3.org/2005/Atom' };
export const DESCRIPTION = {
  xmlns: 'http://schemas.microsoft.com/netservices/2010/10/servicebus/connect',
  'xmlns:i': 'http://www.w3.org/2001/XMLSchema-instance',
};
/** Declared on the element itself: the JavaScript client looks for exactly one prefix there (§12.4). */
export const COUNTS = { 'xmlns:d2p1': 'http://schemas.microsoft.com/netservices/2011/06/servicebus' };
/** Types of values; the JavaScript client takes off five characters, a prefix of four and its colon (§12.4). */
export const VALUE_TYPES = { prefix: 'd6p1', uri: 'http://www.w3.org/2001/XMLSchema' };
