/** The variables that the guide has an operator give. */
export const overrides = 'ironic_ironic_conf_overrides';
export const extraContent = 'ironic_tftp_extra_content';

export const guide = 'OpenStack-Ansible, os_ironic: doc/source/configure-ironic-multiarch.rst';
