package main

import (
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPictureShowsRealSession interrupts a download over a slow network, resumes it, and compares
// the terminal with the README's picture. With -update it draws the picture.
func TestPictureShowsRealSession(t *testing.T) {
	server, dir := serveFolder(t)
	file := filepath.Join(dir, "root", "disk.img")
	if err := os.WriteFile(file, noise(1, 64<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	var quick atomic.Bool
	way := newPassage(t, portsOf(t, server), func(int) fate {
		if quick.Load() {
			return fate{}
		}
		return fate{down: stretch{piece: 16 << 10, pause: 1500 * time.Microsecond}} // 10 MB/s
	})
	_, port, err := net.SplitHostPort(server.address)
	if err != nil {
		t.Fatal(err)
	}
	x := newTerminal(t, t.TempDir(), t.TempDir(), "exec ferry "+way.address+" "+port)
	x.awaitScreen(`ftp> \z`)
	var frames []string
	types := func(keys, pattern string) {
		x.write(keys)
		x.awaitScreen(pattern + `\z`)
		shown := strings.NewReplacer(way.address, "127.0.0.1", port, "2121").Replace(x.screen())
		frames = append(frames, "$ ferry localhost 2121\n"+shown)
	}
	begun := `\d+% \[.*\] (?:[2-9]|\d\d)[0-9.]* MB of` // so much is kept
	if *update {
		begun = `4\d% ` // a bar that can be seen
	}
	types("get disk.img\r", `disk.img +`+begun+`.* left *`)
	types("\x03", `interrupted; .* kept; get -c resumes\nftp> `)
	quick.Store(!*update)
	types("get -c disk.img\r", `got disk.img: .* were there.*\nftp> `)
	x.write("\x04")
	x.end()

	path, got := filepath.Join("testdata", "session.svg"), drawFrames(frames)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if figures.ReplaceAllString(got, "#") != figures.ReplaceAllString(string(want), "#") {
		t.Errorf("the terminal showed\n%s\nand the picture shows\n%s", got, want)
	}
}

// figures differ from run to run.
var figures = regexp.MustCompile(` +\d+% \[.*|[0-9.]+ MB kept|\([0-9,]+ were there\) in .*`)

// drawFrames draws what a terminal showed one after the other, as an SVG that moves.
func drawFrames(frames []string) string {
	const lineHeight, seconds = 20, 4
	lines := 0
	for _, f := range frames {
		lines = max(lines, strings.Count(f, "\n")+1)
	}
	width, height := 8*terminalColumns+32, lineHeight*lines+28
	share := 100 / float64(len(frames))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">
<style>
rect { fill: #16202c }
text { fill: #dce3ea; font: 13px ui-monospace, Menlo, Consolas, monospace; white-space: pre }
g { animation: shown %ds step-end infinite; opacity: 0 }
g:last-child { opacity: 1 }
@keyframes shown { 0%% { opacity: 1 } %.2f%% { opacity: 0 } }
@media (prefers-reduced-motion) { g { animation: none } }
</style>
<rect width="%d" height="%d" rx="8"/>
`, width, height, seconds*len(frames), share, width, height)
	for i, f := range frames {
		fmt.Fprintf(&b, "<g style=\"animation-delay: %ds\">\n", seconds*(i-len(frames)))
		for n, line := range strings.Split(f, "\n") {
			fmt.Fprintf(&b, `<text x="16" y="%d" xml:space="preserve">`, lineHeight*n+28)
			_ = xml.EscapeText(&b, []byte(strings.TrimRight(line, " ")))
			b.WriteString("</text>\n")
		}
		b.WriteString("</g>\n")
	}
	return b.String() + "</svg>\n"
}
