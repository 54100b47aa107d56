# SPDX-License-Identifier: ISC
# Routes: the routers of an Exim as far as they say by themselves where the
# mail of a domain goes: manualroute, and dnslookup, which is what mxwatchd does
# without a primary. The transport says how.
package MxImport::Exim::Routes;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Exim::List qw(items);
use MxImport::Value qw(clamp host_port is_address seconds server_text);

# Drivers that say by themselves where mail goes.
my $ROUTES = qr/^(?:dnslookup|manualroute)$/;
# What stands behind the hosts of a route, as names of transports do.
my %IS_OPTION = map { $_ => 1 }
    qw(byname bydns randomize no_randomize ipv4_only ipv4_prefer);
# What of a router is heeded, or no question of where the mail of a domain goes.
my $ROUTER_MOOT = qr/^(?:name|lines|driver|domains|transport|route_\w+|
    debug_print|same_domain_copy_routing|host_find_failed|host_all_ignored|
    ignore_target_hosts|self|more|pass_on_timeout|hosts_randomize|dnssec_\w+|
    check_secondary_mx|mx_\w+|
    srv_\w+|retry_use_local_part|cannot_route_message|log_as_local|
    verify\w*|expn|fail_verify\w*|rewrite_headers|widen_domains|search_parents|
    qualify_single)$/x;

sub new {
	my ($class, $source, $draft) = @_;

	return bless { source => $source, draft => $draft, lists => {} },
	    $class;
}

