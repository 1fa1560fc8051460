import { z } from 'zod';
import { architectureMeant, architectureNamed, architectures } from './arch.ts';
import { fromShape } from './deployer/from-shape.ts';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';
import { didYouMean } from './suggest.ts';

/**
 * deployment.yaml: where to look, and only what is expected beyond what the deployment itself says.
 * A location is a path (relative to the file), `ssh://[user@]host[:port]/path` or `tftp://host[:port]/`.
 */
const location = z.string().min(1);

const shortestTimeoutInMilliseconds = 100;
const longestTimeoutInMilliseconds = 10 * 60_000;

/** Milliseconds, of a number of seconds or a text such as `10 s`. */
const timeout = z
  .union([z.number(), z.string()])
  .transform((given) => parseDuration(String(given)) ?? Number.NaN)
  .refine((time) => time >= shortestTimeoutInMilliseconds && time <= longestTimeoutInMilliseconds, {
    message: 'not a time such as 10 s, from 100 ms to 10 min',
  });

const architecture = z.string().superRefine((name, context) => {
  if (architectureNamed(name) !== undefined) return;
  const meant = architectureMeant(name)?.name;
  const names = architectures.map((known) => known.name);
  const hint = meant === undefined ? didYouMean(name, names) : `; did you mean "${meant}"?`;
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(name)} is no architecture that is known here${hint}`,
  });
});

/** The name alone, or a mapping. */
const cloud = z.preprocess(
  (given) => (typeof given === 'string' ? { name: given } : given),
  z.strictObject({
    /** Its name in clouds.yaml, or `envvars` for what the OS_* variables say. */
    name: z.string().min(1),
    /** The clouds.yaml, in place of those that openstacksdk would find. */
    file: z
      .string()
      .min(1)
      .refine((text) => !text.includes('://'), { message: 'a file is expected' })
      .optional(),
    /** One of the cloud's regions; the first unless said otherwise. */
    region: z.string().min(1).optional(),
    /** The entry that Glance is asked with, where it does not take the scope that Ironic needs. */
    images: z.string().min(1).optional(),
  }),
);

export const deploymentShape = z
  .strictObject({
    name: z.string().min(1),
    /** Ironic's release, such as 2025.1; found from the API's version when absent. */
    release: z.string().optional(),
    /** Architectures that must be ready, also where no node of them is enrolled yet. */
    architectures: z.array(architecture).default([]),
    cloud: cloud.optional(),
    /** Whose files tell of conductors and hosts; what is said here goes before. */
    from: fromShape.optional(),
    /** For every host; what ~/.ssh/config says of one goes before, and keys of both are tried. */
    ssh: z
      .strictObject({
        user: z.string().optional(),
        identity: z.string().optional(),
        known_hosts: z.string().optional(),
        /** In place of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads neither. */
        config: z.string().optional(),
      })
      .default({}),
    /** Hosts by the name that `ssh://NAME/…` gives them, where more is to be said than ~/.ssh/config does. */
    hosts: z
      .record(
        z.string(),
        z.strictObject({
          /** Its name or address, when it is not the key. */
          address: z.string().min(1).optional(),
          port: z.int().min(1).max(65_535).optional(),
          user: z.string().optional(),
          /** Reads with `sudo -n` what the user may not. */
          sudo: z.boolean().optional(),
          /** The words of the command that runs a command in the container meant: `docker exec ironic_conductor`. */
          container: z.string().min(1).optional(),
        }),
      )
      .default({}),
    /** Boot files and images on web servers. */
    web: z
      .strictObject({
        /** The authorities of their certificates, in PEM, in place of the system's. */
        cacert: z.string().optional(),
        /** How much may be downloaded whole, in all, from servers that know no Range: `2 GiB`. */
        download: z
          .union([z.int().nonnegative(), z.string()])
          .transform((given) => (typeof given === 'number' ? given : (parseSize(given) ?? Number.NaN)))
          .refine(Number.isSafeInteger, { message: 'not a size such as 2 GiB' })
          .optional(),
      })
      .default({}),
    /**
     * How long an answer is waited for, whoever is asked; each has its own usual time where nothing is said. What
     * clouds.yaml (api_timeout) and ~/.ssh/config (ConnectTimeout) say goes before.
     */
    timeout: timeout.optional(),
    /** Recorded answers of the APIs, in place of a cloud. */
    nodes: location.optional(),
    ports: location.optional(),
    images: location.optional(),
    conductors: z
      .array(
        z.strictObject({
          name: z.string().min(1),
          /**
           * ironic.conf and what follows it, in the order in which oslo.config reads them; a name that ends in `/`
           * is a directory, whose *.conf are read in the order of their names.
           */
          config: z.array(location).min(1),
          /**
           * The service's `OS_<GROUP>__<OPTION>` environment, which overrides the files: itself, or the place of its
           * unit's EnvironmentFile, or of /proc/1/environ in its container.
           */
          environment: z.union([z.record(z.string(), z.string()), location]).default({}),
          /** The TFTP server that nodes are sent to, or a copy of its root; `[pxe]tftp_server` unless said otherwise. */
          tftp: location.optional(),
          /** The HTTP server that nodes are sent to, or a copy of its root; `[deploy]http_url` unless said otherwise. */
          http: location.optional(),
        }),
      )
      .min(1)
      .default([]),
    user_images: z
      .array(
        z.strictObject({
          /** Glance name or id, or a URL. */
          image: z.string().min(1),
          architecture,
          /** os-release ID, such as ubuntu or rocky. */
          os: z.string().optional(),
          /** The datasource that must serve the node, such as Ec2 or ConfigDrive. */
          datasource: z.string().optional(),
        }),
      )
      .default([]),
  })
  .superRefine((given, context) => {
    const say = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    for (const name of ['nodes', 'images'] as const) {
      if (given.cloud === undefined && given[name] === undefined) {
        say(name, `missing: without a cloud, recorded ${name} are needed`);
      }
      if (given.cloud !== undefined && given[name] !== undefined) {
        say(name, `both a cloud and recorded ${name} are given; keep one`);
      }
    }
    if (given.from === undefined && given.conductors.length === 0) {
      say('conductors', 'missing: without from, the conductors are to be named');
    }
    const names = given.conductors.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) say('conductors', `two conductors are called ${JSON.stringify(twice)}`);
  });
