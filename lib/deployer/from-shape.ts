import { z } from 'zod';

const path = z
  .string()
  .min(1)
  .refine((text) => !text.includes('://'), { message: 'a path on this machine is expected' });
const paths = z.preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(path).min(1));

/** Names of conductors by host of the inventory, where `[DEFAULT]host` is another than the inventory tells. */
const hostnames = z.record(z.string(), z.string().min(1)).default({});

/** The `from` of deployment.yaml: which deployer's files tell of conductors and hosts. Paths are on this machine. */
export const fromShape = z
  .strictObject({
    /** /etc/openstack_deploy, where openstack_inventory.json and the user variables are. */
    openstack_ansible: z
      .preprocess(
        (given) => (typeof given === 'string' ? { config: given } : given),
        z.strictObject({ config: path, hostnames }),
      )
      .optional(),
    kolla_ansible: z
      .strictObject({
        inventory: paths,
        /** Where globals.yml is. */
        config: path.default('/etc/kolla'),
        hostnames,
      })
      .optional(),
    bifrost: z.strictObject({ inventory: paths, hostnames }).optional(),
  })
  .superRefine((given, context) => {
    const named = Object.values(given).filter((one) => one !== undefined).length;
    if (named === 1) return;
    context.addIssue({
      code: 'custom',
      message: `one of openstack_ansible, kolla_ansible and bifrost is expected, ${named} are given`,
    });
  });

export type From = z.infer<typeof fromShape>;
