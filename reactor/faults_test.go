package reactor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
)

var (
	faultSmall = string(pattern(1000))
	faultLarge = string(pattern(300_000))
)

// faultStep is one thing that clients ask for, with what is there before and after it.
type faultStep struct {
	name          string
	before, after tree
	// run asks. What it returns is of the command that faults are put into.
	run func(s *scripted) said
	// got is what is sent on the data connection.
	got string
}

// scripted is one run of a step.
type scripted struct {
	talker
	ts *testServer
	f  *faulty
	// op, nth, err and lasts are the fault of this run.
	op    fsio.Op
	nth   int
	err   error
	lasts bool
	// struck says that the fault came to pass, calls is what else was called.
	struck bool
	calls  map[fsio.Op]int
	// text is the answer without a fault, faults how many have struck in one place.
	text   string
	faults int
}

// faultily asks with the fault in place, until the server has let go of everything.
func (s *scripted) faultily(command, upload string) said {
	s.f.arm(s.op, s.nth, s.err, s.lasts)
	answer := s.ask(command, upload)
	s.ts.quiet()
	s.struck, s.calls = s.f.disarm()
	return answer
}

// asking is a step of one command.
func asking(command, upload string) func(*scripted) said {
	return func(s *scripted) said { return s.faultily(command, upload) }
}

var (
	withSmall = tree{"a": faultSmall}
	withLarge = tree{"a": faultLarge}
)

// transferSteps are those that base and status have in common.
var transferSteps = []faultStep{
	{name: "put small", after: withSmall, run: asking("put a", faultSmall)},
	{name: "put large", after: withLarge, run: asking("put a", faultLarge)},
	{
		name: "put over", before: withSmall, after: withLarge,
		run: asking("put a", faultLarge),
	},
	{
		name: "put small over", before: withLarge, after: withSmall,
		run: asking("put a", faultSmall),
	},
	{
		name: "put deep", before: tree{"d": folderMark},
		after: tree{"d": folderMark, "d/a": faultSmall}, run: asking("put d/a", faultSmall),
	},
	{
		name: "get small", before: withSmall, after: withSmall, got: faultSmall,
		run: asking("get a", ""),
	},
	{
		name: "get large", before: withLarge, after: withLarge, got: faultLarge,
		run: asking("get a", ""),
	},
	{name: "ls", before: withSmall, after: withSmall, got: "a\n", run: asking("ls", "")},
}

// statusSteps are those that status alone has.
var statusSteps = []faultStep{
	{
		name: "getpart", before: withLarge, after: withLarge, got: faultLarge[7:200_007],
		run: asking("getpart 7 200000 a", ""),
	},
	{name: "ls -l", before: withSmall, after: withSmall, run: asking("ls -l", "")},
	{name: "stat", before: withSmall, after: withSmall, run: asking("stat a", "")},
	{name: "cd", before: tree{"d": folderMark}, after: tree{"d": folderMark}, run: changeFolder},
	{name: "mkdir", after: tree{"d": folderMark}, run: asking("mkdir d", "")},
	{name: "rmdir", before: tree{"d": folderMark}, run: asking("rmdir d", "")},
	{name: "rm", before: withSmall, run: asking("rm a", "")},
	{name: "rnfr", before: withSmall, after: withSmall, run: asking("rnfr a", "")},
	{name: "rnto", before: withSmall, after: tree{"b": faultSmall}, run: renameTo},
	{name: "sum", before: withLarge, after: withLarge, run: asking("sum xxh3 a", "")},
	{
		name: "sumpart", before: withLarge, after: withLarge,
		run: asking("sumpart sha256 5 100000 a", ""),
	},
	{name: "newpart", run: newPart},
	{name: "putpart", after: withLarge, run: putPart(0, 150_000)},
	{name: "putpart last", after: withLarge, run: putPart(150_000, 300_000)},
	{name: "putpart last over", before: withSmall, after: withLarge, run: putPart(7, 300_000)},
	{name: "partsize", run: onNewPart("partsize %s")},
	{name: "partsum", run: onNewPart("partsum %s sha256")},
	{name: "droppart", run: onNewPart("droppart %s")},
}

func changeFolder(s *scripted) said {
	answer := s.faultily("cd d", "")
	s.ask("cd /", "")
	return answer
}

func renameTo(s *scripted) said {
	s.ask("rnfr a", "")
	return s.faultily("rnto b", "")
}

