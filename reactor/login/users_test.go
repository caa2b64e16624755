package login

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rfcVerifier is that of the user in RFC 7677, section 3, whose password is pencil.
const rfcVerifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==" +
	"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

// htpasswdVerifier is what `htpasswd -nbB -C 4 bob secret` may write.
const htpasswdVerifier = "$2y$04$aaaaaaaaaaaaaaaaaaaaaOKKXB1VWv6kmjMW1m03qFuUtRWYBJWZW"

// secretBcrypt is a hash of the password secret as htpasswd writes it.
func secretBcrypt(t testing.TB) string {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	check(t, err)
	return "$2y" + string(hash[3:])
}

func parse(t testing.TB, text string) *Users {
	t.Helper()
	u, err := Parse([]byte(text))
	check(t, err)
	return u
}

func TestParseReadsNamesVerifiersAndRights(t *testing.T) {
	u := parse(t, "# users\n\nuser : "+rfcVerifier+" : /:r /ann:rw\r\nbob:"+secretBcrypt(t)+
		"\n  eve:"+rfcVerifier+"\n* : - : /pub:r\n")
	for _, want := range []struct{ name, kind, rights string }{
		{"user", "SCRAM-SHA-256", "/:r /ann:rw"},
		{"bob", "bcrypt", "/:rw"},
		{"eve", "SCRAM-SHA-256", "/:rw"},
		{"*", "-", "/pub:r"},
	} {
		user := u.User(want.name)
		if user == nil || user.Kind() != want.kind || user.Rights.String() != want.rights {
			t.Errorf("%s is %+v", want.name, user)
		}
	}
	if len(u.All) != 4 || u.User("ann") != nil {
		t.Errorf("%d users", len(u.All))
	}
}

func TestParseReportsEveryFaultWithItsLine(t *testing.T) {
	_, err := Parse([]byte(strings.Join([]string{
		"user : " + rfcVerifier + " : /:r",
		"nonsense",
		"user : " + rfcVerifier,
		"a : $2y$04$short : /:r",
		"b : SCRAM-SHA-256$4095" + rfcVerifier[18:],
		"c : SCRAM-SHA-256$4096:x$y:z",
		": " + rfcVerifier,
		"d : " + rfcVerifier + " : /x",
		"e : " + rfcVerifier + " : /x:rx",
		"f : " + rfcVerifier + " : /x/../y:r",
		"g : " + rfcVerifier + " : /x:r /x/:w",
		"* : " + rfcVerifier + " : /:r",
		"* : -",
		"h : " + rfcVerifier + " : ",
		"i : $2y$20" + strings.Repeat("a", 53),
		"a*b : " + rfcVerifier,
	}, "\n")))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatal(err)
	}
	for i, fault := range joined.Unwrap() {
		var f *Fault
		if !errors.As(fault, &f) || f.Line != i+2 {
			t.Errorf("fault %d is %v", i, fault)
		}
	}
	if n := len(joined.Unwrap()); n != 15 {
		t.Errorf("%d faults: %v", n, err)
	}
}

// Faults are logged, and a mistyped verifier is still a secret.
func TestFaultsHoldNoPartOfVerifiers(t *testing.T) {
	for _, line := range []string{
		"ann : scram-sha-256" + rfcVerifier[13:],
		"ann : SCRAM-SHA-256 " + rfcVerifier[13:],
		"ann " + rfcVerifier + " : /:r",
		rfcVerifier,
		"ann : my:secret",
	} {
		_, err := Parse([]byte(line))
		if err == nil || strings.Contains(err.Error(), "secret") ||
			strings.Contains(err.Error(), "WG5d") || strings.Contains(err.Error(), "wfPL") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCheckAcceptsOnlyTheRightPassword(t *testing.T) {
	u := parse(t, "user:"+rfcVerifier+"\nbob:"+secretBcrypt(t)+"\n* : - : /:r")
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"user", "pencil", true},
		{"user", "Pencil", false},
		{"user", "", false},
		{"bob", "secret", true},
		{"bob", "pencil", false},
		{"nobody", "pencil", false},
		{"nobody", "secret", false},
		{"*", "", false},
		{"", "", false},
		{"bob", strings.Repeat("x", passwordMax+1), false},
	} {
		got := u.Check(c.name, c.password)
		if (got != nil) != c.want || got != nil && got.Name != c.name {
			t.Errorf("%q with %q: %v", c.name, c.password, got)
		}
	}
	if parse(t, "").Check("user", "pencil") != nil {
		t.Error("an empty file has a user")
	}
}

