# SPDX-License-Identifier: ISC
# Source: the configuration of an Exim as `exim -bP config` prints it, with
# macros, conditions and includes resolved, in its parts.
package MxImport::Exim::Source;
use strict;
use warnings;
use MxImport::Command qw(output_of);

my @VERBS = qw(accept defer deny discard drop require warn);
# What an expansion may do besides reading: that is left alone.
my $ACTS = qr/\$\{(?:run|perl|dlfunc|readsocket|acl)\b/;

# The file, or that of the Exim that is installed where undef. Dies with the
# reason when Exim cannot read it.
sub new {
	my ($class, $file) = @_;
	my $self = bless { file => $file, main => {}, lists => {}, acls => {},
		routers => [], transports => {}, authenticators => 0,
		order => [] }, $class;

	($self->{exim}) = grep { -x } map { my $dir = $_;
		map { "$dir/$_" } qw(exim4 exim) }
	    split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/usr/exim/bin';
	die "no exim is in PATH\n" if !defined $self->{exim};
	my ($status, $out, $err) = $self->exim('-bP', 'config');
	die 'exim -bP config: ' . reason($err) . "\n" if $status != 0 || $out eq
	    '';
	$self->parse(split /\n/, $out);
	return $self;
}

# What Exim said, once, without times and without that it cannot write its log.
sub reason {
	my ($err) = @_;
	my %seen;

	$err =~ s/^\d{4}-\d\d-\d\d [\d:]+ //gm;
	return join(' ', grep { !/log file|panic log/ && !$seen{$_}++ }
	    map { s/^\s+//r } split /\n/, $err) || 'it printed nothing';
}

# An empty environment: Exim would write to its log that it clears it.
sub exim {
	my ($self, @arguments) = @_;

	return output_of([ $self->{exim},
		defined $self->{file} ? ('-C', $self->{file}) : (), @arguments
	    ],
	    '', {});
}

sub parse {
	my ($self, @lines) = @_;
	my ($section, $block) = ('main', undef);

	for my $line (grep { !/^#|^\s*$/ } @lines) {
		$line =~ s/^\s+//;
		if ($line =~ /^begin (\w+)$/) {
			($section, $block) = ($1, undef);
		} elsif ($section eq 'main') {
			$self->main_line($line);
		} elsif ($section eq 'retry' || $section eq 'rewrite') {
			push @{ $self->{$section} }, $line;
		} elsif ($line =~ /^(\w+):$/) {
			$block = { name => $1, lines => [] };
			$self->add_block($section, $block);
		} elsif ($block && $section eq 'acl') {
			acl_line($block, $line);
		} elsif ($block && $line !~ /^[A-Z]\w*\s*=/) {	# no macro
			my ($name, $value) = option($line);
			$block->{$name} = $value;
		}
	}
	return;
}

# "name = value", "name" and "no_name" of a flag. A value may stand in quotes.
sub option {
	my ($line) = @_;

	$line =~ s/^hide\s+//;
	if ($line =~ /^(\w+)\s*=\s*(.*)$/) {
		my ($name, $value) = ($1, $2);
		$value =~ s/\\(.)/$1/g if $value =~ s/^"(.*)"$/$1/;
		return ($name, $value);
	}
	return ($1, 'false') if $line =~ /^(?:no|not)_(\w+)$/;
	return ($line, 'true');
}

sub main_line {
	my ($self, $line) = @_;

	return if $line =~ /^[A-Z]\w*\s*=/;	# a macro
	if ($line =~ /^(?:hide\s+)?(domain|host|address|localpart)list
	    \s+(\w+)\s*=\s*(.*)$/x) {
		$self->{lists}{$1}{$2} = $3;
		return;
	}
	my ($name, $value) = option($line);
	$self->{main}{$name} = $value;
	return;
}

sub add_block {
	my ($self, $section, $block) = @_;

	if ($section eq 'acl') {
		$self->{acls}{ $block->{name} } = $block;
	} elsif ($section eq 'routers') {
		push @{ $self->{routers} }, $block;
	} elsif ($section eq 'transports') {
		$self->{transports}{ $block->{name} } = $block;
	} elsif ($section eq 'authenticators') {
		$self->{authenticators}++;
	}
	return;
}

# Conditions stand behind their verb, one a line: [verb, [name, value] ...].
sub acl_line {
	my ($block, $line) = @_;

	for my $verb (@VERBS) {
		next if $line !~ s/^$verb\b\s*//;
		push @{ $block->{statements} }, { verb => $verb,
		    conditions => [] };
		last;
	}
	my $statement = $block->{statements}[-1];
	push @{ $statement->{conditions} },
	    [ $line =~ /^(!?\s*\w+)\s*=\s*(.*)$/ ?
	    ($1, $2) : ($line, '') ] if $statement && $line ne '';
	return;
}

# A main option, and that it has been dealt with.
sub given {
	my ($self, $name) = @_;

	$self->{touched}{$name} = 1;
	return $self->{main}{$name};
}

sub untouched {
	my ($self) = @_;

	return map { [ $_, $self->{main}{$_} ] }
	    grep { !$self->{touched}{$_} } sort keys %{ $self->{main} };
}

# The text expanded, for a domain where that is given; undef and why not.
sub expanded {
	my ($self, $text, $domain) = @_;

	$text =~ s/\$\{domain\}|\$domain\b/$domain/g if defined $domain;
	return ($text, undef) if $text !~ /\$/;
	return (undef, 'it acts when it is expanded') if $text =~ $ACTS;
	my ($status, $out, $err) = $self->exim('-be', $text);
	chomp $out;
	return (undef, "it is not expanded: " . ($out || $err || $status))
	    if $status != 0 || $out =~ /^Failed:/;
	return ($out, undef);
}

# The statements of the ACL that judges recipients.
sub recipient_acl {
	my ($self) = @_;
	my $name = $self->given('acl_smtp_rcpt') // '';
	my $acl = $self->{acls}{$name};

	return $acl ? @{ $acl->{statements} // [] } : ();
}

# What Exim says its rule of retrying is for a domain: "F,2h,15m;
# G,16h,1h,1.5".
sub retry_rule {
	my ($self, $domain) = @_;
	my ($status, $out) = $self->exim('-brt', $domain);

	return $status == 0 &&
	    $out =~ /^Retry rule: \S+\s+\S+\s+(.*?);?\s*$/m ? $1 : undef;
}

1;
