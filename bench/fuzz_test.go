package bench

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzParseSizes holds that sizes, written out, read the same and fit a field.
func FuzzParseSizes(f *testing.F) {
	for _, text := range []string{
		"4096", "64KiB,1MB,0", "9999999999", "10000000000", "1e3", "-1", ",", "1.5KiB",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sizes, err := ParseSizes(text)
		if err != nil {
			return
		}
		again, err := ParseSizes(sizesText(sizes))
		if err != nil || !slices.Equal(again, sizes) {
			t.Fatalf("%q became %v, written as %q, and that %v, %v", text, sizes,
				sizesText(sizes), again, err)
		}
		if slices.Min(sizes) < 0 || slices.Max(sizes) > 9_999_999_999 {
			t.Errorf("%q became %v", text, sizes)
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
