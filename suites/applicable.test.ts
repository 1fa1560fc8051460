import { expect, test } from 'vitest';
import { assaySimulation } from '../fixtures/simulated/assay.ts';
import { type Simulation, healthy } from '../fixtures/simulated/simulation.ts';

/** What is asked of a deployment that is sound in another way than the healthy one. */
async function statuses(change: (simulation: Simulation) => void) {
  const simulation = await healthy();
  change(simulation);
  const results = await assaySimulation(simulation);
  return {
    reported: results
      .filter(({ status }) => ['fail', 'warning', 'error'].includes(status))
      .map(({ check }) => check),
    of: (id: string) => [...new Set(results.filter(({ check }) => check === id).map(({ status }) => status))],
  };
}

test('where all nodes boot from virtual media, nothing of iPXE, HTTP and TFTP is asked', async () => {
  const { reported, of } = await statuses((sim) => {
    for (const node of sim.nodes) node.boot_interface = 'redfish-virtual-media';
    for (const { name } of sim.nodes) sim.removePortsOf(name ?? '');
    sim.everyConductor((conductor) => {
      conductor.edit('enabled_boot_interfaces = ipxe,pxe', 'enabled_boot_interfaces = redfish-virtual-media');
      conductor.edit('http_url = http://172.29.228.10:8051\n', '');
      conductor.edit(/tftp_server = .*/g, 'tftp_server = 127.0.0.1');
      conductor.edit('ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n', '');
      conductor.tftp.clear();
    });
  });
  expect(reported).toEqual([]);
  for (const id of [
    'conf/http-url',
    'conf/http-root',
    'conf/tftp-server',
    'conf/mapping-covers',
    'nodes/ports',
    'firmware/served',
  ]) {
    expect([id, of(id)]).toEqual([id, ['not applicable']]);
  }
});

test('where all nodes of an architecture boot by BIOS, its images need no GPT and no ESP', async () => {
  const { reported, of } = await statuses((sim) => {
    for (const name of ['x86-01', 'x86-02']) sim.node(name).properties['capabilities'] = 'boot_mode:bios';
    sim.image('rocky-9-x86_64').editDisk((disk) => disk.mbrOnly());
  });
  expect(reported).toEqual([]);
  for (const id of ['images/gpt', 'images/esp', 'images/loader']) {
    expect([id, of(id)]).toEqual([id, ['pass', 'not applicable']]);
  }
});

test('where there is one architecture only, no mapping is asked', async () => {
  const { reported, of } = await statuses((sim) => {
    for (const name of ['arm-01', 'arm-02', 'arm-03']) sim.removeNode(name);
    sim.everyConductor((conductor) =>
      conductor.edit('ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n', ''),
    );
  });
  expect(reported).toEqual([]);
  expect(of('conf/mapping-covers')).toEqual(['not applicable']);
});

/** The ARM nodes are still to be enrolled; the simulation says all else of them already. */
function beforeArm(sim: Simulation) {
  for (const name of ['arm-01', 'arm-02', 'arm-03']) sim.removeNode(name);
  sim.deployment['architectures'] = ['aarch64'];
}

test('an architecture that is named before its nodes are enrolled is judged by what they would be given', async () => {
  const { reported, of } = await statuses(beforeArm);
  expect(reported).toEqual([]);
  expect(of('firmware/served')).toEqual(['pass']);
  expect(of('conf/mapping-covers')).toEqual(['pass', 'not applicable']);
  for (const id of ['nodes/ports', 'deploy/found', 'deploy/hash', 'deploy/modules']) {
    expect([id, of(id)]).toEqual([id, ['pass', 'not verified']]);
  }
  expect(of('images/found')).toEqual(['pass']);

  const without = await statuses((sim) => {
    beforeArm(sim);
    sim.everyConductor((conductor) => conductor.removeFile('ipxe_aa64.efi'));
  });
  expect(without.reported).toContain('firmware/served');

  const unmapped = await statuses((sim) => {
    beforeArm(sim);
    sim.everyConductor((conductor) => conductor.edit(/ipxe_bootfile_name_by_arch.*\n/, ''));
  });
  expect(unmapped.reported).toContain('conf/mapping-covers');
  expect(unmapped.reported).toContain('firmware/machine');
});

