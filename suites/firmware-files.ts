import { check, finding } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import { type Place, bootFilePlace } from '../lib/subjects/boot-file-places.ts';
import { type BootFileSubject, bootFiles } from '../lib/subjects/boot-files.ts';

const readableByOthers = 0o004;
const searchableByOthers = 0o001;

/** SELinux types that the policy lets the servers read; a container's files have one of their own. */
const servedTypes: Readonly<Record<BootFileSubject['transport'], readonly string[]>> = {
  tftp: ['tftpdir_t', 'tftpdir_rw_t', 'public_content_t', 'public_content_rw_t', 'container_file_t'],
  http: [
    'httpd_sys_content_t',
    'httpd_sys_rw_content_t',
    'public_content_t',
    'public_content_rw_t',
    'container_file_t',
  ],
};

const lacks = ({ status }: Place, bit: number) => (status.mode & bit) === 0;

function describe({ path, status: { mode, owner, group } }: Place): string {
  const who = [owner, group].map(({ id, name }) => name ?? id).join(':');
  return `${path} has mode ${mode.toString(8).padStart(4, '0')}, ${who}`;
}

/** The type in `user:role:type:level`. */
const typeOf = ({ status }: Place) => status.label?.split(':')[2];

/** What the file system of a conductor says of the boot files in its roots. */
export const fileChecks = [
  check({
    id: 'readable',
    title: 'the boot file may be read by the server that hands it out',
    why: 'the node prints "PXE-E23" or "PXE-E99", and the log of tftpd "File must have global read permissions" or "Permission denied"',
    level: 'should',
    ref: 'tftpd-hpa(8), --permissive: without it, files must be readable by others; dnsmasq(8), --tftp-secure; tftpd_selinux(8)',
    per: bootFiles,
    facts: { place: outcomeOf(bootFilePlace) },
    check({ place }, { conductor, transport }) {
      if (!place.ok) {
        return place.missing
          ? { notApplicable: `not in the root that its configuration names: ${place.problem}` }
          : { notVerified: place.problem };
      }
      if (place.value === undefined) {
        return { notApplicable: 'the configuration is a copy: the files of the conductor are not seen' };
      }
      const { directories, file } = place.value;
      const at = (what: string) => [{ where: `${conductor.name}: ${file.path}`, what }];
      const closed = directories.filter((directory) => lacks(directory, searchableByOthers));
      const type = typeOf(file);
      const types = servedTypes[transport];
      return [
        ...(lacks(file, readableByOthers)
          ? [
              finding(
                describe(file),
                'readable by others: the server runs as a user of its own',
                at(describe(file)),
                `chmod o+r ${file.path}`,
              ),
            ]
          : []),
        ...closed.map((directory) =>
          finding(
            describe(directory),
            'searchable by others, for what is in it to be reached',
            at(describe(directory)),
            `chmod o+x ${directory.path}`,
          ),
        ),
        ...(type !== undefined && !types.includes(type)
          ? [
              finding(
                `SELinux type ${type}`,
                `one of ${types.join(', ')}`,
                at(`${file.path} has the context ${file.status.label}`),
                `restorecon -v ${file.path}, or: semanage fcontext -a -t ${types[0]} '${directories.at(-1)?.path ?? ''}(/.*)?'`,
              ),
            ]
          : []),
      ];
    },
    fix: ({ conductor }) => `see each finding, on ${conductor.name}`,
    faults: [
      {
        name: 'a boot file for root only',
        subject: 'ipxe_aa64.efi on conductor-1',
        plant: (sim) => sim.conductor('conductor-1').chmod('/tftpboot/ipxe_aa64.efi', 0o600),
      },
      {
        name: 'a TFTP root that others may not enter',
        subject: 'on conductor-2',
        plant: (sim) => sim.conductor('conductor-2').chmod('/tftpboot', 0o750),
      },
      {
        name: 'a boot file moved from a home directory, with its SELinux type',
        subject: 'undionly.kpxe on conductor-1',
        plant: (sim) =>
          sim
            .conductor('conductor-1')
            .relabel('/tftpboot/undionly.kpxe', 'unconfined_u:object_r:admin_home_t:s0'),
      },
    ],
  }),
];
