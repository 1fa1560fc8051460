import { describe, expect, test } from 'vitest';
import { ironicConfig, type IronicConfig } from './config.ts';
import { inWrongSection, misspellings, occurrences, swallowed } from './mistakes.ts';

const option = 'ipxe_bootfile_name_by_arch';

function conf(...lines: string[]): IronicConfig {
  return ironicConfig([{ text: lines.join('\n'), origin: 'ironic.conf' }]);
}

describe('an option that is ignored', () => {
  test('for its section', () => {
    const config = conf(
      '[DEFAULT]',
      `${option} = a:b`,
      '[PXE]',
      `${option} = a:b`,
      '[ pxe ]',
      `${option} = a:b`,
    );
    expect(occurrences(config, option).map(({ assignment }) => assignment.line)).toEqual([2, 4, 6]);
    expect(inWrongSection(config, 'pxe', option).map(({ assignment }) => assignment.section)).toEqual([
      'DEFAULT',
      ' pxe ',
    ]);
  });

  test('for its spelling', () => {
    const config = conf(
      '[pxe]',
      'ipxe_bootfile_by_arch = 5 letters off',
      'ipxe_bootfile_names_by_arch = a',
      'ipxe-bootfile-name-by-arch = a',
      'IPXE_bootfile_name_by_arch = a',
      'ipxe_boot_file_name_by_arch = a',
      'pxe_bootfile_name_by_arch = another option',
      `${option} = a:b`,
    );
    expect(misspellings(config, option).map(({ assignment, how }) => [assignment.line, how])).toEqual([
      [3, 'letters'],
      [4, 'dashes'],
      [5, 'case'],
      [6, 'letters'],
    ]);
  });

  test('for being indented under another', () => {
    const config = conf(
      '[pxe]',
      'tftp_root = /tftpboot',
      '# the mapping',
      'uefi_ipxe_bootfile_name = ipxe.efi',
      `  ${option} = aarch64:x`,
      `  ${option}s = no`,
    );
    expect(swallowed(config, option)).toMatchObject([
      {
        origin: 'ironic.conf',
        line: 5,
        text: `${option} = aarch64:x`,
        assignment: { key: 'uefi_ipxe_bootfile_name', line: 4 },
      },
    ]);
    expect(config.find('pxe', option)).toBeUndefined();
  });
});
