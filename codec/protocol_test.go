package codec

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func protocolText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exampleLine is a line of an example dialogue: C: or S:, an optional key, frames, and a remark
// after four spaces.
var exampleLine = regexp.MustCompile(`(?m)^    [CS]: (?:[0-9a-f]{16})?(\d{10}.*?)(?: {4}.*)?$`)

func TestProtocolExamplesAreFramedCorrectly(t *testing.T) {
	examples := exampleLine.FindAllStringSubmatch(protocolText(t), -1)
	if len(examples) < 30 {
		t.Errorf("found %d example lines, want at least 30", len(examples))
	}
	for _, example := range examples {
		for rest := strings.ReplaceAll(example[1], "␊", "\n"); rest != ""; {
			n, err := ParseField([]byte(rest[:min(len(rest), FieldSize)]))
			if err != nil {
				t.Errorf("%s: %v", example[0], err)
				break
			}
			if rest = rest[FieldSize:]; rest == "" && n >= offerPortMin {
				break // a port
			}
			lost := strings.Contains(example[0], "is lost after 5 bytes") && len(rest) == 5
			if int64(len(rest)) < n && !lost {
				t.Errorf("%s: %d bytes follow a length of %d", example[0], len(rest), n)
			}
			rest = rest[min(n, int64(len(rest))):]
		}
	}
}

func TestProtocolDescribesEveryWord(t *testing.T) {
	text := protocolText(t)
	for v := VerbGet; v < verbCount; v++ {
		row := "(?m)^\\| [^|]*`" + v.String() + "[ `]"
		if v != VerbHello && !regexp.MustCompile(row).MatchString(text) {
			t.Errorf("no command %s", v)
		}
	}
	for _, word := range featureWords {
		if !strings.Contains(text, "\n| `"+word+"` | ") {
			t.Errorf("no feature %s", word)
		}
	}
	source, err := os.ReadFile("answer.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`\tCode[A-Z]\w+ += (\d{3}) `).FindAllSubmatch(source, -1)
	if len(codes) < 23 {
		t.Errorf("found %d reply codes, want at least 23", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(text, "\n| "+string(code[1])+" | ") {
			t.Errorf("no reply code %s", code[1])
		}
	}
}

// reference is a mention of a section in a comment, joined into one line.
var reference = regexp.MustCompile(`PROTOCOL\.md, ([A-Z][a-z]+(?: [a-z]+)*)`)

func TestReferencesToProtocolResolve(t *testing.T) {
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^##+ (.+)$`).FindAllStringSubmatch(
		protocolText(t), -1) {
		sections[m[1]] = true
	}
	lineBreak := regexp.MustCompile(`\n\s*// `)
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		joined := lineBreak.ReplaceAllString(string(source), " ")
		for _, m := range reference.FindAllStringSubmatch(joined, -1) {
			found++
			if !sections[m[1]] {
				t.Errorf("%s: PROTOCOL.md has no section %q", path, m[1])
			}
		}
		return nil
	})
	if err != nil || found < 10 {
		t.Errorf("found %d references, %v", found, err)
	}
}
