# SPDX-License-Identifier: ISC
# Draft: the mxwatch.conf that comes into being, and the list of what is not in
# it. What reads the other server's configuration says values and losses; how
# they are written is known here alone.
package MxImport::Draft;
use strict;
use warnings;
use MxImport::Value qw(is_domain);

use constant {
	LIST_MAX => 1024,	# values of a list, see mxwatchd.conf(5)
	VALUE_MAX => 4096,	# bytes of a value
	SHOWN_MAX => 160,	# characters of a foreign value in a comment
};
# Sections in the order in which they are written; "a b" is b within a.
my @SECTIONS = ('', 'smtpd', 'queue', 'dsn', 'defaults', 'defaults deliver',
    'defaults retry', 'mx_backup');
my %IS_BARE = map { $_ => 1 } qw(per_client client_rate max_recipients
    max_errors max_commands max_received dnsbl_threshold connections
    untrusted_routing recipients_learn);

sub new {
	my ($class, $origin) = @_;

	return bless { origin => $origin, set => {}, order => {}, domain => {},
		lost => [], moot => [], seen => {} }, $class;
}

# A value: a text, or a list as a reference. An empty text is none, an empty
# list is one.
sub set {
	my ($self, $section, $name, $value) = @_;

	return if !defined $value || $value eq '';
	if (ref $value && @$value > LIST_MAX) {
		my $count = @$value;
		$self->refuses("$name ($count values)", 'a list has ' .
		    LIST_MAX . ' at most; the first ones were taken');
		$value = [ @$value[0 .. LIST_MAX - 1] ];
	}
	for my $text (ref $value ? @$value : $value) {
		next if length $text <= VALUE_MAX && $text !~ /[\0-\x1f]/;
		$self->lost($name, 'its value is too long, or not text');
		return;
	}
	push @{ $self->{order}{$section} }, $name
	    if !exists $self->{set}{$section}{$name};
	$self->{set}{$section}{$name} = $value;
	return;
}

# The name of the other server, which `what` gives it.
sub hostname {
	my ($self, $what, $name) = @_;

	return $self->set('', 'hostname', $name)
	    if is_domain($name) && $name =~ /\./;
	$self->lost("$what = $name", 'it is not a fully qualified name; set hostname');
	return;
}

# A domain and its options: primary, recipients, ..., and deliver, a hash.
sub domain {
	my ($self, $name, $options) = @_;

	$self->{domain}{$name} = $options;
	return;
}

sub domains {
	my ($self) = @_;

	my @names = sort keys %{ $self->{domain} };
	return @names;
}

