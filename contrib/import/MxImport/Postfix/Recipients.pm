# SPDX-License-Identifier: ISC
# Recipients: relay_recipient_maps as one list for each domain. mxwatchd takes
# one source for a domain, so what several maps have together is written to a
# file when there is a folder for it.
package MxImport::Postfix::Recipients;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Value qw(braced_list);

# `is_checked`: Postfix refuses who is not listed.
sub new {
	my ($class, $settings, $draft, $is_checked) = @_;
	my $self = bless { draft => $draft, tables => [], entries => {},
		of => {}, askable => [], errors => {} }, $class;
	my @specs = braced_list($settings->value('relay_recipient_maps'));

	if (@specs && !$is_checked) {
		$draft->takes("relay_recipient_maps @specs",
		    'smtpd_reject_unlisted_recipient = no accepts any recipient; set recipients if '
		        . 'they are complete');
		@specs = ();
	}
	for my $spec (@specs) {
		my $table = $settings->table($spec);
		if ($table->matches_all) {
			$draft->check("relay_recipient_maps: $spec",
			    'it has every recipient, so none is refused');
			$self->{is_open} = 1;
			next;
		}
		push @{ $self->{tables} }, $table;
		$self->read_table($table);
	}
	if (@specs && $self->is_complete && !$self->domains) {
		$draft->takes("relay_recipient_maps @specs", 'it is empty, and an empty list does not '
		    . 'apply here');
		$self->{is_open} = 1;
	}
	$self->{is_open} = 1 if !@specs;
	return $self;
}

sub read_table {
	my ($self, $table) = @_;
	my ($entries, $error) = $table->entries;
	my $what = 'relay_recipient_maps: ' . $table->spec;

	if (!$entries) {
		push @{ $self->{askable} }, $table;
		$self->{errors}{ $table->spec } = $error;
		return;
	}
	$self->{draft}->check($what,
	    'postmap has not compiled it; its text was read')
	    if $table->is_uncompiled;
	$self->{draft}->check($what, 'its text is newer than its compiled form; run postmap, '
	    . 'then this again') if $table->is_stale;
	my @mailboxes = grep { /\@/ } keys %$entries;
	$self->{draft}->refuses($what,
	    'a value that begins with REJECT refuses here; '
	    . 'Postfix takes any value')
	    if grep { $entries->{$_} =~ /^reject\b/i } @mailboxes;
	$self->{entries}{ $table->spec } = \@mailboxes;
	$self->{of}{ $table->spec } = { map { s/^.*\@//r => 1 } @mailboxes };
	return;
}

# All domains that some recipient is of.
sub domains {
	my ($self) = @_;
	my %domains = map { %$_ } values %{ $self->{of} };

	return keys %domains;
}

# Is there a list of all recipients, so that others are refused?
sub is_complete {
	my ($self) = @_;

	return !$self->{is_open} && !@{ $self->{askable} };
}

# Tables that cannot be listed are asked which of these domains have a
# catch-all: of the others it is not known who exists.
sub ask {
	my ($self, @domains) = @_;
	my ($draft, $errors) = @$self{qw(draft errors)};

	return if $self->{is_open} || !@{ $self->{askable} };
	for my $table (@{ $self->{askable} }) {
		my ($found, $error) = $table->ask(map { "\@$_" } @domains);
		$errors->{ $table->spec } = "it could not be queried: $error"
		    if !$found && $error ne $errors->{ $table->spec };
		$self->{catch_all}{$_} = 1
		    for map { s/^\@//r } keys %{ $found // {} };
	}
	return if !grep { !$self->{catch_all}{$_} } @domains;
	$draft->takes("relay_recipient_maps: $_", $errors->{$_})
	    for sort keys %$errors;
	$draft->check('recipients', 'recipients_learn asks the primary instead '
	    . 'of these tables. A list is better: recipients = '
	    . '"exec:/PROGRAM" or "https://..." that prints ADDRESS OK for '
	    . 'each, see mxwatchd.conf(5)');
	return;
}

# Puts the options of who is known into those of the domain. `learn`: Postfix
# asked the primaries. `folder`: where lists are written.
sub options {
	my ($self, $domain, $options, $learn, $folder) = @_;
	my $draft = $self->{draft};

	if (!$self->{is_open} && @{ $self->{askable} }) {
		$options->{recipients_learn} = 'yes'
		    if !$self->{catch_all}{$domain};
		return;
	}
	if ($self->{is_open}) {
		$options->{recipients_learn} = 'yes' if $learn;
		return;
	}
	my @having =
	    grep { $self->{of}{ $_->spec }{$domain} } @{ $self->{tables} };
	$draft->check("domain $domain", 'relay_recipient_maps has no entry of it, so Postfix '
	    . 'refused all (550); mxwatchd defers all (451)')
	    if !@having;
	@having = ($self->{tables}[0]) if !@having;
	if (defined $folder) {
		$options->{recipients} = "$folder/relay";
		return;
	}
	my $text = @having == 1 ? $having[0]->text : undef;
	if (defined $text) {
		$options->{recipients} = $text;
		return;
	}
	$draft->takes("recipients of $domain", MxImport::Draft::shown(join ', ',
	    map { $_->spec } @having) . ' would make one list; run '
	    . 'mxwatch-import with -o, which writes it');
	$options->{recipients_learn} = 'yes';
	return;
}

# The list as postmap reads it, for a file; undef where there is none.
sub text {
	my ($self) = @_;
	my %all = map { $_ => 1 } map { @$_ } values %{ $self->{entries} };

	return if !$self->is_complete;
	my %by_domain = map { s/^(.*)\@(.*)$/$2\@$1/r => $_ } keys %all;
	return join '', map { "$by_domain{$_} OK\n" } sort keys %by_domain;
}

1;
