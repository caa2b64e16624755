package reactor

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"ferry/codec"
)

// FTP's commands in the model of a folder.

// actFTP has a client of FTP ask for one thing.
func (m *folderModel) actFTP(t *rapid.T, c *modelClient) {
	verb := rapid.SampledFrom([]string{
		"STOR", "STOR", "APPE", "RETR", "REST", "REST STOR", "NLST", "LIST", "MLSD", "MLST", "SIZE",
		"MKD", "MKD", "RMD", "DELE", "CWD", "CDUP", "PWD", "RNTO", "HASH",
	}).Draw(t, "verb")
	name := rapid.SampledFrom(modelNames).Draw(t, "name")
	if slices.Contains([]string{"NLST", "LIST", "MLSD", "CWD"}, verb) {
		name = rapid.SampledFrom([]string{"/", "d", "/d", "d/e", "a"}).Draw(t, "folder")
	}
	upload := ""
	if verb == "STOR" || verb == "APPE" || verb == "REST STOR" {
		n := rapid.SampledFrom([]int{0, 1, 2, 500, smallMax + 1}).Draw(t, "size")
		upload = string(pattern(n))
	}
	at := c.where(name)
	switch verb {
	case "RNTO":
		m.renameFTP(t, c, name)
		return
	case "REST", "REST STOR":
		offset := rapid.SampledFrom([]int{0, 1, 3, 600}).Draw(t, "offset")
		if got := c.ask(fmt.Sprint("REST ", offset), ""); got.code != codec.CodeMore {
			t.Fatalf("REST %d: %d %s", offset, got.code, got.text)
		}
		verb = map[string]string{"REST": "RETR", "REST STOR": "STOR"}[verb]
		want := m.expectRest(verb, at, upload, offset)
		c.compareFTP(t, verb+" "+name, c.ask(verb+" "+name, upload), want)
		return
	case "CDUP", "PWD":
		name = ""
	}
	command := strings.TrimSpace(verb + " " + name)
	c.compareFTP(t, command, c.ask(command, upload), m.expectFTP(c, verb, name, at, upload))
}

// expectRest is a transfer that begins somewhere in a file.
func (m *folderModel) expectRest(verb, at, upload string, offset int) said {
	content, beyond := m.tree[at], said{code: 554}
	switch {
	case verb == "STOR" && offset == 0:
		return m.upload(at, upload)
	case !m.isFile(at) && (verb == "RETR" || m.isFolder(at) || !m.parent(at)):
		return modelNo
	case offset > len(content):
		return beyond
	case verb == "RETR":
		return said{code: codec.CodeComplete, got: content[offset:]}
	}
	m.tree[at] = content[:offset] + upload
	return said{code: codec.CodeComplete}
}

func (m *folderModel) upload(at, upload string) said {
	if !m.parent(at) || m.isFolder(at) {
		return modelNo
	}
	m.tree[at] = upload
	return said{code: codec.CodeComplete}
}

// expectFTP does a command in the model.
func (m *folderModel) expectFTP(c *modelClient, verb, name, at, upload string) said {
	switch verb {
	case "STOR":
		return m.upload(at, upload)
	case "APPE":
		if m.isFile(at) {
			upload = m.tree[at] + upload
		}
		return m.upload(at, upload)
	case "RETR":
		return m.expect(c, "get", name, "")
	case "NLST":
		return m.expectNames(name, at)
	case "LIST", "MLSD":
		switch {
		case !m.has(at):
			return modelNo
		case verb == "MLSD" && !m.isFolder(at):
			return said{code: codec.CodeArgument} // RFC 3659, section 7.2.1
		}
		return said{code: codec.CodeComplete, got: anything}
	case "MLST":
		if !m.has(at) {
			return modelNo
		}
		return said{code: codec.CodeDone}
	case "SIZE", "HASH":
		if !m.isFile(at) {
			return modelNo
		}
		text := ""
		if verb == "SIZE" {
			text = fmt.Sprint(len(m.tree[at]))
		}
		return said{code: codec.CodeStatus, text: text}
	case "CWD":
		if !m.isFolder(at) {
			return modelNo
		}
		c.folder = at
		return said{code: codec.CodeDone}
	case "CDUP":
		c.folder, _, _ = cutLast(c.folder)
		if !m.isFolder(c.folder) {
			return modelNo
		}
		return said{code: codec.CodeDone}
	case "PWD":
		return said{code: 257, text: fmt.Sprintf("%q", "/"+c.folder)}
	case "MKD":
		want := m.expectChange("mkdir", at)
		if want.code == codec.CodeDone {
			want = said{code: 257, text: fmt.Sprintf("%q", "/"+at)}
		}
		return want
	case "RMD":
		return m.expectChange("rmdir", at)
	default:
		return m.expectChange("rm", at)
	}
}

// anything stands for what is not compared.
const anything = "\x00anything"

// cutLast cuts the last part off a path.
func cutLast(path string) (folder, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// expectNames is NLST: of a folder its entries, with the folder as it was given.
func (m *folderModel) expectNames(name, at string) said {
	if !m.has(at) {
		return modelNo
	}
	text := name + "\r\n"
	if m.isFolder(at) {
		text = ""
		for _, n := range m.inner(at, false) {
			text += strings.TrimSuffix(name, "/") + "/" + strings.TrimSuffix(n, "/") + "\r\n"
		}
	}
	return said{code: codec.CodeComplete, got: text}
}

// compareFTP holds what came of a command against what was to come.
func (c *modelClient) compareFTP(t *rapid.T, command string, got, want said) {
	if want.got == anything {
		want.got = got.got
	}
	if want.code == codec.CodeNameForbidden { // RFC 959 has it too
		want.code = got.code
		if got.code != 553 && got.code != 550 {
			want.code = 553
		}
	}
	if got.code/100 == 5 {
		got.got = want.got
	}
	c.compare(t, command, got, want)
}

func (m *folderModel) renameFTP(t *rapid.T, c *modelClient, name string) {
	to := rapid.SampledFrom(modelNames).Draw(t, "to")
	want := m.expect(c, "rnfr", name, "")
	c.compareFTP(t, "RNFR "+name, c.ask("RNFR "+name, ""), want)
	if want.code == codec.CodeMore {
		want = m.expectRename(c.where(name), c.where(to))
		c.compareFTP(t, "RNTO "+to+" from "+name, c.ask("RNTO "+to, ""), want)
	}
}
