/**
 * The names of the options that Ironic (zed to 39.0) and the libraries it loads register in the groups that a
 * boot depends on. It tells a misspelt name from another option's name, and a `$name` that oslo.config resolves from
 * one that it refuses. Values and types: options.ts.
 * Source: ironic/conf of each release, and the options that oslo.log, oslo.messaging, oslo.service and others export.
 */
const names: Readonly<Record<string, string>> = {
  DEFAULT: `
    allow_image_access_via_auth_token api_paste_config auth_strategy autodetect_deploy_interfaces
    backdoor_port backdoor_socket bindir client_socket_timeout config_dir config_file config_source
    conn_pool_min_size conn_pool_ttl control_exchange debug debug_tracebacks_in_api
    default_bios_interface default_boot_interface default_conductor_group default_console_interface
    default_deploy_interface default_firmware_interface default_inspect_interface default_log_levels
    default_management_interface default_network_interface default_portgroup_mode
    default_power_interface default_raid_interface default_rescue_interface default_resource_class
    default_storage_interface default_vendor_interface drain_shutdown_timeout enabled_bios_interfaces
    enabled_boot_interfaces enabled_console_interfaces enabled_deploy_interfaces
    enabled_firmware_interfaces enabled_hardware_types enabled_inspect_interfaces
    enabled_management_interfaces enabled_network_interfaces enabled_power_interfaces
    enabled_raid_interfaces enabled_rescue_interfaces enabled_storage_interfaces
    enabled_vendor_interfaces esp_image executor_thread_pool_size fatal_deprecations force_raw_images
    graceful_shutdown_timeout grub_config_path grub_config_template hash_partition_exponent
    hash_ring_algorithm hash_ring_reset_interval host http_basic_auth_user_file
    ignore_project_check_for_admin_tasks image_download_concurrency instance_format instance_uuid_format
    isolinux_bin isolinux_config_template ldlinux_c32 log_config_append log_date_format log_dir log_file
    log_in_db_max_size log_options log_rotate_interval log_rotate_interval_type log_rotation_type
    logging_context_format_string logging_debug_format_suffix logging_default_format_string
    logging_exception_prefix logging_user_identity_format max_header_line max_logfile_count
    max_logfile_size_mb minimum_memory_wait_retries minimum_memory_wait_time minimum_memory_warning_only
    minimum_required_memory my_ip my_ipv6 notification_level parallel_image_downloads pecan_debug
    pin_release_version publish_errors pybasedir rate_limit_burst rate_limit_except_level
    rate_limit_interval raw_image_growth_factor rbac_service_project_name
    rbac_service_role_elevated_access rootwrap_config rpc_conn_pool_size rpc_ping_enabled
    rpc_response_timeout rpc_transport run_external_periodic_tasks shell_completion state_path syslog_log_facility
    tcp_keepidle tempdir transport_url use_eventlog use_journal use_json use_rpc_for_database use_stderr
    use_syslog versioned_notifications_topics watch_log_file webserver_connection_timeout
    webserver_tls_ciphers webserver_tls_minimum_version webserver_verify_ca webserver_verify_timeout
    wsgi_default_pool_size
    wsgi_keep_alive wsgi_log_format wsgi_server_debug`,
  pxe: `
    boot_retry_check_interval boot_retry_timeout default_ephemeral_format dir_permission
    enable_insecure_template_override enable_netboot_fallback file_permission image_cache_size
    image_cache_ttl images_path initial_grub_template instance_master_path ip_version ipxe_boot_script
    ipxe_bootfile_name ipxe_bootfile_name_by_arch ipxe_config_template ipxe_fallback_script ipxe_timeout
    ipxe_use_swift kernel_append_params loader_file_paths pxe_bootfile_name pxe_bootfile_name_by_arch
    pxe_config_subdir pxe_config_template pxe_config_template_by_arch tftp_master_path tftp_root
    tftp_server uefi_ipxe_bootfile_name uefi_pxe_bootfile_name uefi_pxe_config_template`,
  deploy: `
    configdrive_use_object_store continue_if_disk_secure_erase_fails create_configuration_priority
    default_boot_mode delete_configuration_priority disk_erasure_concurrency enable_ata_secure_erase
    enable_nvme_secure_erase erase_devices_metadata_priority erase_devices_priority erase_skip_read_only
    external_callback_url external_http_url fast_track fast_track_timeout http_image_subdir http_root
    http_url image_server_auth_hosts image_server_auth_permit_unknown_hosts image_server_auth_strategy image_server_password image_server_user iso_cache_size
    iso_cache_ttl iso_master_path power_off_after_deploy_failure ramdisk_image_download_source
    shred_final_overwrite_with_zeros shred_random_overwrite_iterations`,
  conductor: `
    allow_deleting_available_nodes allow_provisioning_in_maintenance automated_clean
    automated_cleaning_runbook automated_cleaning_runbook_by_resource_class
    automated_cleaning_runbook_from_node automated_cleaning_runbook_validate_traits
    automated_cleaning_step_source automatic_lessee automatic_lessee_source bootloader
    bootloader_by_arch cache_clean_up_interval check_allocations_interval check_provision_state_interval
    check_rescue_state_interval clean_callback_timeout clean_step_priority_override
    clear_image_cache_on_deploy_failure conductor_always_validates_images conductor_cleanup_batch_size
    conductor_cleanup_interval conductor_cleanup_timeout conductor_group configdrive_swift_container
    configdrive_swift_temp_url_duration deploy_callback_timeout deploy_kernel deploy_kernel_by_arch
    deploy_ramdisk deploy_ramdisk_by_arch disable_configdrive_check disable_deep_image_inspection
    disable_file_checksum disable_kernel_parameter_parsing disable_metadata_mtu_check
    disable_support_for_checksum_files disable_zstandard_decompression disallowed_deployment_boot_modes
    enable_health_monitoring enable_mdns enable_trait_based_networking
    error_on_ramdisk_config_inconsistency file_url_allowed_paths force_power_state_during_sync
    graceful_shutdown_timeout heartbeat_interval heartbeat_timeout inspect_wait_timeout
    log_step_flows_to_syslog max_concurrent_clean max_concurrent_deploy
    max_concurrent_per_conductor_group max_conductor_wait_step_seconds node_history
    node_history_cleanup_batch_count node_history_cleanup_interval node_history_max_entries
    node_history_minimum_days node_locked_retry_attempts node_locked_retry_interval periodic_max_workers
    permit_child_node_step_async_result permitted_image_formats power_failure_recovery_interval
    power_state_change_timeout power_state_sync_max_retries poweroff_in_cleanfail
    poweroff_in_servicefail record_step_flows_in_history require_rescue_password_hashed
    rescue_callback_timeout rescue_kernel rescue_kernel_by_arch rescue_password_hash_algorithm
    rescue_ramdisk rescue_ramdisk_by_arch reserved_workers_pool_percentage send_sensor_data
    send_sensor_data_for_undeployed_nodes send_sensor_data_interval send_sensor_data_types
    send_sensor_data_wait_timeout send_sensor_data_workers service_callback_timeout
    soft_power_off_timeout sync_local_state_interval sync_power_state_interval sync_power_state_workers
    trait_based_networking_config_file trait_based_networking_enable_default_trait
    trait_based_networking_raise_when_no_match verify_step_priority_override workers_pool_size`,
};

