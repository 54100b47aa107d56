# SPDX-License-Identifier: ISC
# Command: another program's output, whole or with the reason why not. No shell
# is between, and none that hangs (a table whose server is away) holds us up.
package MxImport::Command;
use strict;
use warnings;
use Exporter 'import';
use File::Temp ();

our @EXPORT_OK = qw(output_of);
use constant DEADLINE => 60;	# seconds

# The program with these arguments and what it reads, in our environment or in
# that one. Returns its exit status (-1: it could not be run, or had to be
# ended), standard output and error.
sub output_of {
	my ($command, $input, $environment) = @_;
	my %file = map { $_ => File::Temp->new } qw(in out err);

	print { $file{in} } $input // '';
	$file{in}->flush;
	my $pid = fork // return (-1, '', "fork: $!");
	if ($pid == 0) {
		%ENV = $environment ? %$environment : (%ENV, LC_ALL => 'C');
		open STDIN, '<', $file{in}->filename or exit 127;
		open STDOUT, '>', $file{out}->filename or exit 127;
		open STDERR, '>', $file{err}->filename or exit 127;
		exec { $command->[0] } @$command or do {
			print STDERR "$command->[0]: $!\n";
			exit 127;
		};
	}
	my $late = 0;
	local $SIG{ALRM} = sub { $late = 1; kill 'KILL', $pid };
	alarm DEADLINE;
	waitpid $pid, 0;
	my $status = $?;
	alarm 0;
	my ($out, $err) = map { contents($file{$_}->filename) } qw(out err);
	$err = "no answer in " . DEADLINE . " seconds\n" if $late;
	my $failed = $late || $status & 127 || $status >> 8 == 127;
	return ($failed ? -1 : $status >> 8, $out, $err);
}

sub contents {
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/;
	return scalar(<$file>) // '';
}

1;
