package codec

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const somePart = "00ff00ff00ff00ff"

var requestCases = map[string]Request{
	"hello 1":                         {Verb: VerbHello},
	"get a b":                         {Verb: VerbGet, Name: []byte("a b")},
	"getpart 0 0 a b":                 {Verb: VerbGetPart, Name: []byte("a b")},
	"getpart 20000000000 9 x":         getPart(20_000_000_000, 9, "x"),
	"put  a":                          {Verb: VerbPut, Name: []byte(" a")},
	"newpart a":                       {Verb: VerbNewPart, Name: []byte("a")},
	"putpart " + somePart + " 7 12":   putPart(7, 12),
	"putpart " + somePart + " 12 12":  putPart(12, 12),
	"partsize " + somePart:            {Verb: VerbPartSize, Part: part()},
	"partsum " + somePart + " sha256": {Verb: VerbPartSum, Part: part(), Algo: AlgoSHA256},
	"droppart " + somePart:            {Verb: VerbDropPart, Part: part()},
	"ls":                              {Verb: VerbList},
	"ls a -l":                         {Verb: VerbList, Name: []byte("a -l")},
	"ls -l":                           {Verb: VerbList, Long: true},
	"ls -l a b":                       {Verb: VerbList, Long: true, Name: []byte("a b")},
	"ls -l -l":                        {Verb: VerbList, Long: true, Name: []byte("-l")},
	"ls -lx":                          {Verb: VerbList, Name: []byte("-lx")},
	"ls ./-l":                         {Verb: VerbList, Name: []byte("./-l")},
	"sum xxh3 a b":                    {Verb: VerbSum, Algo: AlgoXXH3, Name: []byte("a b")},
	"sumpart sha256 1 2 a":            sumPart(AlgoSHA256, 1, 2, "a"),
	"stat .":                          {Verb: VerbStat, Name: []byte(".")},
	"mkdir a":                         {Verb: VerbMkdir, Name: []byte("a")},
	"rmdir a":                         {Verb: VerbRmdir, Name: []byte("a")},
	"rm a":                            {Verb: VerbRemove, Name: []byte("a")},
	"rnfr a":                          {Verb: VerbRenameFrom, Name: []byte("a")},
	"rnto a":                          {Verb: VerbRenameTo, Name: []byte("a")},
	"cd ..":                           {Verb: VerbCd, Name: []byte("..")},
	"pwd":                             {Verb: VerbPwd},
	"noop":                            {Verb: VerbNoop},
	"abor":                            {Verb: VerbAbort},
	"quit":                            {Verb: VerbQuit},
	"auth SCRAM-SHA-256 bixh":         logIn(MechanismScram, "n,a"),
	"auth SCRAM-SHA-256-PLUS YQ==":    logIn(MechanismScramPlus, "a"),
	"auth +/8=":                       logIn(0, "\xfb\xff"),
}

func logIn(m Mechanism, message string) Request {
	return Request{Verb: VerbAuth, Mechanism: m, Message: []byte(message)}
}

func part() PartID {
	id, _ := ParseKey([]byte(somePart))
	return id
}

func getPart(offset, length int64, name string) Request {
	return Request{Verb: VerbGetPart, Offset: offset, Length: length, Name: []byte(name)}
}

func putPart(offset, total int64) Request {
	return Request{Verb: VerbPutPart, Part: part(), Offset: offset, Total: total}
}

func sumPart(a Algo, offset, length int64, name string) Request {
	return Request{Verb: VerbSumPart, Algo: a, Offset: offset, Length: length, Name: []byte(name)}
}

