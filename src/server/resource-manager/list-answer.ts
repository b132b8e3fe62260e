import { pageOf } from '../http-request.ts';
import type { ArmRequest } from './arm-request.ts';
import type { ArmAnswer } from './resource-kind.ts';

/** A list as the service has it: the page of `all` that is asked for, and the address of the next one when there is more. */
export function listAnswer<T>(request: ArmRequest, all: readonly T[], shown: (item: T) => object): ArmAnswer {
  const { origin, urlPath, apiVersion, page } = request;
  const { items, more } = pageOf(all, page);
  const { skip, top } = page;
  const next = `${origin}${urlPath}?api-version=${apiVersion}&$skip=${skip + items.length}&$top=${top}`;
  return { status: 200, body: { value: items.map((item) => shown(item)), ...(more && { nextLink: next }) } };
}
