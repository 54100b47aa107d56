# SPDX-License-Identifier: ISC
# Intake: what Postfix's smtpd(8) and postscreen(8) have, as the sections
# smtpd and queue have it.
package MxImport::Postfix::Intake;
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_STREAM getaddrinfo inet_ntop
    unpack_sockaddr_in unpack_sockaddr_in6);
use MxImport::Draft;
use MxImport::Postfix::Restrictions;
use MxImport::Value qw(braced_list clamp is_address is_loopback
    is_prefix seconds);

sub translate {
	my ($settings, $draft) = @_;
	my $self =
	    bless { settings => $settings, draft => $draft }, __PACKAGE__;

	$self->find_services;
	$self->hostname;
	$self->listen;
	$self->certificate;
	$self->limits;
	$self->clients;
	$self->early_talk;
	$self->{restrictions} = MxImport::Postfix::Restrictions::translate(
	    $settings, $draft, $self->{service});
	return $self;
}

sub restrictions {
	my ($self) = @_;

	return $self->{restrictions};
}

# The smtpd that strangers reach, by itself or behind postscreen. Another one is
# for the users of this host, or for a content filter.
sub find_services {
	my ($self) = @_;
	my $draft = $self->{draft};

	for my $service ($self->{settings}->services) {
		$self->{service} = $service if $service->{type} eq 'pass' &&
		    $service->{command} eq 'smtpd';
		next if $service->{type} ne 'inet';
		my ($host, $port) = $service->{name} =~ /^(?:(.*):)?([^:]+)$/;
		$host = ($host // '') =~ s/^\[(.*)\]$/$1/r;
		$port = (getservbyname $port, 'tcp')[2] // 0
		    if $port !~ /^\d+$/;
		my $of = "master.cf $service->{name}";
		if ($service->{command} !~ /^(?:smtpd|postscreen)$/) {
			$draft->refuses("$of ($service->{command})",
			    'mxwatchd speaks SMTP only')
			    if $service->{command} =~ /^qmqpd$/;
			next;
		}
		if ($host ne '' && is_loopback($host) && $port != 25) {
			$draft->lost($of, 'it is for a content filter or for '
			    . 'programs of this host, which mxwatchd does not '
			    . 'have');
		} elsif ($port == 587 || $port == 465) {
			$draft->refuses($of, 'users cannot submit mail here; leave that to Postfix, or to '
			    . 'the primary');
		} else {
			push @{ $self->{sockets} }, [ $host, $port ];
			$self->{service} //= $service
			    if $service->{command} eq 'smtpd';
			next;
		}
		$self->{settings}->touch_service($service);
	}
	return;
}

sub given {
	my ($self, $name) = @_;

	return $self->{settings}->given_for($self->{service}, $name);
}

sub hostname {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $name = $settings->value('myhostname');

	$draft->hostname('myhostname', $name);
	my $helo = $settings->given('smtp_helo_name');
	$draft->lost("smtp_helo_name = $helo", 'hostname is what EHLO says')
	    if defined $helo && $helo ne $name;
	my @self = braced_list($settings->given('proxy_interfaces'));
	$draft->set('', 'self', [ map { s/^\[(.*)\]$/$1/r } @self ]) if @self;
	return;
}

sub listen {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my @protocols = braced_list($settings->value('inet_protocols'));
	my %family =
	    map { $_ => 1 } map { $_ eq 'all' ? (4, 6) : /(\d)$/ } @protocols;
	my @addresses = map { $self->interface($_) }
	    braced_list($settings->value('inet_interfaces'));
	my (@listen, %seen);

	for my $socket (@{ $self->{sockets} // [ [ '', 25 ] ] }) {
		my ($host, $port) = @$socket;
		my @at = $host eq '' ? @addresses : $self->interface($host);
		for my $address (@at) {
			my $is6 = $address =~ /:/;
			next if !$family{ $is6 ? 6 : 4 };
			my $text = ($is6 ? "[$address]" : $address) . ":$port";
			push @listen, $text if !$seen{$text}++;
		}
	}
	if (!@listen) {
		$draft->refuses('inet_interfaces',
		    'no address was found for it; set smtpd { listen }');
	} elsif ("@listen" ne '0.0.0.0:25 [::]:25') {
		$draft->set('smtpd', 'listen', \@listen);
	}
	my @own = grep { !/:/ && !is_loopback($_) && $_ ne '0.0.0.0' }
	    @addresses;
	$self->{only_address} = $own[0] if @own == 1;
	return;
}

# The address that everything goes out from because it is the only one.
sub only_address {
	my ($self) = @_;

	return $self->{only_address};
}

# The addresses of an item of inet_interfaces.
sub interface {
	my ($self, $item) = @_;
	my $draft = $self->{draft};

	$item =~ s/^\[(.*)\]$/$1/;
	return ('0.0.0.0', '::') if $item eq 'all';
	return ('127.0.0.1', '::1') if $item eq 'loopback-only';
	return $item if is_address($item);
	my ($error, @found) =
	    getaddrinfo($item, '', { socktype => SOCK_STREAM });
	my @addresses = map { $_->{family} == AF_INET6 ?
	    inet_ntop(AF_INET6, (unpack_sockaddr_in6($_->{addr}))[1]) :
	    inet_ntop(AF_INET, (unpack_sockaddr_in($_->{addr}))[1]) } @found;
	if (!@addresses) {
		$draft->refuses("inet_interfaces: $item",
		    "this name has no address now ($error); put it into "
		    . 'smtpd { listen }');
	} elsif (lc $item ne 'localhost') {
		$draft->check("listen: $item is @addresses now",
		    'mxwatch.conf takes addresses, not names');
	}
	return @addresses;
}

sub certificate {
	my ($self) = @_;
	my ($settings, $draft, $service) = @$self{qw(settings draft service)};
	my $level = $settings->value_for($service, 'smtpd_tls_security_level');
	my ($enforce, $use) = map {
		$settings->value_for($service, $_) eq 'yes' }
	    qw(smtpd_enforce_tls smtpd_use_tls);
	my @chain = braced_list($self->given('smtpd_tls_chain_files'));
	my $cert = $chain[0] // $self->given('smtpd_tls_cert_file') // '';
	my $key = @chain ? $chain[-1] : $self->given('smtpd_tls_key_file');

	$level ||= $enforce ? 'encrypt' : $use ? 'may' : 'none';
	$cert = '' if $cert eq 'none';
	if ($level eq 'encrypt') {
		$draft->lost('smtpd_tls_security_level = encrypt',
		    'TLS is offered to clients but not required (RFC 3207)');
	}
	if ($level eq 'none' || $cert eq '') {
		$draft->moot('smtpd_tls_cert_file', 'no TLS was offered')
		    if $cert ne '';
		return;
	}
	$key = $cert if !defined $key || $key eq '';
	$draft->lost("smtpd_tls_chain_files (@chain[1 .. $#chain])",
	    'there is one pair of certificate and key') if @chain > 2;
	for my $file ($cert, $key) {
		next if -r $file;
		$draft->lost('smtpd_tls_cert_file, smtpd_tls_key_file',
		    "$file cannot be read here ($!); set "
		    . 'smtpd { tls_cert, tls_key }');
		return;
	}
	if ((stat $key)[2] & 07) {
		$draft->lost("smtpd_tls_key_file = $key", 'all users can read it, which mxwatchd does '
		    . 'not accept; set tls_cert and tls_key as well');
		return;
	}
	$draft->set('smtpd', 'tls_cert', $cert);
	$draft->set('smtpd', 'tls_key', $key);
	$draft->check("tls_key = $key",
	    'the user of mxwatchd must be able to read it');
	return;
}

# Name, option, and its range.
my @LIMITS = (
	[ 'smtpd_recipient_limit', 'max_recipients', 1, 10000 ],
	[ 'smtpd_hard_error_limit', 'max_errors', 1, 10000 ],
	[ 'smtpd_junk_command_limit', 'max_commands', 1, 100000 ],
	[ 'hopcount_limit', 'max_received', 1, 1000 ],
);

sub limits {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};

	for my $limit (@LIMITS) {
		my ($name, $option, $min, $max) = @$limit;
		$self->number($name, $option, $min, $max, $self->given($name));
	}
	my $size = $self->given('message_size_limit');
	if (defined $size && $size eq '0') {
		$draft->set('smtpd', 'message_size', '2G');
		$draft->check('message_size_limit = 0',
		    'there is always a limit; it is the largest, 2G');
	} elsif (defined $size) {
		$self->number('message_size_limit', 'message_size', 1024,
		    2 << 30, $size);
	}
	my $free = $settings->given('queue_minfree');
	$draft->set('queue', 'reserve', $free) if $free;
	$self->duration('smtpd_timeout', 'timeout', 1, 3600);
	return;
}

sub number {
	my ($self, $name, $option, $min, $max, $value) = @_;
	my $draft = $self->{draft};

	return if !defined $value;
	if ($value !~ /^\d{1,15}$/) {
		$draft->lost("$name = $value", 'it is no number');
		return;
	}
	my $taken = clamp($value, $min, $max);
	$draft->check("$name = $value",
	    "$option is from $min to $max; it is $taken")
	    if $taken != $value;
	$draft->set('smtpd', $option, $taken);
	return;
}

sub duration {
	my ($self, $name, $option, $min, $max) = @_;
	my $given = $self->given($name) // return;
	my $seconds = seconds($given, 's');

	if (!defined $seconds) {
		$self->{draft}->lost("$name = $given", 'it is no time');
		return;
	}
	$self->{draft}->set('smtpd', $option,
	    clamp($seconds, $min, $max) . 's');
	return;
}

# Limits of one client, and who has none; 0 is "no limit" there.
sub clients {
	my ($self) = @_;
	my $settings = $self->{settings};
	my $count = $self->given('smtpd_client_connection_count_limit');
	my $rate = $self->given('smtpd_client_connection_rate_limit');
	my $window =
	    seconds($settings->value('anvil_rate_time_unit'), 's') || 60;

	$self->number('smtpd_client_connection_count_limit', 'per_client',
	    1, 100000, defined $count && $count eq '0' ? 100000 : $count);
	$rate = int $rate * 60 / $window || 1 if $rate && $rate =~ /^\d+$/;
	$self->number('smtpd_client_connection_rate_limit', 'client_rate',
	    0, 1000000, $rate);
	$self->prefixes('xclient', 'smtpd_authorized_xclient_hosts');
	$self->prefixes('xforward', 'smtpd_authorized_xforward_hosts');
	$self->networks;
	$self->{draft}->set('smtpd', 'untrusted_routing', 'yes')
	    if ($self->given('allow_untrusted_routing') // '') eq 'yes';
	return;
}

# mynetworks: whoever is in there has no limits, and may relay. Not here.
sub networks {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $given = $self->given('mynetworks');
	my $exempt = $self->given('smtpd_client_event_limit_exceptions');
	my $style = $settings->value('mynetworks_style');

	if (!defined $given && $style ne 'host') {
		$given = $settings->value('mynetworks');
		$draft->check("mynetworks_style = $style", "it is $given now");
	}
	my @networks = $self->usable('mynetworks', $given // '');
	my @others = grep { !is_loopback($_) } @networks;
	$draft->refuses('mynetworks = ' . MxImport::Draft::shown("@others"),
	    'mxwatchd relays only for its domains; these hosts need another relay') if @others;
	@networks =
	    $self->usable('smtpd_client_event_limit_exceptions', $exempt)
	    if defined $exempt;
	@others = grep { !is_loopback($_) } @networks;
	$draft->set('smtpd', 'trusted', [ '127.0.0.0/8', '::1', @others ])
	    if @others;
	return;
}

sub prefixes {
	my ($self, $option, $name) = @_;
	my @list = $self->usable($name, $self->given($name) // '');

	$self->{draft}->set('smtpd', $option, \@list) if @list;
	return;
}

# Of a list of hosts those that are addresses or prefixes; others are told of.
sub usable {
	my ($self, $name, $list) = @_;
	my @usable;

	for my $item (braced_list($list)) {
		my $plain = $item =~ s{^\[([^\]]+)\]}{$1}r;
		if (is_prefix($plain)) {
			push @usable, $plain;
		} else {
			$self->{draft}->lost("$name: $item", 'only addresses and prefixes are supported; '
			    . 'write them instead');
		}
	}
	return @usable;
}

sub early_talk {
	my ($self) = @_;
	my $action = $self->{settings}->given('postscreen_greet_action') // '';

	$self->{draft}->moot('postscreen_greet_action',
	    'smtpd { early_talk = "refuse" } is the default')
	    if $action ne '';
	return;
}

1;
