# SPDX-License-Identifier: ISC
# Postfix: reads the configuration of a Postfix that is a backup MX into a
# draft. Whatever main.cf and master.cf say is translated, or known to be of
# no consequence here, or told of in the closing list.
package MxImport::Postfix;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Postfix::DomainList;
use MxImport::Postfix::Intake;
use MxImport::Postfix::Known;
use MxImport::Postfix::Recipients;
use MxImport::Postfix::Routes;
use MxImport::Postfix::Settings;
use MxImport::Value qw(braced_list clamp is_domain is_prefix seconds time_text);

# A folder with main.cf, and the one for recipients if lists may be written.
# Returns the draft and those lists, {name => text}. Dies with the reason when
# Postfix cannot read its configuration.
sub translate {
	my ($dir, $folder) = @_;
	my $settings = MxImport::Postfix::Settings->new($dir);
	my $draft = MxImport::Draft->new("the Postfix configuration in $dir");
	my $self = bless { settings => $settings, draft => $draft,
		folder => $folder }, __PACKAGE__;

	$draft->check('postconf', $_) for $settings->warnings_given;
	$self->{intake} =
	    MxImport::Postfix::Intake::translate($settings, $draft);
	$self->{restrictions} = $self->{intake}->restrictions;
	$self->{routes} = MxImport::Postfix::Routes->new($settings, $draft);
	$self->{routes}->comes_from($self->{intake}->only_address);
	$self->queue;
	$self->defaults;
	$self->domains;
	$self->mx_backup;
	MxImport::Postfix::Known::tell($settings, $draft);
	my $list = defined $folder ? $self->{recipients}->text : undef;
	return ($draft, defined $list ? { relay => $list } : {});
}

# A time that main.cf has, as an option of a section.
sub time_option {
	my ($self, $section, $option, $name, $unit, $max) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $text = $settings->value($name);
	my $seconds = seconds($text, $unit);

	if (!defined $seconds) {
		$draft->lost("$name = $text", 'it is no time');
		return;
	}
	my $taken = clamp($seconds, 1, $max);
	$draft->check("$name = $text",
	    "$option is from 1s to " . time_text($max) .
	    '; it is ' . time_text($taken)) if $taken != $seconds;
	$draft->set($section, $option, time_text($taken));
	return $taken;
}

sub queue {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $day = 86400;

	$self->time_option('dsn', 'lifetime', 'bounce_queue_lifetime', 'd',
	    365 * $day)
	    if defined $settings->given('bounce_queue_lifetime');
	$draft->set('dsn', 'smarthost', $self->{routes}->smarthost);
	# The default is carried over, too: mail would be kept longer.
	$self->time_option('defaults', 'lifetime', 'maximal_queue_lifetime',
	    'd', 3650 * $day);
	my $warning = $settings->given('delay_warning_time');
	if (defined $warning) {
		my $seconds = seconds($warning, 'h');
		$draft->lost("delay_warning_time = $warning", 'it is no time')
		    if !defined $seconds;
		$draft->set('defaults', 'delay_warning',
		    $seconds ? [ time_text($seconds) ] : [])
		    if defined $seconds;
	}
	return;
}

sub defaults {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $usual = $self->{routes}->usual;
	my $delimiter = $settings->given('recipient_delimiter');

	$draft->set('defaults', 'recipient_delimiter', $delimiter);
	$draft->set('defaults deliver', $_, $usual->{$_}) for sort keys %$usual;
	if (defined $settings->given('minimal_backoff_time') ||
	    defined $settings->given('maximal_backoff_time')) {
		my $first = $self->time_option('defaults retry', 'first',
		    'minimal_backoff_time', 's', 7 * 86400);
		my $max = $self->time_option('defaults retry', 'max',
		    'maximal_backoff_time', 's', 30 * 86400);
		$draft->set('defaults retry', 'max', time_text($first))
		    if defined $first && defined $max && $first > $max;
	}
	return;
}

