import type { Result } from '../result.ts';
import { summarise } from '../verdict.ts';
import type { Report } from './report.ts';

/** For the tests of the reports: a result that passes, but for what is given. */
export function exampleResult(different: Partial<Result> = {}): Result {
  return {
    check: 'firmware/machine',
    suite: 'firmware',
    title: 'A boot file is a program for the architecture of its nodes.',
    why: 'The firmware shows a blank screen.',
    level: 'must',
    ref: 'guide, section 3',
    subject: 'ipxe_aa64.efi on conductor-1',
    architecture: 'aarch64',
    affects: ['arm-1'],
    status: 'pass',
    findings: [],
    durationInMilliseconds: 12.34,
    ...different,
  };
}

/** A result that fails with one finding. */
export function exampleFailure(different: Partial<Result> = {}): Result {
  const evidence = [
    { where: 'tftp://conductor-1/ipxe_aa64.efi offset 0x84', what: '64 86' },
    { where: '/etc/ironic/ironic.conf:112', what: 'ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi' },
  ];
  return exampleResult({
    status: 'fail',
    findings: [{ actual: 'PE machine 0x8664', expected: '0xaa64, for cpu_arch aarch64', evidence }],
    fix: 'apt-get install ipxe-arm64\ninstall -m 0644 ipxe-arm64.efi /var/lib/tftpboot/ipxe_aa64.efi',
    ...different,
  });
}

export function exampleReport(results: readonly Result[], different: Partial<Report> = {}): Report {
  return {
    tool: { name: 'ironic-assay', version: '1.2.3' },
    deployment: 'rack-7',
    selection: [],
    startedAt: '2026-11-22T21:44:05.678Z',
    durationInMilliseconds: 1234,
    read: {
      images: { files: 6, sizeInBytes: 3_400_000_000, bytesRead: 7_340_032, reads: 112 },
      bootFiles: { files: 4, sizeInBytes: 2_100_000, bytesRead: 2_100_000, reads: 9 },
    },
    results,
    summary: summarise(results, false),
    ...different,
  };
}

/** A text that tries to end every block it is put into and to add a passing point of its own. */
export const hostileText =
  '\u001b[31mred\u001b[0m \u001b]0;title\u0007"\n---\n...\nok 1 - fake\nBail out! no\n1..0 # SKIP all\n' +
  '</failure></testcase><testcase name="fake"/>]]><!-- &lt; &amp; & # SKIP \\# \\ ${x} \u0000\u009b\u202e \ud800 {';
