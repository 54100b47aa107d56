# SPDX-License-Identifier: ISC
# Known: Exim's main options that have no counterpart, each with a word why; as
# Postfix/Known.pm. What stands in no row is told of, too.
package MxImport::Exim::Known;
use strict;
use warnings;
use MxImport::Draft;

use constant { SAME => 'moot', LOST => 'lost' };

my $EXIM = "it is about Exim's own processes, files and users";
my $JUDGE =
    'clients, senders and content are left to the primary; what it refused is not refused here';

my @ROWS = (
	[ qr/(?:add|keep)_environment|exim_\w+|log_\w+|syslog_\w+|
	    spool_directory|split_spool_directory|never_users|trusted_\w+|
	    untrusted_\w+|admin_groups|commandline_checks_require_admin|
	    gecos_\w+|daemon_\w+|pid_file_path|write_rejectlog|
	    preserve_message_logs|message_logs|print_topbitchars|
	    prod_requires_admin|timezone|queue_(?:list_requires_admin|
	    run_\w+|only\w*|smtp_domains)|deliver_\w+|bi_command|
	    process_log_path|envelope_to_remove|delivery_date_remove|
	    return_path_remove|local_\w+|unix_from_\w+|uucp_from_\w+|
	    remote_max_parallel|remote_sort_domains|max_username_\w+|
	    hosts_connection_nolog|disable_fsync|slow_lookup_log|config_\w+|
	    keep_malformed|lookup_open_max|perl_\w+|ldap_\w+|mysql_\w+|
	    pgsql_\w+|sqlite_\w+|dns_\w+|dnssec_\w+|openssl_options|
	    gnutls_\w+|check_log_\w+|check_spool_inodes|
	    check_rfc2047_length|finduser_retries|
	    recipient_unqualified_hosts|sender_unqualified_hosts|qualify_\w+/x,
	    SAME,
	    $EXIM ],
	[ qr/host_lookup|host_lookup_order|rfc1413_\w+|
	    host_reject_connection|helo_\w+|smtp_(?:receive_timeout|
	    enforce_sync|return_error_details|max_\w+|accept_(?:queue\w*|
	    keepalive|max_nonmail\w*|max_per_connection|reserve)|
	    connect_backlog|load_reserve|reserve_hosts|banner|verp\w*|
	    check_\w+)|pipelining_\w+|prdr_enable|chunking_\w+|smtputf8_\w+|
	    dsn_advertise_hosts|event_action|accept_8bitmime|
	    allow_(?:domain_literals|mx_to_ip|utf8_domains)|strip_\w+|
	    header_\w+|bounce_\w+|errors_\w+|extract_addresses_\w+|
	    ignore_fromline_\w+|drop_cr|tcp_\w+/x, SAME,
	    'mxwatchd has its own way, see mxwatchd.conf(5)' ],
	[ qr/timeout_frozen_after|auto_thaw|freeze_tell|
	    move_frozen_messages|retry_\w+|callout_\w+/x, SAME,
	    'no message is frozen, and recipients_learn has its own cache' ],
	[ qr/tls_(?:verify\w*|try_verify_hosts|require_ciphers|dhparam|
	    dh_\w+|eccurve|crl|ocsp_file|remember_esmtp|resumption_hosts)/x,
	    SAME,
	    'clients are not asked for certificates' ],
	[ qr/acl_\w+|dkim_\w+|spamd_address|av_scanner|host_reject_\w+|
	    system_filter\w*|recipients_max_reject|smtp_ratelimit_\w+/x, LOST,
	    $JUDGE ],
	[ qr/hold_domains/x, LOST, 'mxwatchctl hold DOMAIN holds its mail' ],
	[ qr/smtp_etrn_\w+/x, LOST,
	    'smtpd { etrn = {"ADDRESS"} } lists the primaries that may say '
	    . 'ETRN' ],
	[ qr/delay_warning_condition/x, LOST,
	    'for bounces and bulk mail no delay is reported in any case' ],
);

sub tell {
	my ($source, $draft) = @_;

	for my $left ($source->untouched) {
		my ($name, $value) = @$left;
		my $what = "$name = " . MxImport::Draft::shown($value);
		my ($row) = grep { $name =~ /^$_->[0]$/ } @ROWS;
		if ($value eq '' || $value eq 'false') {
			$draft->moot($what, 'it is off');
		} elsif ($row) {
			my ($kind, $why) = @$row[1, 2];
			$draft->$kind($what, $why);
		} else {
			$draft->lost($what, 'mxwatch-import does not know it');
		}
	}
	return;
}

1;
