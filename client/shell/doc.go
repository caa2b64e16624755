// Package shell is the line-mode client: it reads commands from a terminal, a pipe, a file or the
// command line, runs them against a ferry server, and reports the outcome. Its program is
// client/ferry.
//
// A [Shell] has one session; a batch opens more for its duration ([Shell.Parallel]). cd changes
// only the shell's state: the server receives whole names, so a new session needs no cd.
//
// Names from the server are not trusted. [client.LocalName] checks every component of a name that
// becomes a local path, downloads of folders never follow local symbolic links, and output to a
// terminal is escaped.
//
// Commands from scripts stop at the first error, unless the line begins with "-".
package shell
