package reactor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The most that one declaration of the server may hold. Beyond that it is two things.
const (
	fieldsMax   = 20
	methodsMax  = 50
	booleansMax = 6
)

// declarations are the struct types of a package folder and its methods by their receiver.
type declarations struct {
	structs map[string]*ast.StructType
	methods map[string]int
}

func declare(t *testing.T, dir string) declarations {
	t.Helper()
	d := declarations{make(map[string]*ast.StructType), make(map[string]int)}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	check(t, err)
	seen := make(map[string]bool) // a method that systems have each their own of counts once
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		check(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					d.structs[n.Name.Name] = s
				}
			case *ast.FuncDecl:
				if n.Recv == nil {
					break
				}
				on := typeName(n.Recv.List[0].Type)
				if key := on + "." + n.Name.Name; !seen[key] {
					seen[key] = true
					d.methods[on]++
				}
			}
			return true
		})
	}
	return d
}

// typeName is the name of a plain or pointed-to type, "" for others.
func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// booleans counts the boolean fields of a struct, those of structs that are part of it included.
func (d declarations) booleans(name string) (n int) {
	for _, f := range d.structs[name].Fields.List {
		id, ok := f.Type.(*ast.Ident)
		if !ok {
			continue
		}
		if d.structs[id.Name] != nil {
			n += d.booleans(id.Name)
		} else if id.Name == "bool" {
			n += max(1, len(f.Names))
		}
	}
	return n
}

func TestDeclarationsStaySmall(t *testing.T) {
	found := 0
	check(t, filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || e.Name() == "testdata" {
			return err
		}
		d := declare(t, path)
		found += len(d.structs)
		for name, s := range d.structs {
			fields := 0
			for _, f := range s.Fields.List {
				fields += max(1, len(f.Names))
			}
			if fields > fieldsMax {
				t.Errorf("%s: struct %s has %d fields, at most %d", path, name, fields, fieldsMax)
			}
		}
		for name, n := range d.methods {
			if n > methodsMax {
				t.Errorf("%s: type %s has %d methods, at most %d", path, name, n, methodsMax)
			}
		}
		if path != "." {
			return nil
		}
		if n := d.booleans("transfer"); n == 0 || n > booleansMax {
			t.Errorf("a transfer has %d booleans, at most %d", n, booleansMax)
		}
		return nil
	}))
	if found < 30 {
		t.Errorf("only %d structs were looked at", found)
	}
}

// asksForFace finds code that asks which face a session has, namesFace what names one.
var (
	asksForFace = regexp.MustCompile(`asked [!=]= nil|framed\(\)|\bface [!=]=|[!=]= \w*[fF]ace\b|` +
		`\bface\.\(|face(Base|Status|Classic)`)
	namesFace = regexp.MustCompile(`\b[a-z]\w*(Face|Properties)\b`)
)

// Only the files of the faces know which face a session has, and only the list of exchanges names
// them. Other code asks for properties.
func TestOnlyFacesKnowWhichFaceItIs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	check(t, err)
	faces := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		check(t, err)
		if strings.HasPrefix(name, "face_") {
			faces += len(namesFace.FindAll(source, -1))
			continue
		}
		lists := name == "listener.go"
		for i, line := range strings.Split(string(source), "\n") {
			if asksForFace.MatchString(line) || !lists && namesFace.MatchString(line) {
				t.Errorf("%s:%d: %s", name, i+1, line)
			}
		}
	}
	if faces == 0 {
		t.Error("no face was found")
	}
}
