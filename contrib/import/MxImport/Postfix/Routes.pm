# SPDX-License-Identifier: ISC
# Routes: where the mail of a domain goes and how: transport_maps,
# relay_transport and relayhost as trivial-rewrite(8) takes them, the
# transports of master.cf, and TLS by what its levels promise.
package MxImport::Postfix::Routes;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Value qw(braced_list clamp host_port is_address is_domain
    name_and_parents seconds server_text);

# Programs of Postfix that deliver by SMTP, by the name of a stock service
# where master.cf does not say.
my %STOCK = map { $_ => $_ } qw(smtp error discard local virtual lmtp);
@STOCK{qw(relay retry)} = qw(smtp error);

sub new {
	my ($class, $settings, $draft) = @_;
	my $parents = $settings->value('parent_domain_matches_subdomains');
	my $self = bless { settings => $settings, draft => $draft,
		parents => scalar grep { $_ eq 'transport_maps' }
		    braced_list($parents) }, $class;

	$self->{maps} = $self->tables('transport_maps');
	$self->{policies} = $self->tables('smtp_tls_policy_maps');
	my ($transport, $hop) =
	    split /:/, $settings->value('relay_transport'), 2;
	@$self{qw(transport hop)} = ($transport, $hop || $settings->value(
	    'relayhost'));
	return $self;
}

sub tables {
	my ($self, $parameter) = @_;

	return [ map { { of => $parameter,
		table => $self->{settings}->table($_) } }
	    braced_list($self->{settings}->value($parameter)) ];
}