func newPart(s *scripted) said {
	answer := s.faultily("newpart a", "")
	if answer.code == codec.CodeDone {
		s.drop(answer.text)
	}
	return answer
}

// drop drops a part that is there.
func (s *scripted) drop(part string) {
	if got := s.ask("droppart "+part, ""); got.code != codec.CodeDone {
		s.ts.t.Errorf("the part could not be dropped: %d %s", got.code, got.text)
	}
}

// onNewPart asks something about a part.
func onNewPart(command string) func(*scripted) said {
	return func(s *scripted) said {
		part := s.ask("newpart a", "").text
		answer := s.faultily(fmt.Sprintf(command, part), "")
		if got := s.ask("droppart "+part, ""); got.code != codec.CodeDone &&
			(got.code != codec.CodeNoFile || !strings.HasPrefix(command, "droppart")) {
			s.ts.t.Errorf("the part is gone: %d %s", got.code, got.text)
		}
		return answer
	}
}

// putPart puts the faults into one piece of an upload. Whatever comes of that the upload can be
// gone on with from where its part ends, which holds nothing but what was sent.
func putPart(from, to int) func(*scripted) said {
	return func(s *scripted) said {
		t := s.ts.t
		part := s.ask("newpart a", "").text
		put := func(ask func(string, string) said, from, to int) said {
			command := fmt.Sprintf("putpart %s %d %d", part, from, len(faultLarge))
			return ask(command, faultLarge[from:to])
		}
		if from > 0 {
			put(s.ask, 0, from)
		}
		answer := put(s.faultily, from, to)
		if answer.code == codec.CodeComplete {
			return answer
		}
		kept := s.ask("partsize "+part, "")
		n, err := strconv.Atoi(kept.text)
		if kept.code != codec.CodeStatus || err != nil || n < from || n > to ||
			answer.code == codec.CodeDone && n != to {
			t.Errorf("after %d %s the part's size is %d %s, of %d to %d", answer.code, answer.text,
				kept.code, kept.text, from, to)
			return answer
		}
		if there, _ := treeAt(t.(*testing.T), s.ts.dir); answer.code != codec.CodeDone {
			if content, ok := there["a"]; ok && content == faultLarge {
				t.Errorf("the file has its name after %d %s", answer.code, answer.text)
			}
		}
		if got := put(s.ask, n, len(faultLarge)); got.code != codec.CodeComplete {
			t.Errorf("going on at %d came to %d %s", n, got.code, got.text)
		}
		return answer
	}
}

// faultErrors are what is put in, with the codes that they come to. Those that last are of every
// call from the n-th on.
var faultErrors = []struct {
	err   error
	lasts bool
	code  int
}{
	{syscall.ENOSPC, false, codec.CodeNoSpace},
	{syscall.EDQUOT, true, codec.CodeNoSpace},
	{syscall.EIO, false, codec.CodeLocal},
	{syscall.EIO, true, codec.CodeLocal},
	{syscall.EMFILE, false, codec.CodeBusy},
	{syscall.EACCES, false, codec.CodeNoFile},
	{dir.Short(1), false, 0},
	{dir.Short(4096), true, 0},
}

// harmless are calls that may fail without harm: there is another way to the same, or nothing
// depends on them.
var harmless = map[fsio.Op]string{
	fsio.OpRead:  "asking whether a file is in memory; the pool reads it then",
	fsio.OpClose: "closing what was only read",
	fsio.OpRmdir: "the empty folder of a part; a sweep takes it",
	fsio.OpOpen:  "the same without waiting; the pool opens it then",
	fsio.OpStat:  "of an entry of a long listing, which is left out then",
}

// struckOps are calls that faults must have struck, so that the test has shown something.
var struckOps = []fsio.Op{
	fsio.OpOpen, fsio.OpRead, fsio.OpCreate, fsio.OpWrite, fsio.OpRename, opSendfile,
}

func TestFaultsOfTheDiskBase(t *testing.T) {
	f := new(faulty)
	ts := serveFaulty(t, f)
	c := ts.dial()
	testFaults(t, ts, f, baseTalker{c}, transferSteps, struckOps...)
	c.quit()
}

func TestFaultsOfTheDiskStatus(t *testing.T) {
	f := new(faulty)
	ts := serveFaulty(t, f)
	c := ts.greet()
	testFaults(t, ts, f, statusTalker{c}, slices.Concat(transferSteps, statusSteps), struckOps...)
	c.bye()
}

