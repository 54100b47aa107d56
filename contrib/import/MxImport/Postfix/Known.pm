# SPDX-License-Identifier: ISC
# Known: the parameters of Postfix that have no counterpart, each with a word
# why: of no consequence here (SAME), not translated (LOST), or not translated
# so that mail is refused that was taken (REFUSES). What stands in no row is
# told of, too.
package MxImport::Postfix::Known;
use strict;
use warnings;
use MxImport::Draft;

use constant { SAME => 'moot', LOST => 'lost', REFUSES => 'refuses' };

my $PRIMARY = 'content is left to the primary; messages are not rewritten here';
my $CLIENT =
    'clients and senders are left to the primary; what it refused is not refused here';
my $LOCAL = 'there are no mailboxes and no local users';
my $POSTFIX = "it is about Postfix's own programs and files";
my $TLS = 'versions and ciphers are those of the TLS library, TLS 1.2 at least';
my $PEER = 'the extensions that the primary offers are used';
my $QUEUE = 'the queue is another one, and each domain has its own';

# Whole names as regular expressions; the first that fits counts.
my @ROWS = (
	# names, paths, processes
	[ qr/compatibility_level|config_directory|(?:command|daemon|data|
	    html|manpage|meta|readme|sample|shlib|queue|
	    process_id)_directory/x, SAME, $POSTFIX ],
	[ qr/(?:mailq|newaliases|sendmail|openssl)_path|mail_owner|
	    setgid_group|default_privs|syslog_\w+|maillog_\w+|mail_(?:name|
	    version|release_date)/x, SAME, $POSTFIX ],
	[ qr/default_database_type|berkeley_db_\w+|lmdb_map_size|
	    \w+_service_name|process_\w+|service_\w+|ipc_\w+|fork_\w+|
	    max_(?:idle|use)|import_environment|export_environment|
	    daemon_\w+|debug\w*|proxy_(?:read|write)_maps|
	    alternate_config_directories|authorized_(?:flush|mailq|
	    submit)_users|default_process_limit|trigger_timeout|
	    deliver_lock_\w+|stale_lock_time|helpful_warnings|
	    tls_random_\w+|tls_daemon_\w+|anvil_\w+|known_tcp_ports|
	    enable_long_queue_ids|hash_queue_\w+|
	    application_event_drain_time|connection_cache_\w+|stress|
	    fault_injection_code|backwards_bounce_logfile_compatibility|
	    in_flow_delay|dont_remove/x, SAME, $POSTFIX ],
	[ qr/mydomain|myorigin|smtpd_banner|postscreen_greet_banner/x, SAME,
	    'hostname is what matters' ],
	[ qr/parent_domain_matches_subdomains/x, SAME, 'it was heeded' ],
	[ qr/master_service_disable/x, LOST,
	    'it says what Postfix does not run; mxwatchd listens as smtpd '
	    . '{ listen } says' ],
	[ qr/multi_instance_directories/x, LOST,
	    'these are separate configurations; run mxwatch-import for each' ],
	[ qr/multi_instance_\w+/x, SAME, $POSTFIX ],

	# mail of this host
	[ qr/alias_\w+|biff|append_\w+|home_mailbox|mailbox_\w+|
	    mail_spool_directory|local_\w+|forward_\w+|fallback_transport|
	    fallback_transport_maps|virtual_(?:gid|uid)_maps|
	    virtual_mailbox_(?:base|limit|lock|maps)|virtual_minimum_uid|
	    virtual_transport|command_\w+|default_transport|
	    allow_mail_to_\w+|require_home_directory|expand_owner_alias|
	    owner_request_special|reset_owner_alias|
	    prepend_delivered_header|propagate_unmatched_extensions|
	    execution_directory_\w+|strict_mailbox_ownership|
	    sun_mailtool_\w+|maildrop_\w+|mailman_\w+|uucp_\w+|ifmail_\w+|
	    bsmtp_\w+|scalemail\S+|virtual_alias_\w+_limit|dovecot_\w+/x, SAME,
	    $LOCAL ],
	[ qr/luser_relay/x, REFUSES, $LOCAL ],
	[ qr/always_bcc|\w+_bcc_maps/x, LOST, 'no copies are sent' ],
	[ qr/relocated_maps/x, LOST,
	    'moved recipients are refused like others not in the list; "ADDRESS REJECT text" '
	        . 'there can say where to' ],
	[ qr/masquerade_\w+|sender_canonical_\w+|
	    (?:recipient_)?canonical_classes|smtp_generic_maps|
	    remote_header_rewrite_domain|local_header_\w+/x, LOST, $PRIMARY ],

	# content
	[ qr/(?:smtp_|milter_)?(?:mime_|nested_)?(?:header|body)_checks|
	    body_checks_size_limit|(?:non_)?smtpd_milters|smtpd_milter_maps|
	    content_filter|smtpd_proxy_filter|default_filter_nexthop|
	    receive_override_options|message_(?:drop|reject|strip)_\w+/x, LOST,
	    $PRIMARY ],
	[ qr/milter_\w+|smtpd_proxy_\w+|internal_mail_filter_classes/x, SAME,
	    'content filters are not supported' ],
	[ qr/header_\w+|mime_\w+|strict_(?:7bit|8bit|mime)\w*|
	    disable_mime_\w+|always_add_missing_headers|
	    undisclosed_recipients_header|enable_original_recipient|
	    detect_8bit_encoding_header|queue_file_attribute_count_limit|
	    duplicate_filter_limit|line_length_limit|smtp_line_length_limit/x,
	    SAME,
	    'a message is stored as received' ],
	[ qr/cleanup_replace_stray_cr_lf|smtpd_forbid_bare_newline\w*|
	    postscreen_bare_newline_\w+/x, SAME,
	    'smtpd { bare_newline } applies to all clients' ],

	# clients
	[ qr/smtpd_sasl_auth_enable/x, REFUSES,
	    'users cannot submit mail here; leave that to Postfix, or to the primary' ],
	[ qr/smtpd_sasl_\w+|broken_sasl_auth_clients|cyrus_sasl_config_path|
	    smtpd_sender_login_maps/x, SAME, 'there is no AUTH' ],
	[ qr/relay_clientcerts/x, REFUSES,
	    'no client may relay by its certificate' ],
	[ qr/smtpd_tls_(?:ask|req)_ccert|smtpd_tls_ccert_\w+|smtpd_tls_CA\w+/x,
	    SAME,
	    'clients are not asked for certificates' ],
	[ qr/smtpd_tls_(?:dcert|dkey|eccert|eckey)_file|tls_server_sni_maps/x,
	    LOST,
	    'there is one pair of certificate and key' ],
	[ qr/smtpd_tls_wrappermode/x, REFUSES,
	    'TLS begins with STARTTLS here' ],
	[ qr/smtpd_tls_\w+|tls_\w+|smtp_tls_(?:\w*ciphers|\w*protocols)/x, SAME,
	    $TLS ],
	[ qr/smtpd_discard_ehlo_\w+|smtpd_command_filter|
	    smtpd_forbidden_commands|smtpd_upstream_proxy_protocol|
	    postscreen_upstream_proxy_protocol|
	    smtpd_delay_open_until_valid_rcpt|smtpd_noop_commands|
	    postscreen_command_filter|postscreen_forbidden_commands/x, LOST,
	    'mxwatchd has no such setting' ],
	[ qr/smtpd_client_(?:message|recipient|new_tls_session|
	    auth)_rate_limit/x, LOST,
	    'client_rate and rcpt_checks are the rate limits' ],
	[ qr/smtpd_(?:soft_error_limit|error_sleep_time)/x, LOST,
	    'clients are not delayed; max_errors ends a session' ],
	[ qr/smtpd_recipient_overshoot_limit|smtpd_history_flush_threshold|
	    smtpd_delay_reject|smtpd_peername_lookup|
	    smtpd_client_port_logging|smtpd_log_access_permit_actions|
	    disable_vrfy_command|smtpd_authorized_verp_clients|
	    smtpd_starttls_timeout|smtpd_per_request_deadline|
	    smtpd_min_data_rate|smtpd_expansion_filter|
	    smtpd_relay_before_recipient_restrictions|smtpd_upstream_\w+|
	    smtpd_null_access_lookup_key|smtpd_dns_reply_filter|
	    smtpd_forbid_unauth_pipelining|allow_min_user|
	    allow_percent_hack|resolve_\w+|swap_bangpath|
	    strict_rfc821_envelopes|smtpd_helo_required/x, SAME,
	    'mxwatchd has its own way, see smtpd in mxwatchd.conf(5)' ],
	[ qr/smtputf8_\w+|strict_smtputf8/x, SAME, 'SMTPUTF8 is offered' ],
	[ qr/smtpd_reject_unlisted_sender|smtpd_restriction_classes/x, LOST,
	    $CLIENT ],
	[ qr/unknown_relay_recipient_reject_code/x, LOST,
	    'who is not in the list gets 550' ],
	[ qr/smtpd_policy_service_\w+|(?:access_map|reject|defer|unknown|
	    unverified|invalid|non_fqdn|multi_recipient|plaintext|
	    relay_domains|maps_rbl)\w*_(?:code|action|reason|
	    bounce_reject_code)|reject_code|defer_code|
	    reject_tempfail_action/x, SAME,
	    'replies are those of RFC 5321 and RFC 3463' ],
	[ qr/smtpd_reject_footer\w*|default_rbl_reply|rbl_reply_maps|
	    postscreen_reject_footer\w*|postscreen_dnsbl_reply_map/x, LOST,
	    'texts of replies are not configurable' ],
	[ qr/maps_rbl_domains/x, LOST, 'smtpd { dnsbl } names the lists' ],
	[ qr/postscreen_(?:access_list|denylist_action|blacklist_action)/x,
	    LOST,
	    $CLIENT ],
	[ qr/postscreen_\w+|dnsblog_\w+/x, SAME,
	    'smtpd { early_talk, dnsbl, per_client } replace postscreen' ],
	[ qr/soft_bounce/x, LOST, 'refusals are permanent' ],
	[ qr/show_user_unknown_table_name|respectful_logging/x, SAME,
	    $POSTFIX ],
	[ qr/qmqpd_\w+/x, SAME, 'there is no QMQP' ],

	# recipients and routes
	[ qr/address_verify_sender|address_verify_sender_ttl/x, LOST,
	    'probe { sender } is the sender of probes; it is empty' ],
	[ qr/address_verify_\w+/x, SAME,
	    'recipients_learn has its own cache and times' ],
	[ qr/best_mx_transport/x, LOST,
	    'mail for which this host is the best MX waits' ],
	[ qr/sender_dependent_\w+|empty_address_\w+/x, LOST,
	    'routing does not depend on the sender' ],
	[ qr/smtp_fallback_relay/x, LOST,
	    'mail waits for its primary; name another server in primary if '
	    . 'mail may go there' ],
	[ qr/smtp_sasl_(?:auth_enable|password_maps)/x, LOST,
	    'mxwatchd does not authenticate at a primary; it has to take mail from this '
	    . 'host without' ],
	[ qr/smtp_sasl_\w+|smtp_sender_dependent_authentication|
	    send_cyrus_sasl_authzid/x, SAME, 'mxwatchd does not authenticate at a primary' ],
	[ qr/defer_transports/x, LOST,
	    'mxwatchctl hold and mxwatchctl maintenance hold mail' ],
	[ qr/transport_retry_time|default_transport_rate_delay|
	    \w+_transport_rate_delay|\w+_destination_rate_delay/x, LOST,
	    'the limits of a primary are learned, see deliver' ],
	[ qr/initial_destination_concurrency|
	    \w+_initial_destination_concurrency|
	    \w+_destination_concurrency_\w*(?:feedback\w*|cohort_limit)|
	    \w+_destination_recipient_limit|
	    \w+_destination_concurrency_limit|default_(?:destination|
	    delivery_slot|minimum|extra|recipient)\w+|\w+_delivery_slot_\w+|
	    \w+_recipient_(?:limit|refill\w*)|\w+_minimum_delivery_slots|
	    destination_concurrency_feedback_debug/x, SAME,
	    'the window of a primary adapts by itself, up to deliver { '
	    . 'connections }' ],
	[ qr/queue_run_delay|qmgr_\w+|fast_flush_\w+/x, SAME, $QUEUE ],

	# delivery
	[ qr/smtp_tls_CA(?:file|path)/x, LOST,
	    'a primary is verified against the certificates of the system; '
	    . 'add yours there if it has another' ],
	[ qr/smtp_tls_trust_anchor_file|smtp_tls_fingerprint_cert_match|
	    smtp_tls_(?:secure|verify)_cert_match|smtp_tls_per_site|
	    smtp_tls_servername|smtp_tls_wrappermode/x, LOST,
	    'certificates are verified by the name of the primary, after '
	    . 'STARTTLS' ],
	[ qr/smtp_tls_(?:cert|key|dcert|dkey|eccert|eckey|chain)_files?/x, LOST,
	    'no certificate is shown to a primary' ],
	[ qr/smtp_tls_\w+/x, SAME, $PEER ],
	[ qr/smtp_tcp_port/x, LOST,
	    'a port follows the host in primary' ],
	[ qr/smtp_host_lookup|disable_dns_lookups|smtp_dns_\w+|
	    ignore_mx_lookup_error|smtp_defer_if_no_mx_address_found/x, LOST,
	    'names are looked up as section resolver and /etc/resolv.conf '
	    . 'say' ],
	[ qr/smtp_discard_ehlo_\w+|smtp_skip_5xx_greeting|smtp_pix_\w+|
	    smtp_never_send_ehlo|smtp_reply_filter|
	    smtp_delivery_status_filter|default_delivery_status_filter/x, LOST,
	    $PEER ],
	[ qr/smtp_address_preference|smtp_send_xforward_command|
	    smtp_mx_\w+_limit|smtp_randomize_addresses/x, LOST, $PEER ],
	[ qr/smtp_(?:\w+_timeout|always_send_ehlo|balance_inet_protocols|
	    bind_address_enforce|cname_overrides_servername|connection_\w+|
	    line_length_limit|min_data_rate|per_request_deadline|
	    quote_rfc821_envelope|skip_quit_response)|lmtp_\w+/x, SAME, $PEER ],

	# notices
	[ qr/notify_classes|\w*notice_recipient|double_bounce_sender|
	    confirm_delay_cleared|delay_logging_\w+|disable_verp_bounces|
	    \w*verp_\w+/x, SAME,
	    'metrics, alerts and the log are for the postmaster' ],
	[ qr/bounce_size_limit|bounce_template_file|enable_threaded_bounces/x,
	    LOST,
	    'reports have their own format; dsn { size } is how much they return' ],
);

# Tells of everything that nobody has asked for.
sub tell {
	my ($settings, $draft) = @_;

	for my $left ($settings->untouched) {
		my ($name, $value, $service) = @$left;
		my $what = (defined $service ? "master.cf $service: -o " : '') .
		    "$name = " . MxImport::Draft::shown($value);
		my ($row) = grep { $name =~ /^$_->[0]$/ } @ROWS;
		if ($value eq '') {
			$draft->moot($what, 'it is empty');
		} elsif ($row) {
			my ($kind, $why) = @$row[1, 2];
			$kind = SAME if $kind ne SAME && $value eq 'no';
			$draft->$kind($what, $why);
		} elsif (!defined $service && $settings->is_own($name)) {
			$draft->moot($what, 'it stands for a part of others');
		} else {
			$draft->lost($what, defined $service ?
			    'it applies only to this service' :
			    'mxwatch-import does not know it');
		}
	}
	return;
}

1;
