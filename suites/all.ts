import type { Suite } from '../lib/check.ts';
import { access } from './access.ts';
import { conf } from './conf.ts';
import { deploy } from './deploy.ts';
import { deployer } from './deployer.ts';
import { firmware } from './firmware.ts';
import { http } from './http.ts';
import { images } from './images.ts';
import { nodes } from './nodes.ts';

/** The conformance specification, in the order of the road a node takes. */
export const suites: readonly Suite[] = [access, deployer, nodes, conf, firmware, deploy, http, images];
