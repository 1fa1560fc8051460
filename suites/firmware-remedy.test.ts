import { expect, test } from 'vitest';
import { assaySimulation } from '../fixtures/simulated/assay.ts';
import { type Simulation, healthy } from '../fixtures/simulated/simulation.ts';
import { putInRoot } from './firmware-remedy.ts';

const arm = {
  architecture: 'aarch64',
  mode: 'uefi',
  name: 'ipxe.efi',
  ipxe: true,
  transport: 'tftp',
  conductor: { name: 'conductor-1' },
  sharedWith: ['x86_64'],
} as const;

async function remedies(id: string, change: (simulation: Simulation) => void) {
  const simulation = await healthy();
  change(simulation);
  const results = await assaySimulation(simulation);
  return results.filter(({ check, fix }) => check === id && fix !== undefined).map(({ fix }) => fix);
}

test('an architecture that is given the default file is mapped, and the file of the others is left alone', async () => {
  const [first, ...others] = await remedies('firmware/machine', (sim) =>
    sim.everyConductor((conductor) => conductor.edit(/ipxe_bootfile_name_by_arch.*\n/, '')),
  );
  expect(first?.split('\n')).toEqual([
    'in ironic.conf, section [pxe]: ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi  # beside what is mapped; then restart ironic-conductor',
    'put the aarch64 EFI build of iPXE in the TFTP root of conductor-1 as ipxe_aa64.efi (OpenStack-Ansible: ironic_tftp_extra_content)',
    'leave ipxe.efi as it is: nodes of x86_64 are given it',
  ]);
  expect(others).toHaveLength(1);
});

test('where the default is overwritten by the ARM build, the x86-64 build goes back to its place', async () => {
  const fixes = await remedies('firmware/machine', (sim) =>
    sim.everyConductor((conductor) => {
      conductor.edit(/ipxe_bootfile_name_by_arch.*\n/, '');
      conductor.replaceFile('ipxe.efi', conductor.file('ipxe_aa64.efi'));
    }),
  );
  expect(fixes[0]).toBe('put the x86_64 EFI build of iPXE in the TFTP root of conductor-1 as ipxe.efi');
});

test('a name of its own is kept', () => {
  expect(putInRoot({ ...arm, sharedWith: [] })).toBe(
    'put the aarch64 EFI build of iPXE in the TFTP root of conductor-1 as ipxe.efi (OpenStack-Ansible: ironic_tftp_extra_content)',
  );
});

test('plain PXE has options and programs of its own', () => {
  const fix = putInRoot({ ...arm, name: 'bootx64.efi', ipxe: false });
  expect(fix).toContain('[pxe]: pxe_bootfile_name_by_arch = aarch64:bootaa64.efi ');
  expect(fix).toContain('put the aarch64 EFI build of shim or GRUB in the TFTP root');
  expect(fix).toContain('leave bootx64.efi as it is');
});

test('BIOS programs and files over HTTP are called so', () => {
  const bios = { ...arm, architecture: 'x86_64', mode: 'bios', name: 'undionly.kpxe' };
  expect(putInRoot(bios)).toBe(
    'put the x86_64 BIOS build of iPXE in the TFTP root of conductor-1 as undionly.kpxe',
  );
  expect(putInRoot({ ...bios, ipxe: false, name: 'pxelinux.0', transport: 'http' })).toBe(
    'put the x86_64 BIOS build of PXELINUX in the HTTP root of conductor-1 as pxelinux.0',
  );
});
