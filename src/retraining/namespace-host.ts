/** A namespace's host, as Azure shows it, without scheme and path; a port is for brokers elsewhere. */
export const NAMESPACE_HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::\d{1,5})?$/;
export const NAMESPACE_HOST_RULE = "use the namespace's host, such as contoso.servicebus.windows.net";