// testFaults lets each system call of each step fail in turn, with each error, once and lastingly.
// The client is told what happened, files are there whole or not at all, nothing stays behind, and
// the next command goes well.
func testFaults(
	t *testing.T, ts *testServer, f *faulty, to talker, steps []faultStep, ops ...fsio.Op,
) {
	(&scripted{talker: to, ts: ts, f: f}).play(t, steps[0]) // the session is accepted then
	ts.quiet()
	before := withoutPipes()
	struck := make(map[fsio.Op]int)
	for _, step := range steps {
		s := &scripted{talker: to, ts: ts, f: f}
		answer := s.play(t, step)
		if answer.code/100 != 2 && answer.code != codec.CodeMore {
			t.Fatalf("%s: %d %s without a fault", step.name, answer.code, answer.text)
		}
		s.text = answer.text
		for op, n := range s.calls {
			for nth := range n {
				s.op, s.nth = op, nth+1
				if s.playFaults(t, step); t.Failed() {
					return
				}
				struck[op] += s.faults
			}
		}
		s.err = nil
		s.play(t, step)
	}
	t.Logf("faults by call: %v", struck)
	for _, op := range ops {
		if havePlainSendfile && struck[op] == 0 {
			t.Errorf("no fault struck %v", op)
		}
	}
	ts.quiet()
	if after := withoutPipes(); len(after) > len(before) {
		t.Errorf("descriptors leaked: %q before, %q after", before, after)
	}
}

// withoutPipes are the descriptors but for pipes: a server keeps a few.
func withoutPipes() []string {
	return slices.DeleteFunc(descriptors(), func(d string) bool {
		return strings.Contains(d, " pipe:")
	})
}

// playFaults runs a step with every error in one place.
func (s *scripted) playFaults(t *testing.T, step faultStep) {
	t.Helper()
	s.faults = 0
	for _, e := range faultErrors {
		if s.op == opSendfile && e.code != 0 && e.err != syscall.EIO {
			continue // other errors of sendfile are the socket's
		}
		s.err, s.lasts = e.err, e.lasts
		s.playFault(t, step, e.code)
		if s.struck {
			s.faults++
		}
	}
}

// play runs a step in a folder made for it.
func (s *scripted) play(t *testing.T, step faultStep) said {
	t.Helper()
	step.before.lay(t, s.ts.dir)
	answer := step.run(s)
	good := answer.code/100 == 2 || answer.code == codec.CodeMore
	if good && step.got != "" && answer.got != step.got {
		t.Errorf("%s: %s came, want %s", step.name, brief([]byte(answer.got)),
			brief([]byte(step.got)))
	}
	want := step.after
	if !good && !strings.HasPrefix(step.name, "putpart") { // which went on to its end
		want = step.before
	}
	there, hidden := treeAt(t, s.ts.dir)
	if !there.is(want) {
		t.Errorf("%s: %d %s, and there is %v, want %v", step.name, answer.code, answer.text,
			there, want)
	}
	if s.op == fsio.OpUnlink || s.op == fsio.OpRmdir { // a sweep has to do it
		hidden = nil
	}
	if len(hidden) > 0 {
		t.Errorf("%s: %d %s, and left behind is %q", step.name, answer.code, answer.text, hidden)
	}
	return answer
}

// varying are the steps whose answer tells of a time, or is drawn at random.
var varying = []string{"newpart", "stat", "STAT", "MLST", "MDTM"}

// playFault runs a step with a fault, and looks at the answer.
func (s *scripted) playFault(t *testing.T, step faultStep, code int) {
	t.Helper()
	answer := s.play(t, step)
	_, coded := s.talker.(statusTalker)
	good := answer.code/100 == 2 || answer.code == codec.CodeMore
	leftOut := step.name == "ls -l" && s.op == fsio.OpStat
	if good && answer.text != s.text && !slices.Contains(varying, step.name) && !leftOut {
		t.Errorf("%s: %q, want %q", step.name, answer.text, s.text)
	}
	switch {
	case code == 0 && good, !s.struck && good:
	case good && harmless[s.op] != "":
	case !coded && !good && s.struck && code != 0:
	case answer.code == code && s.struck:
	default:
		t.Errorf("%s: %d %s", step.name, answer.code, answer.text)
	}
	if t.Failed() {
		t.Errorf("%s with %v as call %d of %v (lasting: %v, struck: %v)", step.name, s.err, s.nth,
			s.op, s.lasts, s.struck)
	}
}
