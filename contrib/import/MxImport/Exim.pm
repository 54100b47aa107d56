# SPDX-License-Identifier: ISC
# Exim: reads the configuration of an Exim that is a backup MX into a draft:
# the domains and their primaries, limits, times, TLS. An Exim can be told
# anything, so its ACLs and what is expanded for each message are told of and
# not translated.
package MxImport::Exim;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Exim::Known;
use MxImport::Exim::List qw(items keys_of_file);
use MxImport::Exim::Routes;
use MxImport::Exim::Source;
use MxImport::Value qw(clamp is_address is_domain is_loopback is_prefix seconds
    time_text);

# A file, or undef for that of the Exim that is installed; the folder for
# recipients if lists may be written. As MxImport::Postfix::translate.
sub translate {
	my ($file, $folder) = @_;
	my $source = MxImport::Exim::Source->new($file);
	my $draft = MxImport::Draft->new('the Exim configuration ' .
	    ($file // 'of this host'));
	my $self = bless { source => $source, draft => $draft,
		folder => $folder, recipients => {} }, __PACKAGE__;

	$self->intake;
	$self->listen;
	$self->networks;
	$self->times;
	$self->acl;
	$self->domains;
	MxImport::Exim::Known::tell($source, $draft);
	my @recipients = sort keys %{ $self->{recipients} };
	return ($draft, @recipients ?
	    { relay => join '', map { "$_ OK\n" } @recipients } : {});
}

# Option of Exim, section, option, smallest, largest, what 0 is there.
my @NUMBERS = (
	[ 'smtp_accept_max', 'smtpd', 'max_sessions', 1, 100000, 100000 ],
	[ 'smtp_accept_max_per_host', 'smtpd', 'per_client', 1, 100000,
	    100000 ],
	[ 'recipients_max', 'smtpd', 'max_recipients', 1, 10000, 10000 ],
	[ 'received_headers_max', 'smtpd', 'max_received', 1, 1000, 1000 ],
);

# Modifiers of a statement of an ACL that decide about nothing.
my $TEXT = qr/^(?:(?:log_)?message|logwrite|control|set|add_header|
    log_reject_target)\b/x;

sub intake {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};

	$draft->hostname('primary_hostname',
	    $self->effective('primary_hostname'));
	for my $row (@NUMBERS) {
		my ($from, $section, $option, $min, $max, $none) = @$row;
		my $given = $source->given($from) // next;
		if ($given !~ /^\d+$/) {
			$draft->lost("$from = $given", 'it is no number');
			next;
		}
		$draft->set($section, $option,
		    $given ? clamp($given, $min, $max) : $none);
	}
	$self->size('message_size_limit', 'smtpd', 'message_size');
	$self->size('check_spool_space', 'queue', 'reserve');
	$self->certificate;
	$draft->refuses('authenticators',
	    'users cannot submit mail here; leave that to Exim, or to the primary')
	    if $source->{authenticators};
	$draft->lost('rewrite rules',
	    'neither messages nor envelopes are rewritten here')
	    if $source->{rewrite};
	return;
}

# A main option as Exim has it, set or not.
sub effective {
	my ($self, $name) = @_;
	my ($status, $out) = $self->{source}->exim('-bP', $name);

	$self->{source}->given($name);
	return $status == 0 && $out =~ /^\w+ = (.*)$/m ? $1 : '';
}

sub size {
	my ($self, $from, $section, $option) = @_;
	my $given = $self->{source}->given($from) // return;

	if ($given =~ /^0[KMG]?$/i && $option eq 'message_size') {
		$self->{draft}->set($section, $option, '2G');
		$self->{draft}->check("$from = $given",
		    'there is always a limit; it is the largest, 2G');
	} elsif ($given =~ /^\d+[KMG]?$/i) {
		$self->{draft}->set($section, $option, uc $given);
	} else {
		$self->{draft}->lost("$from = $given", 'it is no size');
	}
	return;
}

sub certificate {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};
	my ($cert) = $source->expanded($source->given('tls_certificate') // '');
	my ($key) = $source->expanded($source->given('tls_privatekey') //
	    $cert // '');
	my $hosts = $source->given('tls_advertise_hosts');

	return if defined $hosts && $hosts eq '' ||
	    !defined $source->given('tls_certificate');
	for my $file ($cert, $key) {
		next if defined $file && -r $file &&
		    ($file eq $cert || !((stat _)[2] & 07));
		$draft->lost('tls_certificate, tls_privatekey', 'these files do not exist, or '
		    . 'everyone can read the key; set '
		    . 'smtpd { tls_cert, tls_key }');
		return;
	}
	$draft->set('smtpd', 'tls_cert', $cert);
	$draft->set('smtpd', 'tls_key', $key);
	$draft->check("tls_key = $key",
	    'the user of mxwatchd must be able to read it');
	return;
}

sub listen {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};
	my $ports = $source->given('daemon_smtp_ports') // 'smtp';
	my $tls = $source->given('tls_on_connect_ports');
	my $only4 = ($source->given('disable_ipv6') // '') eq 'true';
	my $interfaces = $source->given('local_interfaces') //
	    ($only4 ? '0.0.0.0' : '<; ::0 ; 0.0.0.0');
	my @listen;

	my @ports = map { /^\d+$/ ? $_ :
		(getservbyname $_, 'tcp')[2] // () } items($ports);
	$draft->refuses("daemon_smtp_ports: $_",
	    'users cannot submit mail here; leave that to Exim, or to the primary')
	    for grep { is_submission($_) } @ports;
	$draft->refuses("tls_on_connect_ports = $tls",
	    'TLS begins with STARTTLS here')
	    if defined $tls && $tls ne '';
	for my $item (items($interfaces)) {
		my ($address, $port) =
		    $item =~ /^(?|\[(.*)\]:(\d+)|(\d+(?:\.\d+){3})\.(\d+))$/ ?
		    ($1, $2) : ($item, undef);
		$address = '::' if $address eq '::0';
		if (!is_address($address)) {
			$draft->refuses("local_interfaces: $item",
			    'it is no address');
			next;
		}
		my $host = $address =~ /:/ ? "[$address]" : $address;
		push @listen, map { "$host:$_" } grep { !is_submission($_) }
		    defined $port ? $port : @ports;
	}
	$draft->set('smtpd', 'listen', \@listen)
	    if @listen && "@listen" ne '[::]:25 0.0.0.0:25';
	return;
}

sub is_submission {
	my ($port) = @_;

	return $port == 587 || $port == 465;
}

# relay_from_hosts: who may relay. Nobody may here; they are exempt from limits.
sub networks {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};
	my (@networks, @others);

	for my $item (items($source->{lists}{host}{relay_from_hosts} // '')) {
		if (is_prefix($item)) {
			push @networks, $item if !is_loopback($item);
		} elsif ($item !~ /^\@(?:\[\])?$/ && !is_loopback($item)) {
			push @others, $item;
		}
	}
	$draft->refuses('hostlist relay_from_hosts = ' .
	    MxImport::Draft::shown("@networks @others"), 'mxwatchd relays only for its '
	        . 'domains; these hosts need another relay') if @networks || @others;
	$draft->set('smtpd', 'trusted', [ '127.0.0.0/8', '::1', @networks ])
	    if @networks;
	return;
}

sub times {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};
	my $reports = seconds($source->given('ignore_bounce_errors_after'),
	    's');
	my $warning = $source->given('delay_warning');

	$draft->set('dsn', 'lifetime',
	    time_text(clamp($reports, 1, 365 * 86400)))
	    if defined $reports;
	if (defined $warning) {
		my @steps = map { seconds($_, 's') // () } items($warning);
		$draft->set('defaults', 'delay_warning',
		    [ map { time_text($_) } grep { $_ } @steps ]);
	}
	return;
}

# The ACL that judges recipients: which lists of domains it accepts, whether it
# asks the primary; the rest is told of.
sub acl {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};

	for my $statement ($source->recipient_acl) {
		my %of = map { @$_ } @{ $statement->{conditions} };
		my $takes = $statement->{verb} =~ /^(?:accept|require)$/;
		if ($takes && defined $of{domains}) {
			$self->{relay}{$_} = 1 for $of{domains} =~
			    /(?<![!\w ])\s*\+(\w+)/g;
		}
		$self->{learn} = 1 if asks_primary(%of);
		$self->recipients($of{recipients})
		    if $takes && defined $of{recipients};
		$self->statement($statement, $takes, \%of)
		    if $statement->{verb} ne 'warn';
	}
	$draft->set('smtpd', 'dnsbl', $self->{zones}) if $self->{zones};
	return;
}

# Does a statement verify every recipient by a callout?
sub asks_primary {
	my (%of) = @_;
	my @verify = grep { defined } @of{ 'verify', '!verify' };

	return grep({ m{^recipient/.*callout} } @verify) && !grep {
		/^!?\s*(?:recipients|senders|hosts|local_parts|condition)$/ }
	    keys %of;
}

# A statement of that ACL: what of it is not so by itself is told of.
sub statement {
	my ($self, $statement, $takes, $of) = @_;
	my ($draft, $verb) = ($self->{draft}, $statement->{verb});
	my @said = grep { $takes ? !is_so($verb, @$_) : $_->[0] !~ $TEXT }
	    @{ $statement->{conditions} };
	my $text = join ' ', map { $_->[1] eq '' ? $_->[0] :
		"$_->[0] = $_->[1]" } @said;
	my $what = 'acl_smtp_rcpt: ' . MxImport::Draft::shown("$verb $text");

	return if $text eq '' ||
	    $text =~ m{^!?\s*verify = recipient(?:/callout\S*)?$};
	if (!$takes && $text =~ /^dnslists = ([\w.\s:-]+)$/) {
		push @{ $self->{zones} }, items($1);
	} elsif ($verb eq 'accept' &&
	    !grep { defined } @$of{qw(domains recipients)}) {
		$draft->refuses($what, 'it may permit relaying; mxwatchd relays only for its domains');
	} else {
		$draft->lost($what, 'mxwatchd has no such condition; what it refused is not refused here');
	}
	return;
}

# Conditions of a statement that takes mail which are the same here by
# themselves, or are told of elsewhere.
sub is_so {
	my ($verb, $name, $value) = @_;

	return $name =~ $TEXT || $name =~ /^(?:domains|recipients|endpass)$/ ||
	    $name eq 'verify' && $value =~ /^recipient/ ||
	    $name eq 'hosts' && $value =~ /^\s*(?::|\+relay_from_hosts)?\s*$/ ||
	    $name eq 'authenticated' ||
	    $name eq 'local_parts' && $value eq 'postmaster';
}

# Recipients that the ACL accepts, of a file that lsearch reads.
sub recipients {
	my ($self, $text) = @_;
	my $draft = $self->{draft};

	for my $item (items($text)) {
		my ($path) = $item =~ /^lsearch(?:\*@)?;\s*(.*)$/;
		my $keys = defined $path ? keys_of_file($path) : undef;
		if (!$keys) {
			$draft->takes("recipients = $item", defined $path ?
			    "it cannot be read: $!" : 'it cannot be listed');
		} elsif (!defined $self->{folder}) {
			$draft->takes("recipients = $item", 'mxwatchd reads another format; run '
			    . 'mxwatch-import with -o, which writes it');
		} else {
			$self->{recipients}{ s/^\*\@/\@/r } = 1
			    for grep { /\@/ } map { lc } @$keys;
			next;
		}
		$self->{unknown} = 1;
	}
	return;
}

sub domains {
	my ($self) = @_;
	my ($source, $draft) = @$self{qw(source draft)};
	my $named = $source->{lists}{domain};
	my %relay = %{ $self->{relay} // {} };
	my (%names, %local);

	delete $relay{local_domains};
	%relay = map { $_ => 1 } grep { $named->{$_} }
	    qw(relay_to_domains relay_domains) if !%relay;
	my $own = MxImport::Exim::List->new($source, MxImport::Draft->new(''),
	    'local_domains');
	%local = map { $_ => 1 } $own->names;
	my @mailboxes = grep { /\./ && !/^localhost\./ &&
	    $_ ne lc $self->effective('primary_hostname') } sort keys %local;
	$draft->refuses('domainlist local_domains: ' .
	    MxImport::Draft::shown("@mailboxes"),
	    'mxwatchd has no mailboxes and no aliases; another server must accept this mail')
	    if @mailboxes;
	for my $name (sort keys %relay) {
		my $list = MxImport::Exim::List->new($source, $draft, $name);
		$names{$_} = 1 for $list->names;
	}
	$draft->takes_none('domainlist relay_to_domains', 'no domain was found '
	    . 'in it; name what you back up, domain "example.org" { }')
	    if !%names;
	my $routes = MxImport::Exim::Routes->new($source, $draft);
	for my $name (grep { !$local{$_} } sort keys %names) {
		if (!is_domain($name)) {
			$draft->refuses("domain $name", 'it is not a domain name in ASCII; write it as one '
			    . '(xn--...)');
			next;
		}
		my $options = $routes->options($name) // next;
		$self->known($name, $options);
		$self->retry($name, $options);
		$draft->domain($name, $options);
	}
	$draft->share;
	return;
}

sub known {
	my ($self, $name, $options) = @_;

	if (%{ $self->{recipients} } && !$self->{unknown}) {
		$options->{recipients} = "$self->{folder}/relay";
	} elsif ($self->{learn} || $self->{unknown}) {
		$options->{recipients_learn} = 'yes';
	}
	return;
}

# "F,2h,15m; G,16h,1h,1.5; F,4d,6h": until when, and how often, a message is
# tried.
sub retry {
	my ($self, $name, $options) = @_;
	my $rule = $self->{source}->retry_rule($name);
	my (@cutoffs, @intervals);

	if (!defined $rule) {
		$self->{draft}->check("domain $name", 'it has no retry rule, '
		    . 'so Exim returns mail at the first failure; here it waits for the lifetime');
		return;
	}
	for my $step (split /\s*;\s*/, $rule) {
		my (undef, $cutoff, $interval) = split /,/, $step;
		push @cutoffs, seconds($cutoff, 's') // ();
		push @intervals, seconds($interval, 's') // ();
	}
	return if !@cutoffs || !@intervals;
	my ($first, $max) = (sort { $a <=> $b } @intervals)[0, -1];
	my ($last) = sort { $b <=> $a } @cutoffs;
	$options->{lifetime} = time_text(clamp($last, 1, 3650 * 86400));
	$options->{retry} = { first => time_text(clamp($first, 1, 7 * 86400)),
		max => time_text(clamp($max, 1, 30 * 86400)) };
	return;
}

1;
