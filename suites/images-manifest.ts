import { architectureMeant } from '../lib/arch.ts';
import { check, finding, unless } from '../lib/check.ts';
import { askedDatasources } from '../lib/guest/dib.ts';
import { datasource, dibManifest, userland } from '../lib/subjects/guests.ts';
import { root, userImages } from '../lib/subjects/user-images.ts';
import { ubuntu } from './images-guest.ts';

/** What diskimage-builder wrote down of its own build, against what the build left. */
export const manifestChecks = [
  check({
    id: 'manifest',
    title: 'the image is what diskimage-builder was asked for',
    why: 'the build succeeded and left out what was asked: -a is a label to elements that start from a container, and without its element, or before cloud-init is installed, DIB_CLOUD_INIT_DATASOURCES writes nothing',
    level: 'should',
    ref: 'diskimage-builder, elements/manifests; elements/cloud-init-datasources/install.d/05-set-cloud-init-sources',
    per: userImages,
    facts: { root, dibManifest, userland, datasource },
    check({ root, dibManifest, userland, datasource: { datasources } }) {
      if (dibManifest === undefined) return { notApplicable: 'the image has no /etc/dib-manifests' };
      const { path, architecture } = dibManifest;
      const label = architecture === undefined ? undefined : architectureMeant(architecture);
      const machines = [...new Set(userland.map((program) => program.architecture?.name ?? 'unknown'))];
      const asked = askedDatasources(dibManifest);
      const list = datasources.list.filter((name) => name !== 'None');
      return [
        ...unless(label === undefined || machines.includes(label.name), () =>
          finding(`programs for ${machines.join(', ') || 'no machine'}`, `${label?.name}, asked for by -a`, [
            { where: `${root.fs.origin} › ${path}/dib_arguments`, what: `-a ${architecture}` },
          ]),
        ),
        ...unless(asked === undefined || asked.join() === list.join(), () =>
          finding(`datasource_list: [${datasources.list.join(', ')}]`, `${asked?.join(', ')}, as asked for`, [
            {
              where: `${root.fs.origin} › ${path}/dib_environment`,
              what: `DIB_CLOUD_INIT_DATASOURCES="${asked?.join(', ')}"`,
            },
            { where: `${root.fs.origin} › ${datasources.setBy}`, what: datasources.list.join(', ') },
          ]),
        ),
      ];
    },
    fix: 'build it again on a host of its architecture, with the elements cloud-init and cloud-init-datasources; look for a later file in /etc/cloud/cloud.cfg.d',
    faults: [
      {
        name: 'programs of another architecture than -a named',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.replaceText('-a arm64 -o', '-a amd64 -o')),
      },
      {
        name: 'other datasources than were asked for',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) =>
              disk.replaceText('DIB_CLOUD_INIT_DATASOURCES="Ec2"', 'DIB_CLOUD_INIT_DATASOURCES="OVF"'),
            ),
      },
      {
        name: 'the file of the datasources left out',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) =>
              disk.root().rename('91-dib-cloud-init-datasources.cfg', '91-dib-cloud-init-datasources.off'),
            ),
        also: ['images/datasource'],
      },
    ],
  }),
];