# What all domains have alike goes into defaults.
sub share {
	my ($self) = @_;
	my @all = values %{ $self->{domain} };

	for my $place ([ 'lifetime' ], [ qw(retry first) ], [ qw(retry max) ],
	    [ qw(deliver tls) ], [ qw(deliver source) ],
	    [ qw(deliver connect) ]) {
		my ($inner, $name) =
		    @$place > 1 ? @$place : (undef, $place->[0]);
		my @of = map { defined $inner ? $_->{$inner} //= {} : $_ } @all;
		my %values = map { $_->{$name} // '' => 1 } @of;
		my ($value) = keys %values;
		next if keys %values != 1 || $value eq '';
		delete $_->{$name} for @of;
		$self->set(defined $inner ? "defaults $inner" : 'defaults',
		    $name, $value);
	}
	return;
}

# Not translated, and nothing is refused for it that was taken.
sub lost {
	my ($self, $what, $why) = @_;

	return $self->untranslated($what, $why);
}

# Not translated, and mail would be refused for it that was taken.
sub refuses {
	my ($self, $what, $why) = @_;

	return $self->untranslated($what, $why,
	    'MAIL IS REFUSED THAT WAS ACCEPTED');
}

# A list of recipients that is not translated: whom it refused is taken.
sub takes {
	my ($self, $what, $why) = @_;

	return $self->untranslated($what, $why, 'ANY RECIPIENT IS ACCEPTED');
}

# No domain was found.
sub takes_none {
	my ($self, $what, $why) = @_;

	return $self->untranslated($what, $why, 'NO MAIL IS TAKEN');
}

# Of no consequence here.
sub moot {
	my ($self, $what, $why) = @_;

	push @{ $self->{moot} }, one_line("$what: $why");
	return;
}

# Translated, but not to the same thing, or only as it is now.
sub check {
	my ($self, $what, $why) = @_;

	return $self->add("check $what: $why");
}

sub untranslated {
	my ($self, $what, $why, $grave) = @_;

	return $self->add("not translated: $what, because $why" .
	    ($grave ? " - $grave" : ''), $grave);
}

sub add {
	my ($self, $text, $grave) = @_;

	$text = one_line($text);
	push @{ $self->{lost} }, { text => $text, grave => $grave ? 1 : 0 }
	    if !$self->{seen}{$text}++;
	return;
}

# Has somebody to decide before the configuration is used?
sub is_grave {
	my ($self) = @_;

	return scalar grep { $_->{grave} } @{ $self->{lost} };
}

# A foreign value as a comment shows it.
sub shown {
	my ($text) = @_;

	return length $text <= SHOWN_MAX ? $text :
	    substr($text, 0, SHOWN_MAX) . '...';
}

sub one_line {
	my ($text) = @_;

	$text =~ s/[\0-\x1f\x7f]+/ /g;
	return $text;
}

# The closing list, what is grave first; lines without an end.
sub closing {
	my ($self) = @_;
	my @lost = sort { $b->{grave} <=> $a->{grave} } @{ $self->{lost} };

	return map { $_->{text} } @lost;
}

sub text {
	my ($self, $verbose) = @_;
	my $out = one_line("# Made by mxwatch-import from $self->{origin}") .
	    "\n";

	for my $section (@SECTIONS) {
		next if $section =~ / /;
		$out .= $self->section_text($section);
	}
	for my $name ($self->domains) {
		$out .= "\n" . domain_text($name, $self->{domain}{$name});
	}
	$out .= "\n" if @{ $self->{lost} } || $verbose;
	$out .= "# of no consequence here: $_\n"
	    for $verbose ? @{ $self->{moot} } : ();
	$out .= "#! $_\n" for $self->closing;
	return $out;
}

sub section_text {
	my ($self, $section) = @_;
	my $within = $section eq '' ? '' : '    ';
	my $out = '';

	for my $name (@{ $self->{order}{$section} // [] }) {
		$out .= option_text($within, $name,
		    $self->{set}{$section}{$name});
	}
	for my $inner (grep { $section ne '' && /^\Q$section\E ./ } @SECTIONS) {
		my $text = $self->section_text($inner);
		$text =~ s/^(?=.)/    /gm;
		$out .= $text;
	}
	return $out if $section eq '' || $out eq '';
	my $title = (split / /, $section)[-1];
	return ($section =~ / / ? '' : "\n") . "$title {\n$out}\n";
}

sub domain_text {
	my ($name, $options) = @_;
	my $out = 'domain ' . quoted($name) . " {\n";

	for my $option (qw(primary recipients recipients_learn lifetime)) {
		my $value = $options->{$option};
		next if !defined $value || ref $value && !@$value;
		$out .= option_text('    ', $option, $value);
	}
	for my $inner (qw(deliver retry)) {
		my $of = $options->{$inner} // {};
		next if !%$of;
		$out .= "    $inner {\n";
		$out .= option_text(' ' x 8, $_, $of->{$_}) for sort keys %$of;
		$out .= "    }\n";
	}
	return "$out}\n";
}

sub option_text {
	my ($indent, $name, $value) = @_;

	$value =
	    ref $value ? '{' . join(', ', map { quoted($_) } @$value) . '}' :
	    $IS_BARE{$name} ? $value : quoted($value);
	return "$indent$name = $value\n";
}

sub quoted {
	my ($text) = @_;

	$text =~ s/(["\\])/\\$1/g;
	return "\"$text\"";
}

1;
