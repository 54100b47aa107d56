# SPDX-License-Identifier: ISC
# Settings: what main.cf and master.cf say, as postconf understands them.
# Whoever asks for a parameter that main.cf sets has dealt with it; the others
# are told in the end, see untouched().
package MxImport::Postfix::Settings;
use strict;
use warnings;
use File::Temp ();
use MxImport::Command qw(output_of);
use MxImport::Postfix::Table;

# Dies with the reason when postconf cannot read the configuration.
sub new {
	my ($class, $dir) = @_;
	my $self = bless { dir => $dir, table_dir => $dir, warnings => [],
		options => [], touched => {}, tables => {} }, $class;

	die "cannot read $dir/main.cf: $!\n" if !-r "$dir/main.cf";
	if (!eval { $self->{given} = $self->parameters('-n', '-x') }) {
		die $@ if $@ !~ /fatal: .*inet_interfaces/;
		$self->move_here($@);
	}
	delete $self->{given}{config_directory};
	$self->{all} = { %{ $self->parameters('-x') }, %{ $self->{given} } };
	if (-r "$dir/master.cf") {
		$self->{services} =
		    [ map { service($_) } $self->postconf('-M') ];
		$self->{overrides} = $self->parameters('-P', '-x');
	} else {
		push @{ $self->{warnings} },
		    "cannot read $dir/master.cf: its services and -o are not "
		    . "known";
		$self->{services} = [];
		$self->{overrides} = {};
	}
	return $self;
}

# The configuration is that of another host, and Postfix reads none whose
# addresses are not its own. All but that is read with inet_interfaces = all,
# by postmap from a copy of main.cf.
sub move_here {
	my ($self, $reason) = @_;

	$reason =~ s/^.*fatal: |\n//g;
	push @{ $self->{warnings} },
	    "$reason: this is not the host of this Postfix; "
	    . 'its addresses are used as they are';
	my ($interfaces) = $self->postconf('-o', 'mynetworks=127.0.0.0/8', '-h',
	    '-x',
	    'inet_interfaces');
	$self->{options} = [ '-o', 'inet_interfaces=all' ];
	$self->{given} = $self->parameters('-n', '-x');
	$self->{given}{inet_interfaces} = $interfaces;

	$self->{copy} = File::Temp->newdir;
	$self->{table_dir} = $self->{copy}->dirname;
	open my $from, '<', "$self->{dir}/main.cf" or die
	    "$self->{dir}/main.cf: $!\n";
	open my $to, '>', "$self->{table_dir}/main.cf" or die
	    "$self->{copy}: $!\n";
	print $to (<$from>, "\ninet_interfaces = all\n") and close $to
	    or die "$self->{table_dir}/main.cf: $!\n";
	close $from;
	return;
}

# A lookup table, the same for each who asks.
sub table {
	my ($self, $spec) = @_;

	return $self->{tables}{$spec} //=
	    MxImport::Postfix::Table->new($self->{table_dir}, $spec);
}

sub postconf {
	my ($self, @options) = @_;
	my ($status, $out, $err) = output_of([ 'postconf', '-c', $self->{dir},
	    @{ $self->{options} }, @options ]);

	for my $line (split /\n/, $err) {
		$line =~ s/^postconf: //;
		die "postconf @options: $line\n" if $line =~ /^fatal:/;
		$line =~ s/^warning: //;
		push @{ $self->{warnings} }, $line
		    if !grep { $_ eq $line } @{ $self->{warnings} };
	}
	die "postconf @options: " . ($err || "ended with status $status") . "\n"
	    if $status != 0;
	return split /\n/, $out;
}

sub parameters {
	my ($self, @options) = @_;

	return { map { /^(\S+) = ?(.*)$/ ? ($1, $2) : () }
		$self->postconf(@options) };
}

sub service {
	my ($line) = @_;
	my @field = split ' ', $line;

	return { name => $field[0], type => $field[1],
		key => "$field[0]/$field[1]", command => $field[7] };
}

# What postconf warned of, a line each.
sub warnings_given {
	my ($self) = @_;

	return @{ $self->{warnings} };
}

# A parameter as it is in force, or undef where Postfix has none of that name.
sub value {
	my ($self, $name) = @_;

	$self->{touched}{$name} = 1;
	return $self->{all}{$name};
}

# One that main.cf sets itself; undef otherwise.
sub given {
	my ($self, $name) = @_;

	$self->{touched}{$name} = 1;
	return $self->{given}{$name};
}

# Both as a service has them, whose -o come before main.cf.
sub given_for {
	my ($self, $service, $name) = @_;
	my $override = $self->override($service, $name);
	my $given = $self->given($name);

	return $override // $given;
}

sub value_for {
	my ($self, $service, $name) = @_;

	return $self->override($service, $name) // $self->value($name);
}

sub override {
	my ($self, $service, $name) = @_;

	return if !$service;
	$self->{touched}{"$service->{key}/$name"} = 1;
	return $self->{overrides}{"$service->{key}/$name"};
}

sub services {
	my ($self) = @_;

	return @{ $self->{services} };
}

# No override of that service will be asked for: it is told of as a whole.
sub touch_service {
	my ($self, $service) = @_;

	$self->{touched}{$_} = 1
	    for grep { index($_, "$service->{key}/") == 0 }
	    keys %{ $self->{overrides} };
	return;
}

# What is set and nobody has asked for: [name, value, service or undef] each.
sub untouched {
	my ($self) = @_;
	my %given = (%{ $self->{given} }, %{ $self->{overrides} });
	my @left;

	for my $key (sort keys %given) {
		next if $self->{touched}{$key};
		my ($service, $name) = $key =~ m{^(.*)/([^/]+)$};
		push @left, [ $name // $key, $given{$key}, $service ];
	}
	return @left;
}

# A parameter of main.cf that Postfix itself does not have: it stands for text
# in others, which are expanded.
sub is_own {
	my ($self, $name) = @_;

	$self->{builtin} //= $self->parameters('-d');
	return !exists $self->{builtin}{$name};
}

1;
