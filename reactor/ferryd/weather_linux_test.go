package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// outage is how a link is cut when half a file has passed.
type outage uint8

const (
	// steady: it is not.
	steady outage = iota
	// brief: it comes back before anybody has given up.
	brief
	// long: it comes back when the client has given the transfer up.
	long
)

// briefOutage is how long a brief one is.
const briefOutage = 400 * time.Millisecond

// weatherCase is a file that goes over a link.
type weatherCase struct {
	name string
	// flags are the client's.
	flags  string
	puts   bool
	size   int
	outage outage
	// resumes says that what had come before the outage does not go over the link again.
	resumes bool
	weather
	// home is where the client looks for settings.
	home string
	// gaveUp ends when the client has given its first try up, by giveUp.
	gaveUp context.Context
	giveUp context.CancelFunc
}

var (
	fair = weather{delay: 2 * time.Millisecond}
	foul = weather{
		lost: 0.02, doubled: 0.01, spoiled: 0.005,
		delay: 2 * time.Millisecond, jitter: 3 * time.Millisecond,
	}
)

// weatherCases go over bad links, and over some that are cut: both ways and in every exchange.
func weatherCases() (cases []weatherCase) {
	for _, flags := range []string{"--exchange base", "--exchange status", "--classic"} {
		for _, puts := range []bool{false, true} {
			if puts && flags == "--classic" {
				continue // it has none
			}
			add := func(w weather, size int, o outage) {
				name := fmt.Sprintf("%s, put: %v, lost: %v, outage: %d",
					strings.TrimPrefix(flags, "--"), puts, w.lost, o)
				cases = append(cases, weatherCase{
					name: name, flags: flags, puts: puts, size: size, outage: o, weather: w,
					resumes: o == long && strings.HasSuffix(flags, "status"),
				})
			}
			add(foul, 500_000, steady)
			add(foul, 500_000, brief)
			add(fair, 3_000_000, long)
			if !*full {
				continue
			}
			for share := 1; share <= 5; share++ {
				w := foul
				w.lost = float64(share) / 100
				add(w, 8_000_000, steady)
				add(w, 4_000_000, long)
			}
		}
	}
	return cases
}

// TestBadWeather has the real programs get and put files over links that lose, delay, reorder,
// double and spoil packets, and that go down and come up again. Every file arrives to the byte; an
// upload or download of status that an outage has ended goes on where it was.
func TestBadWeather(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	// They wait, most of the time, and more of them than there are processors run at once.
	var all sync.WaitGroup
	room := make(chan struct{}, weatherAtOnce)
	for i, c := range weatherCases() {
		room <- struct{}{}
		all.Go(func() {
			t.Run(c.name, func(t *testing.T) { c.run(t, uint64(i)) })
			<-room
		})
	}
	all.Wait()
}

// weatherAtOnce is how many links there are at once.
const weatherAtOnce = 16

func (c *weatherCase) run(t *testing.T, seed uint64) {
	l := newLink(t, c.weather, seed)
	dir := t.TempDir()
	c.home = t.TempDir()
	c.gaveUp, c.giveUp = context.WithCancel(t.Context())
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--listen", linkServer, "--classic", "--classic-rest", "100ms"}
	if c.outage == long {
		flags = append(flags, "--stall-timeout", "1s")
	}
	p, err := startBy(l.spaces[0].do, dir, nil, flags...)
	if p != nil {
		t.Cleanup(func() {
			p.signal(syscall.SIGTERM)
			if status, err := p.wait(); err != nil || status != 0 {
				t.Errorf("ferryd ended with status %d: %v\n%s", status, err, p.log.text())
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	content := contentOf(seed, uint64(c.size))
	from, to := filepath.Join(root, "f"), filepath.Join(dir, "f")
	words := []string{"get", "f", to}
	if c.puts {
		from, to = to, from
		words = []string{"put", from, "f"}
	}
	write(t, from, content)
	if c.outage != steady {
		l.mu.Lock()
		l.cutAt = l.came + c.size/2
		l.mu.Unlock()
	}
	ended := make(chan error, 1)
	go func() { ended <- c.client(t, l, p, words, to) }()
	if c.outage != steady {
		select {
		case <-l.cut:
		case err := <-ended:
			t.Fatal("it ended before the link was cut: ", err)
		}
		if c.outage == brief {
			pause(briefOutage)
		} else {
			<-c.gaveUp.Done()
		}
		l.mend()
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, p.log.text())
	}
	there, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(there, content) {
		t.Errorf("%d of %d bytes arrived, or others (%v)", len(there), c.size, err)
	}
	came, struck := l.counts()
	t.Logf("%d bytes were sent for %d, something befell %d packets", came, c.size, struck)
	if struck == 0 {
		t.Error("nothing befell any packet")
	}
}

// tries is how often a file is sent whose upload failed, or is not confirmed: of a base put the
// client cannot tell why, and does not try again by itself.
const tries = 5

// client runs the program in its namespace until the file is there.
func (c *weatherCase) client(
	t *testing.T, l *link, p *process, words []string, to string,
) (err error) {
	args := strings.Fields(c.flags + " --no-progress --json")
	if c.outage == long {
		args = append(args, "--timeout", "1s", "--confirm-timeout", "1s", "--retries", "6")
	}
	address := p.address
	if strings.Contains(c.flags, "classic") {
		address = p.classic
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	args = append(append(args, host, port), words...)
	for range tries {
		out := follower{changed: make(chan struct{})}
		cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "ferry"), args...)
		cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+c.home, "XDG_STATE_HOME="+c.home)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err = l.spaces[1].do(cmd.Start); err != nil {
			return err
		}
		go func() {
			_ = out.await(func(line string) bool { return strings.Contains(line, "; again in") })
			c.giveUp()
		}()
		err = cmd.Wait()
		out.close()
		if err == nil && strings.Contains(out.text(), `"outcome":"done"`) {
			if c.resumes && !keptSome.MatchString(out.text()) {
				return fmt.Errorf("it did not go on where it was: %s", out.text())
			}
			return nil
		}
		failed := err != nil
		err = fmt.Errorf("%v: %w\n%s", args, errors.Join(errNotDone, err), out.text())
		if !c.puts || c.outage != long || !strings.Contains(c.flags, "base") {
			return err
		}
		if _, there := os.Stat(to); there == nil && failed {
			return fmt.Errorf("the file is there, and %w", err)
		}
		c.giveUp()
	}
	return err
}

// errNotDone is a transfer that is not known to be done.
var errNotDone = errors.New("not done")

// keptSome is what the program says when it went on with an earlier try.
var keptSome = regexp.MustCompile(`"kept":[1-9]`)
