// Package login manages users, their passwords and their rights. It reads and edits users files,
// checks passwords directly or by SCRAM-SHA-256 (RFC 5802, RFC 7677), and delays repeated attempts.
// It has no connections and no clock.
//
// A users file has one user per line:
//
//	ann   : SCRAM-SHA-256$100000:SALT$STORED:SERVER : /:r /ann:rw
//	bob:$2y$05$...
//	*     : - : /pub:r
//
// The fields are the name, the verifier of the password, and the rights. A line without rights, as
// htpasswd writes it, allows reading and writing everything. The user * stands for everyone who has
// not logged in. Empty lines and lines that begin with # are ignored.
package login
