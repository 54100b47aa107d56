# SPDX-License-Identifier: ISC
# Value: the small forms that Postfix and Exim share with us, or nearly so:
# lists, times, hosts, prefixes. Pure.
package MxImport::Value;
use strict;
use warnings;
use Exporter 'import';
use Socket qw(AF_INET AF_INET6 inet_pton);

our @EXPORT_OK = qw(braced_list clamp host_port is_address is_domain is_loopback
    is_prefix name_and_parents seconds server_text time_text);

# What stands between commas and blanks; braces hold together what is in them.
sub braced_list {
	my ($text) = @_;
	my ($depth, $word, @words) = (0, '');

	for my $c (split //, $text // '') {
		$depth++ if $c eq '{';
		$depth-- if $c eq '}' && $depth > 0;
		if ($depth == 0 && $c =~ /[,\s]/) {
			push @words, $word if $word ne '';
			$word = '';
		} else {
			$word .= $c;
		}
	}
	push @words, $word if $word ne '';
	return @words;
}

my %SECONDS = (s => 1, m => 60, h => 3600, d => 86400, w => 7 * 86400);

# "30" of a parameter that counts in days, "1h30m": seconds. undef: no time.
sub seconds {
	my ($text, $unit) = @_;
	my $sum = 0;

	return if !defined $text || $text !~ /^(?:\d+[smhdw]?)+$/;
	$sum += $1 * $SECONDS{ $2 || $unit } while $text =~ /(\d+)([smhdw]?)/g;
	return $sum;
}

# Seconds in the largest unit that they are a whole number of.
sub time_text {
	my ($seconds) = @_;

	for my $unit (qw(d h m)) {
		return $seconds / $SECONDS{$unit} . $unit
		    if $seconds && $seconds % $SECONDS{$unit} == 0;
	}
	return "${seconds}s";
}

sub clamp {
	my ($number, $min, $max) = @_;

	return $number < $min ? $min : $number > $max ? $max : $number;
}

sub is_address {
	my ($text) = @_;

	return inet_pton(AF_INET, $text) ? 4 : inet_pton(AF_INET6,
	    $text) ? 6 : 0;
}

# An address, or one with the length of a prefix.
sub is_prefix {
	my ($text) = @_;
	my ($address, $length) = $text =~ m{^([^/]+)(?:/(\d+))?$} or return 0;
	my $family = is_address($address) or return 0;

	return !defined $length || $length <= ($family == 4 ? 32 : 128);
}

sub is_loopback {
	my ($text) = @_;

	return $text =~ m{^127\.|^::1(?:/128)?$|^::ffff:127\.|^localhost$}i;
}

# The keys that a table of domains is asked for, the most specific first: the
# name and what it lies below, each of these with a mark before it.
sub name_and_parents {
	my ($name, $mark) = @_;
	my @keys = ($name);

	push @keys, "$mark$name" while $name =~ s/^[^.]+\.//;
	return @keys;
}

sub is_domain {
	my ($text) = @_;

	return length $text <= 253 &&
	    $text =~ /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*
	        [a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/xi &&
	    !is_address($text);
}

my %PORT = (smtp => 25, smtps => 465, submissions => 465, submission => 587);

# "[mx1.example.org]:25", "[ipv6:2001:db8::1]", "mx1.example.org:smtp": host,
# port (25 when there is none), whether the host stood in brackets. Empty: no
# host.
sub host_port {
	my ($text) = @_;
	my ($host, $port, $exact);

	if ($text =~ /^\[(?:ipv6:)?([^\[\]]+)\](?::([\w-]+))?$/i) {
		($host, $port, $exact) = ($1, $2, 1);
	} elsif ($text =~ /^([^\[\]:]+)(?::([\w-]+))?$/) {
		($host, $port, $exact) = ($1, $2, 0);
	} else {
		return;
	}
	$port //= 25;
	$port = $PORT{$port} // (getservbyname $port, 'tcp')[2] // return
	    if $port !~ /^\d+$/;
	return if $port < 1 || $port > 65535;
	return if !is_address($host) && !is_domain($host);
	return ($host, $port, $exact || is_address($host));
}

# The same as mxwatchd.conf(5) has it: brackets are for addresses.
sub server_text {
	my ($host, $port) = @_;

	return (is_address($host) ? "[$host]" : $host) . ($port == 25 ? '' :
	    ":$port");
}

1;
