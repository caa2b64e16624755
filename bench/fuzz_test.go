package bench

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// FuzzParseSizes holds that sizes are told in words that read the same, and that what is drawn of
// them fits a field.
func FuzzParseSizes(f *testing.F) {
	for _, text := range []string{
		"4096", "64KiB,1MB,0", "lognormal:16KiB,2", "lognormal:1,0.5,1GiB", "lognormal:0,1",
		"9999999999", "10000000000", "1e3", "-1", ",", "1.5KiB",
		"lognormal:1,NaN", "lognormal:1,1e308",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSizes(text)
		if err != nil {
			return
		}
		again, err := ParseSizes(s.String())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%q became %+v, told as %q, and that %+v, %v", text, s, s, again, err)
		}
		for _, size := range s.files(8) {
			if size < 0 || size > 9_999_999_999 || s.Max > 0 && size > s.Max {
				t.Errorf("%q has a file of %d bytes", text, size)
			}
		}
	})
}

// FuzzParseSite holds that a site, written out, reads the same.
func FuzzParseSite(f *testing.F) {
	for _, text := range []string{
		"127.0.0.1:20000", "a=base://[::1]:21/x/y?pid=3", "ftp://u:p%40s@h:21/%41/", "x=h:1",
		"http-new://h:80/a b", "a/b=h:1", "status://h:0", "h:99999", "base://h",
		"ftp://u@h:21/?pid=x", "ftp://u@h:21/x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSite(text)
		if err != nil {
			return
		}
		_, port, err := net.SplitHostPort(s.Address)
		if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 1 || n > 65535 {
			t.Fatalf("%q: the address %q has no port", text, s.Address)
		}
		if s.Folder != "" && !strings.HasSuffix(s.Folder, "/") || s.Name == "" {
			t.Errorf("%q became %+v", text, s)
		}
		if strings.ContainsFunc(s.Address, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return // net/url writes some zones otherwise than it reads them
		}
		u := url.URL{
			Scheme: s.Proto, Host: s.Address, Path: "/" + s.Folder,
			User:     url.UserPassword(s.User, s.Password),
			RawQuery: url.Values{"pid": {strconv.Itoa(s.PID)}}.Encode(),
		}
		whole := s.Name + "=" + u.String()
		again, err := ParseSite(whole)
		if err != nil || again != s {
			t.Fatalf("%q became %+v, told as %q, and that %+v, %v", text, s, whole, again, err)
		}
	})
}

// FuzzHistogram reads any content in the form in which histograms are kept: what is one can be
// asked, merged and written, and then reads the same.
func FuzzHistogram(f *testing.F) {
	full := NewHistogram()
	for n := range 2000 {
		full.Record(time.Duration(n*n) * time.Microsecond)
	}
	for _, h := range []*Histogram{NewHistogram(), full} {
		f.Add(unpacked(f, h))
	}
	f.Add(unpacked(f, full)[:39])
	f.Add(unpacked(f, &Histogram{hdrhistogram.NewPacked(1, latencyMax.Microseconds(), 2)}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		h := NewHistogram()
		if err := h.UnmarshalJSON(packed(t, content)); err != nil {
			return
		}
		if h.packed.SignificantFigures() != latencyDigits {
			t.Errorf("a histogram of %d digits", h.packed.SignificantFigures())
		}
		if h.Count() < 0 || h.Percentile(50) > h.Percentile(99) || h.Max() < 0 || h.Mean() < 0 {
			t.Errorf("%d times, %d, %d, at most %d, %v", h.Count(), h.Percentile(50),
				h.Percentile(99), h.Max(), h.Mean())
		}
		text, err := h.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again := NewHistogram()
		if err := again.UnmarshalJSON(text); err != nil || again.Count() != h.Count() ||
			again.Percentile(50) != h.Percentile(50) || again.Max() != h.Max() {
			t.Errorf("%d times became %d, %v", h.Count(), again.Count(), err)
		}
		again.Merge(h)
		if again.Count() != 2*h.Count() {
			t.Errorf("twice %d times are %d", h.Count(), again.Count())
		}
	})
}

// histogramCookie begins the compressed form of HdrHistogram's second version.
const histogramCookie = 0x1c849304 | 0x10

// packed is content in that form: base64 of the cookie, a length, and what zlib makes of it.
func packed(t testing.TB, content []byte) []byte {
	t.Helper()
	var small bytes.Buffer
	w := zlib.NewWriter(&small)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := binary.BigEndian.AppendUint32(nil, histogramCookie)
	whole = binary.BigEndian.AppendUint32(whole, uint32(small.Len()))
	text, err := json.Marshal(base64.StdEncoding.EncodeToString(append(whole, small.Bytes()...)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unpacked is the content of a histogram's form.
func unpacked(t testing.TB, h *Histogram) []byte {
	t.Helper()
	text, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		t.Fatal(err)
	}
	whole, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || binary.BigEndian.Uint32(whole) != histogramCookie {
		t.Fatalf("%x: %v", whole[:4], err)
	}
	r, err := zlib.NewReader(bytes.NewReader(whole[8:]))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
