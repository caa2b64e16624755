package reactor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ferry/codec"
)

// folderModel is what a served folder is, in memory: what several clients, of each exchange, ask of
// the server is asked of it as well.
type folderModel struct {
	tree
	clients []*modelClient
}

// modelClient is one of them.
type modelClient struct {
	talker
	face dialect
	// folder is what names are relative to, "" for the root.
	folder string
}

// modelNames are few, so that clients meet.
var modelNames = []string{"a", "b", "d", "d/a", "d/e", "d/e/a", "/d", "/d/b", "/a"}

func (m *folderModel) isFolder(name string) bool {
	return name == "" || m.tree[name] == folderMark
}

func (m *folderModel) isFile(name string) bool {
	content, ok := m.tree[name]
	return ok && content != folderMark
}

func (m *folderModel) has(name string) bool { return m.isFolder(name) || m.isFile(name) }

// parent says whether the folder of a name is there.
func (m *folderModel) parent(name string) bool {
	dir, _ := path.Split(name)
	return m.isFolder(strings.TrimSuffix(dir, "/"))
}

// inner are the names right beneath a folder, or everything beneath it.
func (m *folderModel) inner(folder string, all bool) (names []string) {
	for name, content := range m.tree {
		rest, ok := name, true
		if folder != "" {
			rest, ok = strings.CutPrefix(name, folder+"/")
		}
		if !ok || strings.Contains(rest, "/") && !all {
			continue
		}
		if content == folderMark && !all {
			rest += "/"
		}
		names = append(names, rest)
	}
	slices.Sort(names)
	return names
}

// where is a client's name from the root on.
func (c *modelClient) where(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = c.folder + "/" + name
	}
	return strings.Trim(name, "/")
}

// modelNo is the answer to what cannot be done.
var modelNo = said{code: codec.CodeNoFile}

// expect does a command in the model, and says what is to come of it. Texts that are empty are not
// compared.
func (m *folderModel) expect(c *modelClient, verb, name, upload string) said {
	at := c.where(name)
	switch verb {
	case "put":
		if !m.parent(at) || m.isFolder(at) {
			return modelNo
		}
		m.tree[at] = upload
		return said{code: codec.CodeComplete}
	case "get", "getpart 1 2":
		if !m.isFile(at) {
			return modelNo
		}
		content := m.tree[at]
		if verb != "get" {
			if len(content) < 1 {
				return said{code: codec.CodeArgument}
			}
			content = content[1:min(3, len(content))]
		}
		return said{code: codec.CodeComplete, got: content}
	case "ls":
		if !m.isFolder(at) {
			return modelNo
		}
		text := ""
		for _, n := range m.inner(at, false) {
			text += n + "\n"
		}
		return said{code: codec.CodeComplete, got: text}
	case "stat", "rnfr":
		return m.expectLook(verb, at)
	case "cd":
		if !m.isFolder(at) {
			return modelNo
		}
		c.folder = at
		return said{code: codec.CodeDone, text: "/" + at}
	}
	return m.expectChange(verb, at)
}

func (m *folderModel) expectLook(verb, at string) said {
	switch {
	case !m.has(at):
		return modelNo
	case verb == "rnfr":
		return said{code: codec.CodeMore}
	case m.isFolder(at):
		return said{code: codec.CodeStatus, text: "dir "}
	default:
		return said{code: codec.CodeStatus, text: fmt.Sprintf("file %d ", len(m.tree[at]))}
	}
}

func (m *folderModel) expectChange(verb, at string) said {
	done := said{code: codec.CodeDone}
	switch verb {
	case "mkdir":
		if m.has(at) || !m.parent(at) {
			return modelNo
		}
		m.tree[at] = folderMark
	case "rmdir":
		if at == "" || !m.isFolder(at) || len(m.inner(at, true)) > 0 {
			return modelNo
		}
		delete(m.tree, at)
	case "rm":
		if !m.isFile(at) {
			return modelNo
		}
		delete(m.tree, at)
	default:
		panic(verb)
	}
	return done
}

// expectRename is rnto, after an rnfr that went well.
func (m *folderModel) expectRename(from, to string) said {
	done := said{code: codec.CodeDone}
	switch {
	case from == to && m.has(from):
		return done
	case !m.parent(to):
		return modelNo
	case m.isFolder(from) && strings.HasPrefix(to+"/", from+"/"):
		return said{code: codec.CodeNameForbidden}
	case m.isFolder(to), m.isFolder(from) && m.has(to):
		return modelNo
	}
	moved := tree{to: m.tree[from]}
	for _, rest := range m.inner(from, true) {
		moved[to+"/"+rest] = m.tree[from+"/"+rest]
		delete(m.tree, from+"/"+rest)
	}
	delete(m.tree, from)
	maps.Copy(m.tree, moved)
	return done
}

