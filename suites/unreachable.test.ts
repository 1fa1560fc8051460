import { expect, test } from 'vitest';
import { assaySimulation } from '../fixtures/simulated/assay.ts';
import { type Simulation, healthy } from '../fixtures/simulated/simulation.ts';
import { summarise } from '../lib/verdict.ts';

/** What could not be had, by suite, each reason once; and that the rest was judged, with nothing failing by it. */
async function assayWith(change: (simulation: Simulation) => void) {
  const simulation = await healthy();
  change(simulation);
  const results = await assaySimulation(simulation);
  const open = results.filter(({ status }) => status === 'not verified');
  return {
    results,
    unverified: [...new Set(open.map(({ suite }) => suite))].toSorted(),
    reasons: [...new Set(open.map(({ reason }) => reason ?? ''))],
    passing: [
      ...new Set(results.filter(({ status }) => status === 'pass').map(({ suite }) => suite)),
    ].toSorted(),
    reported: results.filter(({ status }) => ['fail', 'warning', 'error'].includes(status)),
    summary: summarise(results, false),
  };
}

test('a refused password leaves what needs the cloud unverified, and the configuration is still judged', async () => {
  const { unverified, reasons, passing, reported, summary } = await assayWith((sim) => {
    sim.identity.wrongPassword = true;
  });
  expect(reported).toEqual([]);
  expect(passing).toEqual(['access', 'conf', 'deployer', 'http']);
  expect(unverified).toEqual(['access', 'conf', 'deploy', 'deployer', 'firmware', 'http', 'images', 'nodes']);
  for (const reason of reasons) expect(reason).toMatch(/keystone.*401/);
  expect(summary.exitCode).toBe(2);
});

test('a TFTP server that is not there leaves its boot files unverified, and names the address', async () => {
  const { unverified, reasons, reported, summary } = await assayWith((sim) => {
    sim.conductor('conductor-2').tftpBehaviour = { silent: true };
  });
  expect(reported).toEqual([]);
  expect(unverified).toEqual(['firmware']);
  for (const reason of reasons)
    expect(reason).toMatch(/tftp:\/\/127\.0\.0\.1:\d+.*no answer|not served without/);
  expect(summary).toMatchObject({ verdict: 'not verified', exitCode: 2 });
});

test('redacted fields are not verified, and never taken for missing', async () => {
  const { unverified, reported } = await assayWith((sim) => {
    for (const node of sim.nodes) {
      node.driver_info = { content: '** Redacted - requires baremetal:node:get:driver_info permission. **' };
    }
  });
  expect(reported).toEqual([]);
  expect(unverified).toContain('nodes');
});

test('no visible node is no proof that there is none', async () => {
  const { results, reasons, reported, summary } = await assayWith((sim) => {
    for (const name of sim.nodes.map((node) => node.name)) sim.removeNode(name ?? '');
  });
  expect(reported).toEqual([]);
  expect(
    results.filter(({ suite }) => suite === 'nodes').every(({ status }) => status === 'not verified'),
  ).toBe(true);
  expect(reasons.some((reason) => reason.includes('no node is visible'))).toBe(true);
  expect(summary.exitCode).toBe(2);
});

test('an image that is no disk fails for what it is, and the others are judged', async () => {
  const { reported, passing } = await assayWith((sim) => {
    sim
      .image('ubuntu-24.04-aarch64')
      .replace(Buffer.from('<!DOCTYPE html><html><body>Not found</body></html>'));
  });
  expect(new Set(reported.map(({ check }) => check))).toEqual(new Set(['images/format']));
  expect(reported[0]?.findings[0]?.actual).toBe('html');
  expect(passing).toEqual(['access', 'conf', 'deploy', 'deployer', 'firmware', 'http', 'images', 'nodes']);
});