test('where no conductor boots from the network, the firmware of nodes to come is not verified', async () => {
  const { of } = await statuses((sim) => {
    beforeArm(sim);
    sim.everyConductor((conductor) =>
      conductor.edit('enabled_boot_interfaces = ipxe,pxe', 'enabled_boot_interfaces = redfish-virtual-media'),
    );
  });
  expect(of('firmware/machine')).toEqual(['pass', 'not verified']);
});

test('the release follows from the newest version that the API knows, not from the one that is spoken', async () => {
  const { reported, of } = await statuses((sim) => {
    sim.ironic.maximumMicroversion = 115;
    sim.everyConductor((conductor) => conductor.edit('aarch64:ipxe_aa64.efi', 'aarch64-uefi:ipxe_aa64.efi'));
  });
  // Master knows keys with a boot mode; 2023.1, whose newest version is the newest spoken, does not.
  expect(reported).toEqual([]);
  expect(of('conf/mapping-composite')).toEqual(['pass']);
});

test('where conductor groups part the architectures, each conductor is judged by its own nodes', async () => {
  const { reported, of } = await statuses((sim) => {
    for (const name of ['arm-01', 'arm-02', 'arm-03']) sim.node(name).conductor_group = 'Arm';
    const [x86, arm] = [sim.conductor('conductor-1'), sim.conductor('conductor-2')];
    arm.edit('[conductor]\n', '[conductor]\nconductor_group = arm\n');
    arm.conductorGroup = 'arm';
    x86.edit('ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n', '');
    x86.removeFile('ipxe_aa64.efi');
    arm.edit('kernel_append_params = ipa-debug=1', 'kernel_append_params = console=ttyAMA0 ipa-debug=1');
  });
  expect(reported).toEqual([]);
  expect(of('conf/agree')).toEqual(['not applicable']);
  expect(of('conf/mapping-covers')).toEqual(['not applicable']);
  expect(of('firmware/served')).toEqual(['pass']);
});

function asChild(sim: Simulation) {
  sim.ironic.maximumMicroversion = 95;
  sim.node('arm-03').parent_node = sim.node('x86-01').uuid;
}

test('a child node, which Ironic leaves out of its lists, is judged as any other', async () => {
  const healthyChild = await statuses(asChild);
  expect(healthyChild.reported).toEqual([]);
  expect(healthyChild.of('nodes/parent')).toEqual(['pass']);
  const { reported } = await statuses((sim) => {
    asChild(sim);
    sim.node('arm-03').properties['capabilities'] = 'boot_mode=uefi';
  });
  expect(reported).toContain('nodes/capabilities-form');
});

function standalone(sim: Simulation) {
  sim.everyConductor((conductor) => {
    conductor.edit(/connection = mysql.*/, 'connection = sqlite:////var/lib/ironic/ironic.sqlite');
    conductor.alive = false;
    conductor.jsonRpcPort = 8090;
  });
}

test('with SQLite a newer Ironic writes no heartbeats; with JSON-RPC at a port of its own, its name has the port', async () => {
  const { reported, of } = await statuses((sim) => {
    standalone(sim);
    sim.ironic.maximumMicroversion = 95;
  });
  expect(reported).toEqual([]);
  expect(of('access/conductor-alive')).toEqual(['not applicable']);
  expect(of('nodes/conductor-group')).toEqual(['pass']);
  expect((await statuses(standalone)).reported).toContain('access/conductor-alive');
});

test('of a release that is not known, nobody can tell whether it looks at kernel parameters', async () => {
  const { reported, of } = await statuses((sim) => {
    sim.ironic.maximumMicroversion = 75;
    sim.everyConductor((conductor) =>
      conductor.edit('kernel_append_params = ipa-debug=1', 'kernel_append_params = ipa-debug=1 sshkey=""'),
    );
  });
  expect(reported).toEqual([]);
  expect(of('conf/append-params')).toEqual(['not verified']);
});
