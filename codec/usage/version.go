package usage

import (
	"runtime"
	"runtime/debug"
)

// Version is what a program's --version says behind its name: the module's version, the revision
// that it was built from where that is known, and what built it for which system.
func Version() string {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if text = info.Main.Version; text == "" || text == "(devel)" {
			text = "devel"
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += " " + s.Value[:min(revisionDigits, len(s.Value))]
			}
		}
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}

// revisionDigits is how many characters of a revision are shown: no two share so many.
const revisionDigits = 12
