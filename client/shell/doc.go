// Package shell is the line-mode program: it reads commands from a person, a pipe, a file or the
// command line, runs them against a ferry server, and says what came of each. client/ferry is its
// main function.
//
// A [Shell] holds one session at most; a batch opens others beside it for its own time
// ([Shell.Parallel]). The remote folder that cd chooses is the shell's own business: names go to
// the server whole, so that a session that was lost and made anew, or one beside it, stands where
// the first one stood.
//
// Names that come from the server are hostile. A name becomes a local path by [client.LocalName]
// alone, part for part; a folder that is fetched never follows a symbolic link on this side; what
// goes to a terminal has its control characters escaped.
//
// Commands stop at the first error unless somebody types them or they begin with "-". The statuses
// of the program are the constants Status….
package shell