// compare holds what came of a command against what was to come.
func (c *modelClient) compare(t *rapid.T, command string, got, want said) {
	if c.face == speaksBase {
		if want.code/100 != 2 {
			want.code = codec.CodeLocal
		}
		// Base says the same of an empty file and of a missing one.
		if strings.HasPrefix(command, "get ") && want.got == "" {
			want.code = codec.CodeLocal
		}
	}
	if got.code != want.code || got.got != want.got || !strings.HasPrefix(got.text, want.text) {
		t.Fatalf("%s (face %v, in %q): %d %q %s, want %d %q %s", command, c.face, c.folder,
			got.code, got.text, brief([]byte(got.got)), want.code, want.text,
			brief([]byte(want.got)))
	}
}

// act has one client ask for one thing.
func (m *folderModel) act(t *rapid.T) {
	c := rapid.SampledFrom(m.clients).Draw(t, "client")
	verbs := []string{"put", "put", "get", "ls"}
	switch c.face {
	case speaksClassic:
		verbs = []string{"get"}
	case speaksStatus:
		verbs = append(verbs,
			"getpart 1 2", "stat", "mkdir", "mkdir", "rmdir", "rm", "cd", "rename")
	default:
	}
	if c.face == speaksFTP {
		m.actFTP(t, c)
		return
	}
	verb := rapid.SampledFrom(verbs).Draw(t, "verb")
	name := rapid.SampledFrom(modelNames).Draw(t, "name")
	if verb == "ls" || verb == "cd" {
		name = rapid.SampledFrom([]string{"/", "d", "/d", "d/e", "a"}).Draw(t, "folder")
	}
	if verb == "rename" {
		m.rename(t, c, name)
		return
	}
	upload := ""
	if verb == "put" {
		n := rapid.SampledFrom([]int{0, 1, 2, 500, smallMax + 1}).Draw(t, "size")
		upload = string(pattern(n))
	}
	command := verb + " " + name
	want := m.expect(c, verb, name, upload)
	c.compare(t, command, c.ask(command, upload), want)
}

func (m *folderModel) rename(t *rapid.T, c *modelClient, name string) {
	to := rapid.SampledFrom(modelNames).Draw(t, "to")
	want := m.expect(c, "rnfr", name, "")
	c.compare(t, "rnfr "+name, c.ask("rnfr "+name, ""), want)
	if want.code == codec.CodeMore {
		want = m.expectRename(c.where(name), c.where(to))
		c.compare(t, "rnto "+to+" from "+name, c.ask("rnto "+to, ""), want)
	}
}

// TestFolderIsAsItsModel asks random things of a server and of its model, by clients of all
// exchanges in turn: every answer, every byte and the folder itself are the same.
func TestFolderIsAsItsModel(t *testing.T) {
	ts := serve(t, withClassic, ftpOptions)
	m := &folderModel{}
	a, b := ts.greet(), ts.greet()
	c, d, e := ts.dial(), ts.dial(), ts.classic()
	f, g := ts.ftp(), ts.ftp()
	m.clients = []*modelClient{
		{talker: statusTalker{a}, face: speaksStatus},
		{talker: statusTalker{b}, face: speaksStatus},
		{talker: baseTalker{c}, face: speaksBase},
		{talker: baseTalker{d}, face: speaksBase},
		{talker: classicTalker{e}, face: speaksClassic},
		{talker: ftpTalker{f}, face: speaksFTP},
		{talker: ftpTalker{g}, face: speaksFTP},
	}
	rapid.Check(t, func(t *rapid.T) {
		m.tree = make(tree)
		m.lay(ts.t.(*testing.T), ts.dir)
		for _, c := range m.clients {
			switch c.folder = ""; c.face {
			case speaksStatus:
				c.ask("cd /", "")
			case speaksFTP:
				c.ask("CWD /", "")
			default:
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			m.act(t)
		}
		there, hidden := treeAt(ts.t, ts.dir)
		if !there.is(m.tree) || len(hidden) > 0 {
			t.Fatalf("there is %v and %q, want %v", there, hidden, m.tree)
		}
	})
	a.bye()
	b.bye()
	c.quit()
	d.quit()
	e.goodbye()
	f.bye()
	g.bye()
}
