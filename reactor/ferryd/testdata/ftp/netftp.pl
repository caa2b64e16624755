# What Perl's Net::FTP does to a server: HOST PORT FOLDER SECURITY, in the folder of local files.
use strict;
use warnings;
use Net::FTP;

my ($host, $port, $folder, $secure) = @ARGV;
my ($hard, $up, $part) = ("with space \xc5\xbelu\xc5\xa5.bin", "x with space \xc5\xbelu\xc5\xa5.bin", 100_000);
my %tls = (SSL_verify_mode => 0, SSL_version => $secure eq "tls1.2" ? "TLSv1_2" : "SSLv23");
my $ftp = Net::FTP->new(
	$host, Port => $port, Passive => 1, Timeout => 60, $secure eq "ftps" ? (SSL => 1) : (), %tls,
) or die "connect: $@";

sub must { # what failed may be an empty list
	my $what = pop;
	my $good = shift;
	die "$what: " . $ftp->code . " " . $ftp->message unless $good;
}

must($ftp->starttls, "starttls") if $secure =~ /^tls/;
must($ftp->login("anonymous", "x"), "login");
must($ftp->cwd($folder), "cwd");
must($ftp->pwd eq "/$folder", "pwd");
$ftp->binary;
my @names = $ftp->ls;
my @lines = $ftp->dir;
for my $name ("a.bin", $hard, "tree") {
	must((grep { $_ eq $name } @names), "ls without $name");
	must((grep { /\Q $name\E$/ } @lines), "dir without $name");
}
must($ftp->size("a.bin") == 300001, "size");
must($ftp->mdtm("a.bin") > 0, "mdtm");
must($ftp->get($hard), "get");
open(my $f, ">", "a.bin") or die $!;
print $f "X" x $part;
close $f;
must($ftp->get("a.bin", "a.bin", $part), "get from an offset");
must($ftp->put($up), "put");
open($f, ">", "part") or die $!;
print $f "X" x $part;
close $f;
must($ftp->put("part", "u.bin"), "put of a part");
open($f, "<", "u.bin") or die $!;
seek($f, $part, 0);
must($ftp->append($f, "u.bin"), "append");
close $f;
must(defined $ftp->put_unique("part", "unique"), "put_unique");
must($ftp->rename("old name", "new name"), "rename");
must($ftp->mkdir("made dir"), "mkdir");
must($ftp->mkdir("deep/er/est", 1), "mkdir of many");
must($ftp->rmdir("deep", 1), "rmdir of many");
must($ftp->delete("gone.bin"), "delete");
must($ftp->rmdir("empty"), "rmdir");
must($ftp->supported("MLST") == 1 || 1, "supported");
unless ($secure) { # abort sends bytes of telnet that are not encrypted
	my $data = $ftp->retr("a.bin");
	must($data, "retr");
	$data->read(my $buffer, 10);
	$data->abort;
}
must($ftp->pwd eq "/$folder", "pwd after abort");
must($ftp->quit, "quit");