# The domains that transport_maps names.
sub names {
	my ($self) = @_;
	my %names;

	for my $map (@{ $self->{maps} }) {
		my ($entries) = $map->{table}->entries;
		for my $key (keys %{ $entries // {} }) {
			$names{ $key =~ s/^.*\@//r } = 1 if $key !~ /^[.*]/;
		}
	}
	return keys %names;
}

sub keys_of {
	my ($self, $name) = @_;

	return name_and_parents($name, $self->{parents} ? '' : '.');
}

# Tables are asked once for all domains and for where their mail goes.
sub prepare {
	my ($self, @domains) = @_;
	my %keys = map { $_ => 1 } map { $self->keys_of($_) } @domains;

	$self->fill($_, [ sort(keys %keys), '*' ], \@domains)
	    for @{ $self->{maps} };
	$self->personal(@domains);
	my %hops = map { $_ => 1 } map { $self->policy_keys($_) } @domains,
	    grep { defined } $self->{hop},
	    map { ($self->target($_))[1] } @domains;
	$self->fill($_, [ sort keys %hops ], \@domains)
	    for @{ $self->{policies} };
	return;
}

sub fill {
	my ($self, $map, $keys, $domains) = @_;
	my $table = $map->{table};
	my ($found, $error) = $table->entries;

	if (!$found && $table->is_by_address &&
	    $map->{of} eq 'transport_maps') {
		($found, $error) =
		    $table->ask(map { "postmaster\@$_" } @$domains);
		$self->{draft}->check("$map->{of}: " . $table->spec, 'it is looked up by address; it '
		    . 'was queried for postmaster of each domain');
	} elsif (!$found) {
		($found, $error) = $table->ask(@$keys);
	}
	$self->{draft}->lost("$map->{of}: " . $table->spec, $error) if !$found;
	$map->{found} = $found // {};
	return;
}

# Addresses that have a route of their own.
sub personal {
	my ($self, @domains) = @_;
	my %own = map { $_ => 1 } @domains;

	for my $map (@{ $self->{maps} }) {
		my @keys = grep { /^[^@]+\@(.*)$/ && $own{$1} }
		    keys %{ $map->{found} };
		next if !@keys || $map->{table}->is_by_address;
		$self->{draft}->lost("$map->{of}: " .
		    MxImport::Draft::shown("@keys"),
		    'all mail of a domain goes one way');
	}
	return;
}

# The transport and the next hop of a domain's mail; a hop that is the domain
# means its MX records.
sub target {
	my ($self, $domain) = @_;
	my $entry = $self->entry($domain);
	my ($transport, $hop) = split /:/, $entry // '', 2;

	$transport //= '';
	$hop //= '';
	return ($transport || $self->{transport}, $hop) if $hop ne '';
	return ($transport, $domain) if $transport ne '';
	return ($self->{transport}, $self->{hop} || $domain);
}

sub entry {
	my ($self, $domain) = @_;

	for my $key ("postmaster\@$domain", $self->keys_of($domain), '*') {
		for my $map (@{ $self->{maps} }) {
			next if $key =~ /\@/ && !$map->{table}->is_by_address;
			return $map->{found}{$key}
			    if exists $map->{found}{$key};
		}
	}
	return;
}

# What runs as that transport: smtp, error, pipe, ...; and its line in
# master.cf.
sub program {
	my ($self, $transport) = @_;
	my ($service) =
	    grep { $_->{name} eq $transport && $_->{type} eq 'unix' }
	    $self->{settings}->services;

	return ($service ? $service->{command} : $STOCK{$transport} // '',
	    $service);
}

# The options of a domain, or undef when it has no section: why is told of.
sub options {
	my ($self, $domain) = @_;
	my $draft = $self->{draft};
	my ($transport, $hop) = $self->target($domain);
	my ($program) = $self->program($transport);

	if ($program eq 'error' && $transport ne 'retry') {
		$draft->moot("domain $domain",
		    "its transport $transport refuses its mail; "
		    . 'so does mxwatchd without a section');
		return;
	}
	if ($program ne 'smtp') {
		$draft->refuses("domain $domain",
		    "its transport $transport:$hop " .
		    ($program eq 'error' ? 'puts its mail off' :
			$program eq 'discard' ? 'throws its mail away' :
			'does not deliver by SMTP'));
		return;
	}
	my %deliver = %{ $self->deliver($transport, $hop) };
	my $usual = $self->usual;
	for my $name (keys %deliver) {
		delete $deliver{$name}
		    if ($usual->{$name} // '') eq $deliver{$name};
	}
	return { primary => [ $self->primaries($domain, $hop) ],
	    deliver => \%deliver };
}

sub primaries {
	my ($self, $domain, $hop) = @_;
	my ($draft, @primaries) = ($self->{draft});

	for my $item (braced_list($hop)) {
		my ($host, $port, $exact) = host_port($item);
		if (!defined $host) {
			$draft->lost("domain $domain: next hop $item",
			    'it is not a host with a port; set primary');
			next;
		}
		my $text = server_text($host, $port);
		if (!$exact && lc $host eq $domain) {
			$draft->check("domain $domain", "its MX records are "
			    . "tried at port $port by Postfix; set "
			    . 'probe { port } or primary') if $port != 25;
			next;
		}
		$draft->check("primary $text of domain $domain", 'it has no brackets, so Postfix uses '
		    . 'the MX records of that name, and mxwatchd its address; '
		    . 'name the servers if it has MX records')
		    if !$exact;
		push @primaries, $text;
	}
	return @primaries;
}

# The server that takes what is for no domain of ours.
sub smarthost {
	my ($self) = @_;
	my $relayhost = $self->{settings}->given('relayhost') // '';
	my ($first) = braced_list($relayhost);
	my ($host, $port, $exact) = host_port($first // '');

	return if $relayhost eq '';
	if (!defined $host) {
		$self->{draft}->lost("relayhost = $relayhost",
		    'it is not a host with a port; set dsn { smarthost }');
		return;
	}
	$self->{draft}->check("dsn { smarthost } $host", 'relayhost has no brackets, so '
	    . 'Postfix uses the MX records of that name') if !$exact;
	return server_text($host, $port);
}

# What is usual for a domain, for the section defaults.
sub usual {
	my ($self) = @_;

	$self->{usual} //= $self->deliver($self->{transport}, undef);
	return $self->{usual};
}

sub deliver {
	my ($self, $transport, $hop) = @_;
	my $settings = $self->{settings};
	my (undef, $service) = $self->program($transport);
	my %deliver;

	my $own = $settings->given(
	    "${transport}_destination_concurrency_limit");
	my $limit = $own // $settings->given(
	    'default_destination_concurrency_limit');
	$deliver{connections} = $limit == 0 ? 1000 : clamp($limit, 1, 1000)
	    if ($limit // '') =~ /^\d+$/;
	my $tls = $self->tls($service, $hop);
	$deliver{tls} = $tls if defined $tls;
	my $source = $self->source($service);
	$deliver{source} = $source if defined $source;
	my $connect = seconds($settings->given_for($service,
	    'smtp_connect_timeout'), 's');
	$deliver{connect} = clamp($connect, 1, 600) . 's' if $connect;
	return \%deliver;
}

sub source {
	my ($self, $service) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $four = $settings->given_for($service, 'smtp_bind_address') || undef;
	my $six = $settings->given_for($service, 'smtp_bind_address6') || undef;

	s/^\[(.*)\]$/$1/ for grep { defined } $four, $six;
	$draft->lost("smtp_bind_address6 = $six",
	    "there is one source address, and it is $four")
	    if defined $four && defined $six;
	my $source = $four // $six // $self->{only_address};
	return $source if !defined $source || is_address($source);
	$draft->lost("smtp_bind_address = $source", 'it is no address');
	return;
}

# The address that is the only one of inet_interfaces is where mail comes from.
sub comes_from {
	my ($self, $address) = @_;

	$self->{only_address} = $address;
	return;
}

# What a hop is looked up by in smtp_tls_policy_maps: as it is written, and of
# a mere domain those that it lies below.
sub policy_keys {
	my ($self, $hop) = @_;
	my ($first) = braced_list($hop);
	my $key = lc($first // '');

	return is_domain($key) ? name_and_parents($key, '.') : $key;
}

sub tls {
	my ($self, $service, $hop) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};

	for my $key (defined $hop ? $self->policy_keys($hop) : ()) {
		for my $map (@{ $self->{policies} }) {
			my $policy = $map->{found}{$key} // next;
			my ($level, @attributes) = braced_list($policy);
			$draft->lost("$map->{of}: $key @attributes",
			    'only its level is used') if @attributes;
			return $self->level("$map->{of}: $key", $level // '');
		}
	}
	my $level = $settings->given_for($service, 'smtp_tls_security_level');
	my $enforce = $settings->given_for($service, 'smtp_enforce_tls') // '';
	my $use = $settings->given_for($service, 'smtp_use_tls') // '';

	$level ||= $enforce eq 'yes' ?
	    ($settings->value('smtp_tls_enforce_peername') eq 'yes' ?
		'verify' : 'encrypt') : $use eq 'yes' ? 'may' : undef;
	return if !defined $level;
	return $self->level('smtp_tls_security_level', $level);
}

# Level, what it is here, and where that is not quite the same the reason.
my %LEVEL = (
	none => [ 'none' ],
	may => [ 'may' ],
	encrypt => [ 'require', 'there is no TLS without verification here; '
	    . '"require" verifies a host by name, and one with another '
	    . 'certificate gets no mail; use "may" or "dane" for it' ],
	verify => [ 'require' ],
	secure => [ 'require', 'with MX records the name of each host is '
	    . 'verified, and not that of the domain; name the primary' ],
	fingerprint => [ 'require', 'fingerprints are not compared; "require" '
	    . 'verifies a host by name, and one with a self-signed '
	    . 'certificate gets no mail' ],
	dane => [ 'dane' ],
	'dane-only' => [ 'dane',
    'a host without TLSA records is treated as with "may"' ],
	'half-dane' => [ 'dane' ],
);

sub level {
	my ($self, $where, $level) = @_;
	my $here = $LEVEL{$level};

	if (!$here) {
		$self->{draft}->lost("$where $level", 'there is no such level');
		return 'require';
	}
	$self->{draft}->lost("$where $level (here \"$here->[0]\")", $here->[1])
	    if $here->[1];
	return $here->[0];
}

1;