func TestNewVerifierChecksItsPassword(t *testing.T) {
	v, err := NewVerifier("ann", "correct horse")
	check(t, err)
	again, err := NewVerifier("ann", "correct horse")
	check(t, err)
	if v == again {
		t.Error("two verifiers have the same salt")
	}
	u := parse(t, "ann : "+v)
	if u.Check("ann", "correct horse") == nil || u.Check("ann", "correct hors") != nil {
		t.Error("it checks another password")
	}
	for _, bad := range []string{"", strings.Repeat("x", passwordMax+1), "a\x00b"} {
		if _, err := NewVerifier("ann", bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestEditsKeepOtherLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	rights, err := ParseRights("/:r /a%20b:rw")
	check(t, err)
	check(t, Add(file, "ann", "one", rights))
	text, err := os.ReadFile(file)
	check(t, err)
	before := "# ours\n\nbob:" + secretBcrypt(t) + "\n"
	check(t, os.WriteFile(file, append([]byte(before), text...), 0o644))
	check(t, os.Symlink("users", file+".link"))
	check(t, SetPassword(file+".link", "bob", "two"))
	check(t, SetPassword(file, "ann", "three"))
	u, err := Load(file)
	check(t, err)
	if u.Check("bob", "two") == nil || u.Check("ann", "three") == nil ||
		u.User("ann").Rights.String() != "/:r /a%20b:rw" || u.User("bob").written[2] != "" {
		t.Errorf("the users are %v", u.All)
	}
	for _, err := range []error{
		Add(file, "ann", "x", rights), Add(file, "a:b", "x", rights), Add(file, "*", "x", rights),
		SetPassword(file, "eve", "x"), SetPassword(file, "ann", ""), Remove(file, "eve"),
		Remove(file, "*"),
	} {
		if err == nil {
			t.Error("a wrong edit is accepted")
		}
	}
	check(t, Remove(file, "bob"))
	text, err = os.ReadFile(file)
	check(t, err)
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[0] != "# ours" || !strings.HasPrefix(lines[2], "ann : ") {
		t.Errorf("the file is %q", text)
	}
	info, err := os.Lstat(file)
	check(t, err)
	link, err := os.Lstat(file + ".link")
	check(t, err)
	left, err := os.ReadDir(filepath.Dir(file))
	check(t, err)
	if info.Mode() != fileMode || link.Mode().IsRegular() || len(left) != 2 {
		t.Errorf("modes %v and %v, %d files", info.Mode(), link.Mode(), len(left))
	}
	check(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	if err := Add(file, "eve", "x", rights); err == nil {
		t.Error("a broken file is edited")
	}
}

// FuzzParse has a file hold anything. What is accepted can be written again and means the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "# x\nuser : " + rfcVerifier + " : /:r /a:rw /b:w /c:-", "bob:" + htpasswdVerifier,
		"* : - : /pub:r\n\n", "a:b:c:d", "x : " + rfcVerifier + " : /a%20b:r /%ff:w", ":::",
		"\x00:\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		u, err := Parse(text)
		if err != nil {
			return
		}
		var lines []string
		for _, user := range u.All {
			lines = append(lines, join(user.Name, user.written[1], user.Rights.String()))
		}
		again, err := Parse([]byte(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatalf("%q is not accepted: %v", lines, err)
		}
		for i, user := range u.All {
			if o := again.All[i]; o.Name != user.Name || o.Kind() != user.Kind() ||
				!slices.Equal(o.Rights, user.Rights) {
				t.Errorf("%v became %v", user, o)
			}
		}
		if _, err := u.credentials("nobody"); err != nil {
			t.Error(err)
		}
	})
}