func TestRequestsGoBothWays(t *testing.T) {
	seen := map[Verb]bool{}
	for text, want := range requestCases {
		got, err := ParseRequest([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %+v, %v", text, got, err)
		}
		wire, err := AppendRequest([]byte("x"), want)
		if err != nil || string(wire) != "x"+f(int64(len(text)))+text {
			t.Errorf("%+v became %q, %v", want, wire, err)
		}
		if word, rest, _ := strings.Cut(text, " "); word != "" {
			upper := strings.ToUpper(word) + strings.TrimPrefix(text, word)
			if got, err := ParseRequest([]byte(upper)); err != nil || got.Verb != want.Verb {
				t.Errorf("%q became %+v, %v (%q)", upper, got, err, rest)
			}
		}
		seen[want.Verb] = true
	}
	for v := VerbGet; v < verbCount; v++ {
		if !seen[v] {
			t.Errorf("no case of %v", v)
		}
	}
}

func TestInvalidRequestsAreRejected(t *testing.T) {
	for text, want := range map[string]struct {
		verb Verb
		err  *RequestError
	}{
		"": {VerbUnknown, errUnknown}, " get a": {VerbUnknown, errUnknown},
		"frob": {VerbUnknown, errUnknown}, "gets a": {VerbUnknown, errUnknown},
		"get\ta": {VerbUnknown, errUnknown}, "partsizes a": {VerbUnknown, errUnknown},
		"unknown": {VerbUnknown, errUnknown}, "g\xe5t a": {VerbUnknown, errUnknown},
		"hello": {VerbHello, errTooFew}, "hello 2": {VerbHello, errVersion},
		"hello 1 x": {VerbHello, errTooMany}, "hello ": {VerbHello, errVersion},
		"get": {VerbGet, errName}, "get ": {VerbGet, errName},
		"getpart 0 a": {VerbGetPart, errNumber}, "getpart 0 1": {VerbGetPart, errName},
		"getpart 0": {VerbGetPart, errTooFew}, "getpart -1 0 a": {VerbGetPart, errNumber},
		"getpart  1 0 a": {VerbGetPart, errNumber}, "getpart +1 0 a": {VerbGetPart, errNumber},
		"getpart 1000000000000000000 0 a": {VerbGetPart, errNumber},

		"putpart " + somePart + " 13 12":   {VerbPutPart, errTotal},
		"putpart " + somePart + " 1":       {VerbPutPart, errTooFew},
		"putpart " + somePart + " 1 2 3":   {VerbPutPart, errTooMany},
		"putpart " + somePart[1:] + " 1 2": {VerbPutPart, errPart},
		"partsize " + somePart[1:] + "g":   {VerbPartSize, errPart},
		"partsum " + somePart:              {VerbPartSum, errTooFew},
		"partsum " + somePart + " md5":     {VerbPartSum, errAlgo},

		"sum xxh3": {VerbSum, errName}, "sum XXH3 a": {VerbSum, errAlgo},
		"sum  a": {VerbSum, errAlgo}, "pwd x": {VerbPwd, errTooMany},
		"noop ": {VerbNoop, errTooMany}, "quit now": {VerbQuit, errTooMany},
		"cd": {VerbCd, errName}, "rm": {VerbRemove, errName},
		"auth": {VerbAuth, errTooFew}, "auth ": {VerbAuth, errMessage},
		"auth SCRAM-SHA-256": {VerbAuth, errTooFew}, "auth SCRAM-SHA-256 ": {VerbAuth, errMessage},
		"auth PLAIN-X YQ==":       {VerbAuth, errMechanism},
		"auth scram-sha-256 YQ==": {VerbAuth, errMechanism},
		"auth YQ":                 {VerbAuth, errMessage}, "auth YR==": {VerbAuth, errMessage},
		"auth YQ\n==": {VerbAuth, errMessage}, "auth YQ== YQ==": {VerbAuth, errTooMany},
		"auth PLAIN": {VerbAuth, errMessage}, "auth SCRAM-SHA-256 YQ== x": {VerbAuth, errTooMany},
	} {
		got, err := ParseRequest([]byte(text))
		if got.Verb != want.verb || !errors.Is(err, want.err) {
			t.Errorf("%q became %v, %v", text, got.Verb, err)
		}
	}
}

func TestAppendRequestRejectsWhatCannotBeRead(t *testing.T) {
	for _, q := range []Request{
		{},
		{Verb: verbCount},
		{Verb: VerbGet},
		{Verb: VerbGet, Name: []byte(strings.Repeat("n", CommandMax-3))},
		getPart(-1, 0, "a"),
		getPart(0, numberMax+1, "a"),
		{Verb: VerbPartSize},
		{Verb: VerbSum, Name: []byte("a")},
		{Verb: VerbSum, Algo: 9, Name: []byte("a")},
		putPart(2, 1),
		logIn(3, "a"), logIn(MechanismScram, ""),
	} {
		if wire, err := AppendRequest([]byte("x"), q); err == nil || string(wire) != "x" {
			t.Errorf("%+v became %q", q, wire)
		}
	}
	longest := Request{Verb: VerbGet, Name: []byte(strings.Repeat("n", CommandMax-4))}
	if _, err := AppendRequest(nil, longest); err != nil {
		t.Error(err)
	}
}

func TestFolderNamedLikeFlagCanBeListed(t *testing.T) {
	for name, want := range map[string]string{
		"-l": "ls ./-l", "-l x": "ls ./-l x", "-lx": "ls -lx",
	} {
		wire, err := AppendRequest(nil, Request{Verb: VerbList, Name: []byte(name)})
		if err != nil || string(wire[FieldSize:]) != want {
			t.Errorf("%q became %q, %v", name, wire, err)
		}
	}
}

func TestBaseRejectsStatusVerbs(t *testing.T) {
	for v := VerbHello; v < verbCount; v++ {
		text := v.String() + " a"
		if c := ParseCommand([]byte(text)); c.Verb != VerbUnknown || c.Name != nil {
			t.Errorf("%q became %v", text, c.Verb)
		}
	}
}

func TestOnlyExactHelloSelectsStatus(t *testing.T) {
	for text, want := range map[string]bool{
		"hello 1": true, "HELLO 1": true, "hello": false, "hello 2": false, "hello 1 ": false,
		"hello  1": false, "hellos1": false, "": false,
	} {
		if IsHello([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestKeysGoBothWays(t *testing.T) {
	for n, text := range map[uint64]string{
		0: "0000000000000000", 0x123456789abcdef: "0123456789abcdef", 1<<64 - 1: "ffffffffffffffff",
	} {
		if k := NewKey(n); k.String() != text {
			t.Errorf("%x became %s", n, k)
		}
		if k, ok := ParseKey([]byte(strings.ToUpper(text))); !ok || k != NewKey(n) {
			t.Errorf("%s became %s, %v", text, k, ok)
		}
	}
	for _, text := range []string{
		"", somePart[1:], somePart + "0", "00ff00ff00ff00fg", "/:@G[`g{00000000",
	} {
		if k, ok := ParseKey([]byte(text)); ok || k != (Key{}) {
			t.Errorf("%q became %s", text, k)
		}
	}
}

func TestParsingRequestsDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	texts := [][]byte{
		[]byte("get abc.txt"), []byte("putpart " + somePart + " 7 12"), []byte("frobnicate"),
		[]byte("sumpart sha256 1 2 a"), []byte("getpart x 1 a"),
	}
	if n := testing.AllocsPerRun(1000, func() {
		for _, text := range texts {
			q, _ := ParseRequest(text)
			if q.Verb == VerbQuit {
				t.Fatal("no such")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d requests", n, len(texts))
	}
}

// FuzzRequests sends every valid request again and reads the same.
func FuzzRequests(f *testing.F) {
	for text := range requestCases {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > CommandMax-2 { // ./ may be added
			return
		}
		q, err := ParseRequest(text)
		if err != nil {
			var re *RequestError
			if !errors.As(err, &re) || (re.Code == CodeUnknown) != (q.Verb == VerbUnknown) {
				t.Fatalf("%q: %v, %v", text, q.Verb, err)
			}
			return
		}
		wire, err := AppendRequest(nil, q)
		if err != nil {
			t.Fatalf("%q became %+v: %v", text, q, err)
		}
		again, err := ParseRequest(wire[FieldSize:])
		if len(q.Name) == 0 {
			q.Name, again.Name = nil, nil
		}
		if err != nil || !reflect.DeepEqual(q, again) {
			t.Fatalf("%q became %+v, then %+v, %v", text, q, again, err)
		}
	})
}
