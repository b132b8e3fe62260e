// A producer that has a token instead of a key. A process of its own, because Node reads NODE_EXTRA_CA_CERTS when it starts.
import { credentialConnection, RetrainError, RetrainingProducer } from 'retrain';

const [host = '', queue = ''] = process.argv.slice(2);

/** As DefaultAzureCredential is one: a token that only Entra ID could verify, or none at all. */
const credential = {
  getToken: () => {
    if (process.env['NO_TOKEN']) {
      const unavailable = new Error('no account is signed in');
      unavailable.name = 'CredentialUnavailableError';
      return Promise.reject(unavailable);
    }
    const expiresOnTimestamp = Date.now() + 3_600_000;
    const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
    const claims = { aud: 'https://servicebus.azure.net', exp: Math.floor(expiresOnTimestamp / 1000) };
    return Promise.resolve({ token: `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmVk`, expiresOnTimestamp });
  },
};

try {
  await using producer = new RetrainingProducer({ connection: credentialConnection(host, credential), queue });
  const { id } = await producer.request({ model: { name: 'm' }, trigger: { kind: 'manual' } });
  process.stdout.write(JSON.stringify({ id }));
} catch (error) {
  const { message } = error as Error;
  process.stdout.write(JSON.stringify({ code: error instanceof RetrainError ? error.code : 'none', message }));
}
process.exit();
