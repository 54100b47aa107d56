# SPDX-License-Identifier: ISC
# List: Exim's lists, of domains above all: names, files, look-ups by key in
# files, other lists, exclusions; the first item that fits decides.
package MxImport::Exim::List;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(items keys_of_file);
use constant DEPTH_MAX => 8;	# lists within lists

# The items of a list: between colons, of which two are one, or between what
# stands behind "<" at its beginning. Braces hold together what is expanded.
sub items {
	my ($text) = @_;
	my $separator = $text =~ s/^\s*<(.)// ? $1 : ':';
	my $quoted = quotemeta $separator;
	my ($depth, @items) = (0, '');

	for my $part ($text =~ /$quoted$quoted|[{}]|./gs) {
		$depth += $part eq '{' ? 1 : $part eq '}' ? -1 : 0;
		if ($part eq $separator && $depth <= 0) {
			push @items, '';
		} else {
			$items[-1] .= $part eq "$separator$separator" &&
			    $depth <= 0 ?
			    $separator : $part;
		}
	}
	s/^\s+|\s+$//g for @items;
	return grep { $_ ne '' } @items;
}

# The keys of a file that lsearch reads, as they stand; undef: unreadable, see
# $!.
sub keys_of_file {
	my ($path) = @_;

	open my $file, '<', $path or return;
	my @keys =
	    map { /^"([^"]*)"/ || /^([^\s:#][^\s:]*)/ ? $1 : () } <$file>;
	close $file;
	return \@keys;
}

# A named list of domains: what it has, and what about it cannot be said.
sub new {
	my ($class, $source, $draft, $name) = @_;
	my $self = bless { source => $source, draft => $draft, name => $name,
		names => {}, excluded => {} }, $class;

	$self->add(0, 0, $source->{lists}{domain}{$name} // '');
	return $self;
}

sub names {
	my ($self) = @_;

	return sort keys %{ $self->{names} };
}

sub has {
	my ($self, $name) = @_;

	return $self->{names}{$name};
}

sub add {
	my ($self, $depth, $not, $text) = @_;

	for my $item (items($text)) {
		my ($expanded, $error) = $self->{source}->expanded($item);
		if (!defined $expanded) {
			$self->refuses($item, $error);
		} elsif ($item =~ /\$/) {
			$self->item($depth, $not, $_) for items($expanded);
		} else {
			$self->item($depth, $not, $item);
		}
	}
	return;
}

sub refuses {
	my ($self, $item, $why) = @_;

	$self->{draft}->refuses("domainlist $self->{name}: $item", $why);
	return;
}

sub item {
	my ($self, $depth, $not, $item) = @_;

	$not = !$not if $item =~ s/^!\s*//;
	if ($item =~ /^\+(\w+)$/) {
		my $inner = $self->{source}{lists}{domain}{$1};
		return $self->refuses($item,
		    'there is no such list, or it is nested')
		    if !defined $inner || $depth >= DEPTH_MAX;
		return $self->add($depth + 1, $not, $inner);
	}
	return $self->file($depth, $not, $item) if $item =~ m{^/};
	return $self->lookup($not, $item) if $item =~ /^[\w-]+\*?;/;
	return $self->name($not, $item);
}

sub name {
	my ($self, $not, $item) = @_;

	if ($item =~ /^\@mx_/) {
		$self->refuses($item, 'it is any domain with an MX record for this host; mx_backup { '
		    . 'networks = {...} } does that for the servers that you name, or name each domain') if !$not;
	} elsif ($item =~ /^\@/) {
		$self->{own} = 1;
	} elsif ($item =~ /^[*^]/) {
		$self->refuses($item, $not ? 'patterns do not exclude' :
		    'a section is for one name; name each domain');
	} elsif ($not) {
		$self->{excluded}{ lc $item } = 1;
	} else {
		$self->{names}{ lc $item } = 1
		    if !$self->{excluded}{ lc $item };
	}
	return;
}

sub file {
	my ($self, $depth, $not, $path) = @_;

	open my $file, '<', $path
	    or return $self->refuses($path, "it cannot be read: $!");
	for my $line (<$file>) {
		$line =~ s/#.*//;
		$line =~ s/^\s+|\s+$//g;
		$self->item($depth + 1, $not, $line) if $line ne '';
	}
	close $file;
	return;
}

# By key in a file; other kinds can be asked by Exim alone, for one key.
sub lookup {
	my ($self, $not, $item) = @_;
	my ($kind, $path) = $item =~ /^([\w-]+\*?);\s*(.*)$/;

	if ($kind =~ /^(?:partial\d*-)?n?(?:wild)?lsearch\*?$/) {
		my $keys = keys_of_file($path)
		    or return $self->refuses($item, "it cannot be read: $!");
		$self->name($not, $_) for @$keys;
	} elsif ($kind eq 'dsearch' && opendir my $dir, $path) {
		$self->name($not, $_) for grep { !/^\./ } sort readdir $dir;
		closedir $dir;
	} else {
		$self->refuses($item,
		    "a lookup of type $kind cannot be listed; name the "
		    . 'domains');
	}
	return;
}

1;