# The domains that are relayed: those that relay_domains names, and of those
# that it only describes the ones that other tables name.
sub domains {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my $relay = MxImport::Postfix::DomainList->new($settings, $draft,
	    'relay_domains');
	my $checked = $self->{restrictions}{unlisted} ||
	    $settings->value('smtpd_reject_unlisted_recipient') eq 'yes';
	my $recipients =
	    MxImport::Postfix::Recipients->new($settings, $draft, $checked);
	my $elsewhere = $self->elsewhere;
	my @hints =
	    grep { is_domain($_) } $recipients->domains, $self->{routes}->names;

	$self->{recipients} = $recipients;
	$relay->ask(@hints);
	my %names =
	    map { $_ => 1 } $relay->names, grep { $relay->has($_) } @hints;
	my @domains;
	for my $name (sort keys %names) {
		if (my ($list) = grep { $_->has($name) } values %$elsewhere) {
			$draft->moot("relay_domains: $name", 'it is not relayed, because an earlier list has '
			    . 'it');
		} elsif (!is_domain($name)) {
			$draft->refuses("relay_domains: $name", 'it is not a domain name in ASCII; write it '
			    . 'as one (xn--...)');
		} else {
			push @domains, $name;
		}
	}
	$self->{routes}->prepare(@domains);
	$recipients->ask(@domains);
	for my $name (@domains) {
		my $options = $self->{routes}->options($name) // next;
		$recipients->options($name, $options,
		    $self->{restrictions}{learn}, $self->{folder});
		$draft->domain($name, $options);
	}
	$draft->takes_none('relay_domains', 'no domain was found in it; name '
	    . 'what you back up, domain "example.org" { }')
	    if !$draft->domains && !$self->{restrictions}{mx_backup};
	my @open = $recipients->is_complete ? () : grep { my $name = $_;
		!grep { $_->has($name) } values %$elsewhere }
	    $relay->open_names;
	$draft->refuses('subdomains of ' . MxImport::Draft::shown("@open"),
	    'a section is for one name; give one to each subdomain whose MX '
	    . 'records name this host (parent_domain_matches_subdomains)')
	    if @open;
	$self->rewriting(@domains);
	return;
}

# Domains whose mail Postfix takes for itself, which comes before relaying.
sub elsewhere {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my %lists;

	my %own = map { lc $_ => 1 } $settings->value('myhostname'),
	    'localhost';
	for my $name (
	    qw(mydestination virtual_alias_domains virtual_mailbox_domains)) {
		next if $name ne 'mydestination' &&
		    !defined $settings->given($name);
		my $list = MxImport::Postfix::DomainList->new($settings, $draft,
		    $name);
		$lists{$name} = $list;
		my @names = $list->names;
		my @others =
		    grep { /\./ && !$own{$_} && !/^localhost\./ } @names;
		$draft->refuses("$name: " . MxImport::Draft::shown("@others"),
		    'mxwatchd has no mailboxes and no aliases; another server must accept this mail')
		    if @others;
		$draft->lost("$name: @names", 'mail for users of this host is not accepted by SMTP; '
		    . 'its programs need another MTA, or the primary')
		    if @names > @others && defined $settings->given($name);
	}
	return \%lists;
}

# Addresses that Postfix makes others of. It takes mail for them, whether or
# not they are in relay_recipient_maps.
sub rewriting {
	my ($self, @domains) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my %ours = map { $_ => 1 } @domains;

	for my $name (
	    qw(virtual_alias_maps canonical_maps recipient_canonical_maps)) {
		for my $spec (braced_list($settings->given($name))) {
			my ($entries, $error) =
			    $settings->table($spec)->entries;
			my @keys = grep { /\@(.*)$/ ? $ours{$1} : /\./ }
			    sort keys %{ $entries // {} };
			if (!$entries || @keys) {
				my $which = $entries ?
				    MxImport::Draft::shown("@keys") : $error;
				$draft->refuses("$name: $spec",
				    "recipients are not rewritten: $which");
			} else {
				$draft->lost("$name: $spec",
				    'it has no address of a domain that is '
				    . 'relayed');
			}
		}
	}
	return;
}

sub mx_backup {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my @items = braced_list($settings->value('permit_mx_backup_networks'));

	if (!$self->{restrictions}{mx_backup}) {
		$draft->moot('permit_mx_backup_networks',
		    'permit_mx_backup is not in use') if @items;
		return;
	}
	my @networks;
	for my $item (@items) {
		my $plain = $item =~ s{^\[([^\]]+)\]}{$1}r;
		if (is_prefix($plain)) {
			push @networks, $plain;
		} else {
			$draft->refuses("permit_mx_backup_networks: $item",
			    'only addresses and prefixes are supported; write them instead');
		}
	}
	$draft->set('mx_backup', 'networks', \@networks) if @networks;
	if (@networks) {
		$draft->check('mx_backup', 'mail is accepted only for recipients that the primary is '
		    . 'known to have, others get 450 at first; better name each domain, and its primary');
	} else {
		$draft->refuses('permit_mx_backup', 'without permit_mx_backup_networks anyone can use '
		    . 'that server with an MX record; set mx_backup { networks '
		    . '= {...} }, or name each domain');
	}
	return;
}

1;
