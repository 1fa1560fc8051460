import { expect, test } from 'vitest';
import { redact } from './redact.ts';

test.for([
  ['connection = mysql+pymysql://ironic:s3cret@10.0.0.5/ironic', 'mysql+pymysql://ironic:******@10.0.0.5'],
  ['rabbit://openstack:p@ss:word@10.0.0.5:5672//', 'rabbit://openstack:******@10.0.0.5:5672'],
  ['[keystone_authtoken] password = s3cret', 'password = ******'],
  ['ipa-api-url=http://a rootpwd="$6$s3cret" x=1', 'rootpwd="$6$s3cret" x=1'],
  ['rootpwd=s3cret x=1', 'rootpwd=****** x=1'],
  ['{"ipmi_password": "s3cret", "a": 1}', '"ipmi_password": "******", "a": 1}'],
  ["admin_password: 's3cret'", 'admin_password: "******"'],
  [`token gAAAAAB${'s3cret'.repeat(30)}== end`, 'token ****** end'],
  ['X-Auth-Token: s3cret', 'X-Auth-Token: ******'],
  ['Authorization: Basic s3cret=', 'Authorization: Basic ******'],
  [
    'http://swift/v1/a?temp_url_sig=0123456789abcdef0123&temp_url_expires=1',
    'temp_url_sig=******&temp_url_expires=1',
  ],
  ['openstack --os-password s3cret node list', '--os-password ****** node list'],
  [
    '-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY----- x',
    '-----BEGIN RSA PRIVATE KEY----- ****** x',
  ],
] as const)('%s', ([text, expected]) => {
  expect(redact(text)).toContain(expected);
});

test.for([
  'http://10.0.0.5:8080/arm/deploy.kernel',
  'tftp://10.0.0.5/ipxe_aa64.efi offset 0x84: 64 86',
  'ssh://root@conductor-1:22/etc/ironic/ironic.conf:112',
  'openstack baremetal node set arm-1 --driver-info redfish_password=$PASSWORD',
  'openstack --os-password <password> node list',
  'redfish_password = ******',
  'password: not set',
  'min_password_length = 8',
  'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
])('leaves alone: %s', (text) => {
  expect(redact(text)).toBe(text);
});

test.for(['a', 'a.', 'a://', '-', 'password', 'x-', 'a://b:c', 'gAAAA', '-----BEGIN '])(
  'hostile repetition takes no more than its length: %s',
  (piece) => {
    const started = performance.now();
    redact(piece.repeat(Math.ceil(20_000 / piece.length)));
    expect(performance.now() - started).toBeLessThan(2000);
  },
);
