# SPDX-License-Identifier: ISC
# DomainList: a list of domains such as relay_domains: names, files of names,
# tables; "!" excludes, the first that fits decides (match_list(3)).
package MxImport::Postfix::DomainList;
use strict;
use warnings;
use MxImport::Value qw(braced_list name_and_parents);

use constant DEPTH_MAX => 4;	# files within files

# A parameter of the settings. What cannot be read is told of.
sub new {
	my ($class, $settings, $draft, $parameter) = @_;
	my $parents = $settings->value('parent_domain_matches_subdomains');
	my $self = bless { parameter => $parameter, draft => $draft,
		settings => $settings, patterns => [], asked => {},
		parents => scalar grep { $_ eq $parameter }
		    braced_list($parents) },
	    $class;

	$self->add(0, 0, braced_list($settings->value($parameter)));
	return $self;
}

sub add {
	my ($self, $depth, $negative, @items) = @_;

	for my $item (@items) {
		my ($marks, $plain) = $item =~ /^(!*)(.*)$/;
		my $not = $negative ^ (length($marks) % 2);
		if ($plain =~ m{^/}) {
			$self->add_file($depth, $not, $plain);
		} elsif ($plain =~ /^\w+:/ && $plain !~ /^\[/) {
			$self->add_table($not, $plain);
		} else {
			$self->add_names($not, lc $plain);
		}
	}
	return;
}

# To those before, if these decide alike: a list may have thousands.
sub add_names {
	my ($self, $not, @names) = @_;
	my $last = $self->{patterns}[-1];

	if (!$last || $last->{table} || $last->{not} != $not) {
		$last = { not => $not, names => {} };
		push @{ $self->{patterns} }, $last;
	}
	$last->{names}{$_} = 1 for @names;
	return;
}

sub add_file {
	my ($self, $depth, $not, $path) = @_;

	if ($depth >= DEPTH_MAX || !open my $file, '<', $path) {
		$self->{draft}->refuses("$self->{parameter}: $path",
		    $depth < DEPTH_MAX ? "it cannot be read: $!" :
		    'it is nested');
	} else {
		my @items = map { s/^\s*#.*//r } <$file>;
		close $file;
		$self->add($depth + 1, $not, map { braced_list($_) } @items);
	}
	return;
}

sub add_table {
	my ($self, $not, $spec) = @_;
	my $table = $self->{settings}->table($spec);
	my ($entries, $error) = $table->entries;

	if ($entries) {
		$self->add_names($not, keys %$entries);
		return;
	}
	push @{ $self->{patterns} }, { not => $not, table => $table };
	$self->{draft}->refuses("$self->{parameter}: $spec",
	    "$error; the domains that other tables name were looked up in it, "
	    . 'name the others, or a program that prints them in domains_from');
	return;
}

# Tables that cannot be listed are asked about these names; once.
sub ask {
	my ($self, @names) = @_;
	my %keys = map { $_ => 1 } map { $self->keys_of($_) } @names;

	for my $pattern (grep { $_->{table} } @{ $self->{patterns} }) {
		my ($found, $error) = $pattern->{table}->ask(sort keys %keys);
		$self->{draft}->refuses("$self->{parameter}: " .
		    $pattern->{table}->spec, "it could not be queried: $error")
		    if !$found;
		$pattern->{names} = { map { $_ => 1 } keys %{ $found // {} } };
	}
	return;
}

sub keys_of {
	my ($self, $name) = @_;

	return name_and_parents($name, $self->{parents} ? '' : '.');
}

sub has {
	my ($self, $name) = @_;
	my @keys = $self->keys_of($name);

	for my $pattern (@{ $self->{patterns} }) {
		return !$pattern->{not}
		    if grep { $pattern->{names}{$_} } @keys;
	}
	return 0;
}

# The names that stand in it. A table may hold more than names of domains,
# which nobody looks up here.
sub names {
	my ($self) = @_;
	my %names = map { %{ $_->{names} // {} } }
	    grep { !$_->{not} } @{ $self->{patterns} };

	return grep { !/^\.|[\@*]/ && $self->has($_) } sort keys %names;
}

# Those of which it has subdomains, too, whichever these are.
sub open_names {
	my ($self) = @_;
	my %names = map { %{ $_->{names} // {} } }
	    grep { !$_->{not} } @{ $self->{patterns} };

	return $self->{parents} ? $self->names :
	    map { substr $_, 1 } grep { /^\./ } sort keys %names;
}

1;