# The options of a domain; undef when it has no section: why is told of.
sub options {
	my ($self, $domain) = @_;
	my $draft = $self->{draft};

	for my $router (@{ $self->{source}{routers} }) {
		next if !$self->takes($router, $domain);
		$self->conditions($router);
		if ($router->{driver} eq 'dnslookup') {
			return { primary => [],
			    deliver => $self->deliver($router) // {} };
		}
		if ($router->{driver} ne 'manualroute') {
			$self->told($router, 'only manualroute and dnslookup show where mail is sent');
			next;
		}
		my $hosts = $self->hosts($router, $domain) // next;
		my $deliver = $self->deliver($router);
		if (!$deliver) {
			$draft->refuses("domain $domain", "the transport of "
			    . "router $router->{name} does not deliver by "
			    . "SMTP");
			return;
		}
		return { primary => [ $self->primaries($domain, $hosts) ],
			deliver => $deliver };
	}
	$draft->check("domain $domain",
	    'no router was found for it; its MX records are used');
	return { primary => [], deliver => {} };
}

# What else a router says, once for each.
sub conditions {
	my ($self, $router) = @_;
	my $draft = $self->{draft};

	return if $router->{driver} !~ $ROUTES;
	for my $name (grep { $_ !~ $ROUTER_MOOT } sort keys %$router) {
		my $value = $router->{$name};
		next if ref $value || $value eq '' || $value eq 'false';
		my $what = "router $router->{name}: $name = " .
		    MxImport::Draft::shown($value);
		if ($name eq 'local_parts') {
			$draft->takes($what, 'a router decides here about '
			    . 'recipients; make a list of them, see recipients '
			    . 'in mxwatchd.conf(5)');
		} else {
			$draft->lost($what,
			    'all mail of a domain goes one way');
		}
	}
	return;
}

sub told {
	my ($self, $router, $why) = @_;

	$self->{draft}->lost("router $router->{name} ($router->{driver})",
	    $why);
	return;
}

# Is it asked about the domain? Where that cannot be said, it is if what it
# says about the domain is something.
sub takes {
	my ($self, $router, $domain) = @_;
	my $domains = $router->{domains};

	if (!defined $domains) {
		return 1 if $router->{driver} =~ $ROUTES;
		$self->told($router, 'it is for all domains, and its effect on relayed ones is not known')
		    if ($router->{check_local_user} // '') ne 'true';
		return 0;
	}
	my ($text) = $self->{source}->expanded($domains, $domain);

	for my $item (items($text // '')) {
		my $not = $item =~ s/^!\s*//;
		my $fits = $self->fits($item, $domain);
		return !$not if !defined $fits || $fits;
	}
	# a list that ends with an exclusion has all that it does not exclude
	return !defined $text || $text =~ /(?:^|:)\s*!\s*[^:]*$/;
}

sub fits {
	my ($self, $item, $domain) = @_;

	if ($item =~ /^\+(\w+)$/) {
		$self->{lists}{$1} //= MxImport::Exim::List->new(
		    $self->{source}, MxImport::Draft->new(''), $1);
		return $self->{lists}{$1}->has($domain) ? 1 : 0;
	}
	return 1 if $item eq '*' || lc $item eq $domain;
	return $domain =~ /\Q$1\E$/i ? 1 : 0 if $item =~ /^\*(.*)$/;
	return $item =~ m{^[\@^/]|;} ? undef : 0;
}

# The list of hosts that a manualroute has for the domain.
sub hosts {
	my ($self, $router, $domain) = @_;
	my $text = $router->{route_data};

	if (!defined $text) {
		for my $rule (split /\s*;\s*/, $router->{route_list} // '') {
			my ($pattern, $rest) = split ' ', $rule, 2;
			$pattern = ($pattern // '') =~ s/^"|"$//gr;
			next if !$self->fits($pattern, $domain);
			$text = $rest;
			last;
		}
	}
	return if !defined $text;
	my ($hosts, $error) = $self->{source}->expanded($text, $domain);
	$self->told($router, $error) if !defined $hosts;
	return defined $hosts && $hosts =~ /\S/ ? $hosts : undef;
}

sub primaries {
	my ($self, $domain, $text) = @_;
	my ($draft, @primaries) = ($self->{draft});
	my $list = $text =~ /^\s*"([^"]*)"/ ? $1 : $text;

	$list = $1 while $list =~ /^(.*\S)\s+(\w+)\s*$/s &&
	    ($IS_OPTION{$2} || $self->{source}{transports}{$2});

	for my $item (items($list)) {
		next if $item eq '+';
		my $by_mx = $item =~ s{/MX(?=:|$)}{}i;
		my ($host, $port) = host_port($item);
		($host, $port) = ($item, 25) if is_address($item);
		if (!defined $host) {
			$draft->lost("domain $domain: host $item",
			    'it is not a host with a port; set primary');
			next;
		}
		$draft->check("primary $host of domain $domain", 'Exim uses its MX records, mxwatchd '
		    . 'its address; name the servers') if $by_mx;
		push @primaries, server_text($host, $port);
	}
	return @primaries;
}

# What is not a question of the primary, or known to be of no consequence.
my $MOOT = qr/^(?:name|lines|driver|debug_print|delay_after_cutoff|.*_timeout|
    max_rcpt|
    connection_max_messages|dnssec_\w+|helo_data|headers_\w+|return_path|
    message_linelength_limit|hosts_try_(?:prdr|fastopen|auth)|
    tls_tempfail_tryclear|
    multi_domain|serialize_hosts|dns_\w+|tls_sni|hosts_noproxy_tls|
    tls_require_ciphers|tls_verify_certificates|tls_try_verify_hosts|
    tls_verify_cert_hostnames|utf8_downconvert)$/x;

# The options of a transport by SMTP; undef: it is another.
sub deliver {
	my ($self, $router) = @_;
	my $name = $router->{transport} // '';
	my $transport = $self->{source}{transports}{$name};
	my $draft = $self->{draft};

	return if !$transport || ($transport->{driver} // '') ne 'smtp';
	my %of = %$transport;
	my %deliver;
	my ($require, $dane, $verify, $avoid) = map { delete $of{$_} }
	    qw(hosts_require_tls hosts_require_dane tls_verify_hosts
	    hosts_avoid_tls);
	my $try = delete $of{hosts_try_dane};
	$deliver{tls} = ($avoid // '') eq '*' ? 'none' :
	    ($dane // $try // '') eq '*' ? 'dane' :
	    ($verify // $require // '') eq '*' ? 'require' : 'may';
	$draft->lost("transport $name: hosts_require_tls = *",
	    'there is no TLS without verification here; "require" verifies a '
	    . 'host by name')
	    if $deliver{tls} eq 'require' && !defined $verify;
	$draft->lost("transport $name: hosts_require_dane = *",
	    'a host without TLSA records is treated as with "may"')
	    if ($dane // '') eq '*';
	delete $deliver{tls} if $deliver{tls} eq 'may';
	my $source = delete $of{interface};
	$deliver{source} = $source if defined $source && is_address($source);
	my $connect = seconds(delete $of{connect_timeout}, 's');
	$deliver{connect} = clamp($connect, 1, 600) . 's' if $connect;
	for my $option (grep { $_ !~ $MOOT } sort keys %of) {
		next if $of{$option} =~ /^(?:false)?$/;
		$draft->lost("transport $name: $option = " .
		    MxImport::Draft::shown($of{$option}),
		    'the extensions that the primary offers are used');
	}
	$draft->lost("transport $name: interface = $source",
	    'it is no address') if defined $source && !$deliver{source};
	return \%deliver;
}

1;
