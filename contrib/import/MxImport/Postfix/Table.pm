# SPDX-License-Identifier: ISC
# Table: one lookup table of Postfix, such as hash:/etc/postfix/relay, read by
# postmap: all of it (-s), or by keys (-q), which is all that many types can
# do.
package MxImport::Postfix::Table;
use strict;
use warnings;
use MxImport::Command qw(output_of);
use MxImport::Value qw(braced_list);

# Types whose text beside the table is what recipients of ours may name.
my %HAS_TEXT = map { $_ => 1 } qw(hash btree lmdb cdb dbm sdbm texthash);
# Types that are asked for a whole address and for nothing else.
my %BY_ADDRESS = map { $_ => 1 } qw(regexp pcre cidr);
# Types that can be asked and not listed: postmap -s says so, after a second.
my $ASKED_ONLY =
    qr/^(?:cidr|ldap|memcache|mongodb|mysql|nis|nisplus|pcre|pgsql|pipemap|
    randmap|regexp|socketmap|sqlite|static|tcp)$/x;
# What Debian has in a package of its own.
my %PACKAGE = map { $_ => "postfix-$_" }
    qw(cdb ldap lmdb mongodb mysql pcre pgsql sqlite);

# `proxy:` is left off: proxymap(8) has another queue's rights, and no -s.
sub new {
	my ($class, $dir, $spec) = @_;

	1 while $spec =~ s/^proxy://;
	my ($type, $name) = $spec =~ /^(\w+):(.*)$/s;
	return bless { dir => $dir, spec => $spec, type => $type // '',
		name => $name // '' }, $class;
}

sub spec {
	my ($self) = @_;

	return $self->{spec};
}

sub is_by_address {
	my ($self) = @_;

	return $BY_ADDRESS{ $self->{type} };
}

# Has it an answer for any key? Such a list of recipients is none.
sub matches_all {
	my ($self) = @_;

	return $self->{type} =~ /^(?:static|randmap)$/;
}

# The text that the table was made of, if it is there.
sub text {
	my ($self) = @_;

	return $HAS_TEXT{ $self->{type} } && -f $self->{name} && -r _ ?
	    $self->{name} : undef;
}

# Has the text changed since postmap last read it?
sub is_stale {
	my ($self) = @_;
	my $text = $self->text // return 0;
	my ($made) = grep { -e } map { "$text.$_" } qw(db lmdb cdb pag);

	return $made && (stat $text)[9] > (stat $made)[9];
}

# All entries, with lower-case keys, and undef; or undef and why not.
sub entries {
	my ($self) = @_;

	$self->{entries} //= [ $self->{type} eq 'unionmap' ?
	    $self->union : $self->sequence ];
	return @{ $self->{entries} };
}

sub union {
	my ($self) = @_;
	my ($inner) =
	    $self->{name} =~ /^\{(.*)\}$/s or return (undef, 'no list');
	my %all;

	for my $spec (braced_list($inner)) {
		my ($entries, $error) =
		    new(ref $self, $self->{dir}, $spec)->entries;
		return (undef, "$spec: $error") if !$entries;
		%all = (%$entries, %all);
	}
	return (\%all, undef);
}

sub sequence {
	my ($self) = @_;
	return (undef, $self->cannot_list) if $self->{type} =~ $ASKED_ONLY;
	my ($status, $out, $err) = $self->postmap('', '-s', $self->{spec});

	if ($status != 0 && $err =~ /: No such file/ && $self->text) {
		($status, $out, $err) =
		    $self->postmap('', '-s', 'texthash:' . $self->text);
		$self->{uncompiled} = 1;
	}
	# one without entries ends with 1, too
	return (undef, $self->reason($err)) if $status < 0 || $err =~ /fatal:/;
	return (parsed($out), undef);
}

# Was the text read, because the table has never been made?
sub is_uncompiled {
	my ($self) = @_;

	return $self->{uncompiled};
}

# What it has of these keys, in lower case, and undef; or undef and why not.
sub ask {
	my ($self, @keys) = @_;
	my ($status, $out, $err) =
	    $self->postmap(join('', map { "$_\n" } @keys),
	    '-q', '-', $self->{spec});

	return (undef, $self->reason($err))
	    if $status < 0 || $err =~ /fatal:|error:/;
	return (parsed($out), undef);
}

sub postmap {
	my ($self, $input, @arguments) = @_;

	return output_of([ 'postmap', '-c', $self->{dir}, @arguments ], $input);
}

sub parsed {
	my ($out) = @_;

	return { map { my ($key, $value) = split /\t/, $_, 2;
		    (lc $key, $value // '') } split /\n/, $out };
}

sub cannot_list {
	my ($self) = @_;

	return "a table of type $self->{type} can be queried, not listed";
}

# The last thing that postmap said, as far as it says more than the name.
sub reason {
	my ($self, $err) = @_;
	my $last = (split /\n/, $err)[-1] // 'postmap gave no reason';

	return "Postfix's type $self->{type} is not here; install " .
	    ($PACKAGE{ $self->{type} } // 'it')
	    if $last =~ /unsupported dictionary type/;
	return $self->cannot_list
	    if $last =~ /sequence operation is not supported|can't sequence/;
	$last =~ s/^postmap: (?:fatal|error|warning): //;
	return $last;
}

1;
