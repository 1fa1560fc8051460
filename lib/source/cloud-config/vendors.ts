import type { Settings, Value } from './settings.ts';

interface Vendor {
  readonly url?: string;
  /** The domain of users and projects, where it is always the same. */
  readonly domain?: string;
  readonly regions?: readonly string[];
  /** Why the cloud is no more. */
  readonly ended?: string;
  /** Where openstacksdk would fetch the description. */
  readonly remote?: string;
}

/** The public clouds that openstacksdk knows by itself, as far as it counts here. Source: openstack/config/vendors */
const vendors: Readonly<Record<string, Vendor>> = {
  auro: { url: 'https://api.van2.auro.io:5000/v3', domain: 'Default', regions: ['RegionOne'] },
  betacloud: {
    url: 'https://api-1.betacloud.de:5000',
    regions: ['betacloud-1'],
    ended: 'betacloud.de has ceased business',
  },
  binero: { url: 'https://auth.binero.cloud:5000/v3', regions: ['europe-se-1'] },
  bluebox: { regions: ['RegionOne'] },
  catalyst: { url: 'https://api.cloud.catalyst.net.nz:5000/v2.0', regions: ['nz-por-1', 'nz_wlg_2'] },
  citycloud: {
    url: 'https://{region_name}.citycloud.com:5000/v3/',
    regions: ['Buf1', 'Fra1', 'Sto2', 'Kna1', 'dx1', 'tky1'],
  },
  conoha: { url: 'https://identity.{region_name}.conoha.io', regions: ['sin1', 'sjc1', 'tyo1'] },
  dreamcompute: { url: 'https://iad2.dream.io:5000', regions: ['RegionOne'] },
  elastx: { url: 'https://ops.elastx.cloud:5000/v3', regions: ['se-sto'] },
  entercloudsuite: { url: 'https://api.entercloudsuite.com/', regions: ['it-mil1', 'nl-ams1', 'de-fra1'] },
  fuga: { url: 'https://identity.api.fuga.io:5000', domain: 'Default', regions: ['cystack'] },
  ibmcloud: {
    url: 'https://identity.open.softlayer.com',
    regions: ['london'],
    ended: 'the API Endpoint is no longer responsive',
  },
  internap: {
    url: 'https://identity.api.cloud.inap.com',
    regions: ['ams01', 'da01', 'nyj01', 'sin01', 'sjc01'],
    ended: 'Internap have been rebranded as HorizonIQ',
  },
  limestonenetworks: { url: 'https://auth.cloud.lstn.net:5000/v3', regions: ['us-dfw-1', 'us-slc'] },
  otc: { url: 'https://iam.{region_name}.otc.t-systems.com/v3', regions: ['eu-de', 'eu-nl'] },
  'otc-swiss': { url: 'iam-pub.eu-ch2.sc.otc.t-systems.com/v3', regions: ['eu-ch2'] },
  ovh: { remote: 'https://ovhcloud.com' },
  'ovh-us': {
    url: 'https://auth.cloud.ovh.us/',
    domain: 'Default',
    regions: ['US-EAST-VA-1', 'US-WEST-OR-1', 'US-EAST-VA', 'US-WEST-OR'],
  },
  rackspace: {
    url: 'https://identity.api.rackspacecloud.com/v2.0/',
    regions: ['DFW', 'HKG', 'IAD', 'ORD', 'SYD', 'LON'],
  },
  switchcloud: { url: 'https://identity.compute.cloud.switch.ch/v3', regions: ['zhw', 'zhc'] },
  switchengines: { url: 'https://keystone.cloud.switch.ch:5000/v3', regions: ['LS', 'ZH'] },
  ultimum: {
    url: 'https://console.ultimum-cloud.com:5000/',
    regions: ['RegionOne'],
    ended: 'ultimum-cloud.com has ceased business',
  },
  unitedstack: {
    url: 'https://identity.api.ustack.com/v3',
    regions: ['bj1', 'gd1'],
    ended: 'the API Endpoint is no longer responsive',
  },
  vexxhost: { remote: 'https://vexxhost.com' },
  zetta: { url: 'https://identity.api.zetta.io/v3', regions: ['no-osl1'] },
};

export type VendorProfile =
  | { readonly settings: Settings }
  | { readonly ended: string }
  | { readonly remote: string };

/** What openstacksdk has built in for a profile; undefined for a name that it does not know. */
export function vendorProfile(name: string): VendorProfile | undefined {
  const vendor = Object.hasOwn(vendors, name) ? vendors[name] : undefined;
  if (vendor === undefined) return undefined;
  const { url, domain, regions, ended, remote } = vendor;
  if (ended !== undefined) return { ended };
  if (remote !== undefined) return { remote };
  const auth = new Map<string, Value>();
  if (url !== undefined) auth.set('auth_url', url);
  if (domain !== undefined) auth.set('user_domain_name', domain).set('project_domain_name', domain);
  const settings = new Map<string, Value>([['auth', auth]]);
  if (regions !== undefined) settings.set('regions', regions);
  return { settings };
}
