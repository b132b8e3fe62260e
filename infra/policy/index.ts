import { PolicyPack } from '@pulumi/policy';
import { accessRights } from './access-rights';
import { alerts } from './alerts';
import { diagnostics } from './diagnostics';
import { protection } from './protection';
import { publicAccess } from './public-access';
import { signIn } from './sign-in';
import { transport } from './transport';

const policies = [transport, accessRights, publicAccess, signIn, protection, alerts, diagnostics].flat();

void new PolicyPack('retrain', { policies, enforcementLevel: 'mandatory' });
