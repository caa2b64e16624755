package codec

import (
	"encoding/hex"
	"testing"
)

// TestCodesArePinned holds RFC 959's numbers.
func TestCodesArePinned(t *testing.T) {
	for want, got := range map[int]int{
		150: CodeOffer, 200: CodeOkay, 213: CodeStatus, 221: CodeGoodbye, 226: CodeComplete,
		250: CodeDone, 257: CodeFolder, 350: CodeMore, 421: CodeTooBusy, 425: CodeNoConnection,
		426: CodeAborted, 450: CodeBusy, 451: CodeLocal, 452: CodeNoSpace, 500: CodeUnknown,
		501: CodeArgument, 503: CodeOrder, 504: CodeParameter, 530: CodeNotAllowed, 550: CodeNoFile,
		552: CodeTooLarge, 553: CodeNameForbidden, 554: CodePartSize,
	} {
		if got != want {
			t.Errorf("%d is %d", want, got)
		}
	}
}

func TestReplyCodeHasThreeDigits(t *testing.T) {
	for _, code := range []int{99, 1000} {
		wantPanic(t, func() { AppendReply(nil, code, nil) })
	}
}

func TestOffersGoBothWays(t *testing.T) {
	key := NewKey(0xabc)
	for text, c := range map[string]struct {
		verb  Verb
		offer Offer
	}{
		"2121 0000000000000abc":      {VerbPut, Offer{2121, key, -1, -1}},
		"65535 0000000000000abc 0":   {VerbGet, Offer{65535, key, 0, -1}},
		"1024 0000000000000abc 17":   {VerbList, Offer{1024, key, 17, -1}},
		"1024 0000000000000abc 1 50": {VerbGetPart, Offer{1024, key, 1, 50}},
	} {
		if got := string(AppendOffer(nil, c.offer)); got != text {
			t.Errorf("%+v became %q", c.offer, got)
		}
		for _, tail := range []string{"", " and=more", " 5"} {
			got, ok := ParseOffer(c.verb, []byte(text+tail))
			if !ok || got != c.offer {
				t.Errorf("%q became %+v, %v", text+tail, got, ok)
			}
		}
	}
	for text, v := range map[string]Verb{
		"": VerbPut, "2121": VerbPut, "0 0000000000000abc": VerbPut,
		"65536 0000000000000abc": VerbPut, "1023 0000000000000abc": VerbPut,
		"80 0000000000000abc": VerbPut, "x 0000000000000abc": VerbPut,
		"2121 0000000000000ab": VerbPut, "2121 0000000000000abc": VerbGet,
		"2121 0000000000000abc x": VerbList, "2121 0000000000000abc 1": VerbGetPart,
		"2121  0000000000000abc": VerbPut,
	} {
		if got, ok := ParseOffer(v, []byte(text)); ok || got != (Offer{}) {
			t.Errorf("%v %q became %+v", v, text, got)
		}
	}
}

func TestSizesGoBothWays(t *testing.T) {
	for text, n := range map[string]int64{"0": 0, "20000000000": 20_000_000_000} {
		if got := string(AppendSize(nil, n)); got != text {
			t.Errorf("%d became %q", n, got)
		}
		if got, ok := ParseSize([]byte(text + " more")); got != n || !ok {
			t.Errorf("%q became %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", " 1", "-1", "1x"} {
		if n, ok := ParseSize([]byte(text)); ok {
			t.Errorf("%q became %d", text, n)
		}
	}
}

func TestSumsGoBothWays(t *testing.T) {
	want := Sum{"00ff", 12}
	text := string(AppendSum(nil, want))
	if text != "00ff 12" {
		t.Errorf("%+v became %q", want, text)
	}
	for _, in := range []string{text, "00FF 12", text + " more"} {
		if got, ok := ParseSum([]byte(in)); !ok || got != want {
			t.Errorf("%q became %+v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "00ff", "00fg 12", " 12", "00ff x"} {
		if got, ok := ParseSum([]byte(in)); ok {
			t.Errorf("%q became %+v", in, got)
		}
	}
}

func TestChecksumsArePinned(t *testing.T) {
	for algo, want := range map[Algo]string{
		AlgoXXH3:   "b5e9c1ad071b3e7fc779cfaa5e523818",
		AlgoSHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
	} {
		h := algo.New()
		_, _ = h.Write([]byte("hello"))
		if got := hex.EncodeToString(h.Sum(nil)); got != want || h.Size() != len(want)/2 {
			t.Errorf("%v is %s in %d bytes, want %s", algo, got, h.Size(), want)
		}
	}
	wantPanic(t, func() { Algo(0).New() })
}

func TestStatsGoBothWays(t *testing.T) {
	const at = "2026-01-02T03:04:05Z"
	for text, want := range map[string]Stat{
		"file 20000000000 " + at: {Size: 20_000_000_000, Time: at},
		"dir 0 " + at:            {Dir: true, Time: at},
	} {
		if got := string(AppendStat(nil, want)); got != text {
			t.Errorf("%+v became %q", want, got)
		}
		if got, ok := ParseStat([]byte(text + " more")); !ok || got != want {
			t.Errorf("%q became %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "file", "file 1", "fifo 1 " + at, "file x " + at} {
		if got, ok := ParseStat([]byte(text)); ok {
			t.Errorf("%q became %+v", text, got)
		}
	}
}

func TestGreetingsGoBothWays(t *testing.T) {
	all := featureEnd - 1
	for text, want := range map[string]Features{
		"ferry/1":        0,
		"ferry/1 get ls": FeatureGet | FeatureList,
		"ferry/1 get ls stat sum put parts partsum replace mkdir change commit auth tls": all,
	} {
		if got := string(AppendHello(nil, want)); got != text {
			t.Errorf("%v became %q", want, got)
		}
		if got, ok := ParseHello([]byte(text + " teleport x=y")); !ok || got != want {
			t.Errorf("%q became %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "ferr", "vsftpd 3.0"} {
		if f, ok := ParseHello([]byte(text)); ok {
			t.Errorf("%q became %v", text, f)
		}
	}
}

func TestFeaturesDecideWhichVerbsAreAllowed(t *testing.T) {
	if len(featureWords) != 13 || featureEnd != 1<<len(featureWords) {
		t.Errorf("%d words for %b", len(featureWords), featureEnd)
	}
	free := map[Verb]bool{
		VerbHello: true, VerbCd: true, VerbPwd: true, VerbNoop: true, VerbAbort: true,
		VerbQuit: true,
	}
	for v := VerbGet; v < verbCount; v++ {
		if got := Features(0).Allows(v); got != free[v] {
			t.Errorf("%v without features: %v", v, got)
		}
		if !(featureEnd - 1).Allows(v) {
			t.Errorf("%v is not allowed with every feature", v)
		}
	}
	if Features(0).Allows(verbCount) {
		t.Error("an invalid verb is allowed")
	}
}