/** Every group that Ironic knows, those above included. */
const groupNames = `
    agent agent_containers anaconda ansible api audit auto_discovery cifs cinder conductor console cors
    database deploy dhcp disk_utils dnsmasq drac errors fake glance healthcheck ibmc ilo
    inspection_rules inspector inventory ipmi irmc ironic_lib ironic_networking ironic_networking_json_rpc json_rpc
    keystone_authtoken mdns metrics metrics_statsd molds neutron nfs nova oci oslo_concurrency
    oslo_messaging_amqp oslo_messaging_kafka oslo_messaging_metrics oslo_messaging_notifications oslo_messaging_rabbit oslo_messaging_tracing
    oslo_policy oslo_versionedobjects profiler profiler_jaeger profiler_otlp pxe pxe_filter redfish sensor_data service_catalog snmp ssl swift
    vnc xclarity`;

const registered: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(names).map(([group, text]) => [group, new Set(text.trim().split(/\s+/u))]),
);
const groups: ReadonlySet<string> = new Set(groupNames.trim().split(/\s+/u));

/** Whether Ironic has such a group; `DEFAULT` is not one to oslo.config. */
export function isGroup(name: string): boolean {
  return groups.has(name);
}

/** Whether some release registers the option; undefined in a group whose options are not listed here. */
export function isRegistered(group: string, option: string): boolean | undefined {
  return (
    registered.get(group)?.has(option) ?? (group === 'DEFAULT' || !groups.has(group) ? false : undefined)
  );
}
