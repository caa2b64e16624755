// Package shell is the line-mode program: it reads commands from a person, a pipe, a file or the
// command line, runs them against a ferry server, and reports the outcome. client/ferry is its main
// function.
//
// A [Shell] has one session; a batch opens others for its own time ([Shell.Parallel]). cd changes
// the shell's state only: the server gets whole names, so that a new session needs no cd.
//
// Names from the server are hostile. [client.LocalName] checks every part of a name that becomes a
// local path, a fetched folder never follows a local symbolic link, and what goes to a terminal is
// escaped.
//
// Commands from scripts stop at the first error, unless the line begins with "-".
package shell
