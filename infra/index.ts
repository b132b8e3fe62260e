import * as pulumi from '@pulumi/pulumi';

export const stack_name = pulumi.getStack();
