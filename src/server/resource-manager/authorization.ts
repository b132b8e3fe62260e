import { expiryOf, hasRight, tokenIn, verdictOn } from '../http-authorization.ts';
import { isSasToken } from '../sas-token.ts';
import type { Service } from '../service.ts';
import { ArmRefusal } from './refusal.ts';

/** What Azure Resource Manager is at, for tokens: the namespace as a whole. */
const NAMESPACE = '/';

/**
 * Lets a request in whose bearer token is a shared access signature for the namespace, of a rule with the right Manage. With `auth` none any token is let
 * in, but there must be one, as there is in the cloud.
 *
 * @throws ArmRefusal 401, 403
 */
export function authorize(service: Service, header: string | undefined): void {
  if (header === undefined || tokenIn(header).trim() === '')
    throw new ArmRefusal(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing: it must be 'Bearer' and a token.",
    );
  if (service.auth === 'none') {
    const refused = expiryOf(service, header);
    if (refused) throw invalid(refused.description);
    return;
  }
  if (!isSasToken(tokenIn(header)))
    throw invalid(
      "The token cannot be verified here: tokens of Microsoft Entra ID are not. Send 'Bearer' and a shared access signature, 'SharedAccessSignature sr=…', for the address of this broker, of a rule with Manage; or start the broker with --auth none, which takes any token.",
    );
  const verdict = verdictOn(service, header, NAMESPACE);
  if (!verdict.granted) throw invalid(verdict.description);
  const { credential } = verdict;
  if (!hasRight(credential, undefined, 'Manage'))
    throw new ArmRefusal(
      'AuthorizationFailed',
      `The rule '${credential.rule.name}' does not have authorization to perform this action: it needs the right Manage on the namespace. Sign with another rule, such as RootManageSharedAccessKey.`,
    );
}

function invalid(said: string): ArmRefusal {
  return new ArmRefusal('InvalidAuthenticationToken', said);
}
