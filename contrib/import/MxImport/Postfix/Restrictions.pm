# SPDX-License-Identifier: ISC
# Restrictions: the lists smtpd_*_restrictions, item by item: what we have,
# what is so by itself here, and what is not carried over.
package MxImport::Postfix::Restrictions;
use strict;
use warnings;
use MxImport::Draft;
use MxImport::Value qw(braced_list is_prefix);

# What is the same here without anybody saying it, or is told of elsewhere.
my %IS_SO = map { $_ => 1 } qw(
    permit_mynetworks permit_sasl_authenticated permit
    reject defer reject_unauth_destination defer_unauth_destination
    permit_auth_destination reject_unauth_pipelining
    permit_inet_interfaces check_relay_domains warn_if_reject);
my $TAKES_ARGUMENT = qr/^(?:
    check_\w+_access|check_policy_service|reject_rbl_client|
    reject_rhsbl_\w+|permit_dnswl_client|permit_rhswl_client|sleep|
    check_\w+_maps)$/x;
my @STAGES = qw(client helo sender relay recipient data end_of_data);

# Of that smtpd. What it returns says mx_backup: permit_mx_backup is in use;
# learn: recipients are verified; unlisted: they are looked for in the lists.
sub translate {
	my ($settings, $draft, $service) = @_;
	my $self = bless { settings => $settings, draft => $draft,
		service => $service, lists => [] }, __PACKAGE__;

	$self->{relay_is_empty} =
	    $settings->value_for($service, 'smtpd_relay_restrictions') eq '';
	for my $stage (@STAGES) {
		my $name = "smtpd_${stage}_restrictions";
		my $given = $settings->given_for($service, $name);
		$self->one_list($name, $stage, braced_list($given));
	}
	my $etrn = $settings->given_for($service, 'smtpd_etrn_restrictions');
	$draft->lost("smtpd_etrn_restrictions = $etrn", 'smtpd { etrn = '
	    . '{"ADDRESS"} } lists the primaries that may say ETRN; by default none may')
	    if defined $etrn && $etrn ne '';
	$self->dnsbl;
	return $self;
}

sub one_list {
	my ($self, $name, $stage, @items) = @_;
	my ($draft, $decided) = ($self->{draft}, 0);

	while (defined(my $item = shift @items)) {
		if ($item eq 'warn_if_reject') {
			my $only = shift(@items) // '';
			shift @items if $only =~ $TAKES_ARGUMENT;
			$draft->moot("$name: warn_if_reject $only",
			    'it refuses nobody');
			next;
		}
		my $argument = $item =~ $TAKES_ARGUMENT ? shift @items : undef;
		$decided ||=
		    $item =~ /^(?:reject|defer)_unauth_destination$|^reject$/;
		if ($item eq 'permit_mx_backup') {
			$self->{mx_backup} = 1;
		} elsif ($item eq 'reject_unverified_recipient') {
			$self->{learn} = 1;
		} elsif ($item eq 'reject_unlisted_recipient') {
			$self->{unlisted} = 1;
		} elsif ($item eq 'reject_rbl_client') {
			push @{ $self->{lists} }, $argument // '';
		} elsif (!$IS_SO{$item}) {
			my $may_relay = !$decided && ($stage eq 'relay' ||
			    $stage eq 'recipient' && $self->{relay_is_empty});
			$self->item($name, $item, $argument, $may_relay);
		}
	}
	return;
}

# What is not carried over. A table that stands before the decision about
# relaying may let mail pass that is for none of our domains.
sub item {
	my ($self, $name, $item, $argument, $may_relay) = @_;
	my $what = "$name: " . MxImport::Draft::shown(
	    defined $argument ? "$item $argument" : $item);
	my $draft = $self->{draft};

	if ($item =~ /^permit_tls_|^check_ccert_access$/) {
		$draft->refuses($what,
		    'no client may relay by its certificate');
	} elsif ($item =~ /^check_\w+_access$/ && $may_relay &&
	    $self->may_permit($argument // '')) {
		$draft->refuses($what, 'it may permit relaying; mxwatchd relays only for its domains');
	} elsif ($item =~ /^permit_(?:dnswl|rhswl)_client$/) {
		$draft->lost($what, 'a list that speaks for a client is one of '
		    . 'smtpd { dnsbl } with a negative weight; name it there');
	} elsif ($item =~ /^(?:reject|check|defer)_/) {
		$draft->lost($what, 'clients, senders and content are left to the primary; what it '
		    . 'refused is not refused here');
	} else {
		$draft->lost($what, 'mxwatchd has no such restriction');
	}
	return;
}

sub may_permit {
	my ($self, $spec) = @_;
	my ($entries) = $self->{settings}->table($spec)->entries;

	return !$entries ||
	    grep { /^(?:ok|permit|relay|\d+$)/i } values %$entries;
}

# postscreen's lists, or else those of reject_rbl_client, each of which is
# enough by itself.
sub dnsbl {
	my ($self) = @_;
	my ($settings, $draft) = @$self{qw(settings draft)};
	my @sites = braced_list($settings->given('postscreen_dnsbl_sites'));
	my $threshold = $settings->given('postscreen_dnsbl_threshold');
	my $action = $settings->given('postscreen_dnsbl_action') // 'ignore';

	if (@sites && (@{ $self->{lists} } || $action eq 'ignore')) {
		$draft->check('dnsbl', $action eq 'ignore' ?
		    'postscreen only logged listed clients; here they are refused' :
		    'it is what postscreen_dnsbl_sites says, without '
		    . 'reject_rbl_client (' . join(' ', @{ $self->{lists} }) .
		    ')');
	}
	@sites = @{ $self->{lists} } if !@sites;
	my @known = grep { !m{[\$/]|^\w+:} } @sites;
	$draft->lost("dnsbl: $_",
	    'its name is in a table; name the list yourself')
	    for grep { m{[\$/]|^\w+:} } @sites;
	return if !@known;
	$draft->set('smtpd', 'dnsbl', \@known);
	$draft->set('smtpd', 'dnsbl_threshold', $threshold)
	    if ($threshold // '') =~ /^\d+$/ && $threshold > 0;
	return;
}

1;
