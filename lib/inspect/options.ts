import { parseArgs } from 'node:util';
import { explainCommandLine, refuseSwallowed } from '../command-line.ts';
import { UsageError } from '../errors.ts';
import { parseSize } from '../size.ts';

/** What the command line of `npm run inspect` says. */
export interface InspectOptions {
  readonly targets: readonly string[];
  readonly json: boolean;
  readonly deployment: string | undefined;
  /** The cloud of clouds.yaml that holds `glance:NAME`, where no deployment says so. */
  readonly cloud: string | undefined;
  /** What may be downloaded whole from a server that knows no Range. */
  readonly downloadInBytes: number | undefined;
  readonly help: boolean;
}

const definitions = {
  json: { type: 'boolean', default: false },
  deployment: { type: 'string' },
  'os-cloud': { type: 'string' },
  download: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const usage = `Usage: npm run inspect -- TARGET... [options]

Says what a disk image, a kernel, an initramfs or a boot file is, by its bytes:
without root, without mounting, and reading no more than it needs.

  TARGET                a file, http(s)://host/path (read by ranges),
                        ssh://[user@]host[:port]/path, or glance:NAME (or id)
  --deployment FILE     the deployment.yaml whose cloud holds glance:NAME, and
                        whose user and keys are used for ssh://
  --os-cloud NAME       the cloud of clouds.yaml that holds glance:NAME; also
                        OS_CLOUD, or the other OS_* variables
  --download SIZE       how much may be downloaded whole (2 GiB) from a server
                        that knows no ranges
  --json                for programs, in place of the tree
  --help                this text

Exit codes: 0 understood, 1 recognised but damaged or not read in part,
2 could not be read at all. Of several targets, the worst.`;

/**
 * Reads the command line. Nothing unknown is ignored.
 * @throws UsageError naming what is unknown and the nearest option
 */
export function parseInspectOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): InspectOptions {
  const names = Object.keys(definitions);
  refuseSwallowed(
    names.filter((name) => name !== 'help'),
    environment,
    'npm run inspect --',
  );
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    throw new UsageError(explainCommandLine(error, names), { cause: error });
  }
  const { values, positionals: targets } = parsed;
  if (targets.length === 0 && !values.help) {
    throw new UsageError('nothing to inspect: a file, http(s)://, ssh:// or glance:NAME is expected');
  }
  const { json, deployment, download, help } = values;
  const downloadInBytes = download === undefined ? undefined : parseSize(download);
  if (download !== undefined && downloadInBytes === undefined) {
    throw new UsageError(`--download ${JSON.stringify(download)}: a size such as 2 GiB is expected`);
  }
  const cloud = values['os-cloud'];
  if (cloud !== undefined && deployment !== undefined) {
    throw new UsageError('--os-cloud and --deployment both say which cloud; keep one');
  }
  return { targets, json, deployment, cloud, downloadInBytes, help };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: definitions, strict: true, allowPositionals: true });
}
