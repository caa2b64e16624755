package client

import "testing"

// TestHostBeyondASCIIIsEncoded: DNS knows such names in another form.
func TestHostBeyondASCIIIsEncoded(t *testing.T) {
	for given, want := range map[string]string{
		"bücher.test:21": "xn--bcher-kva.test:21", "BÜCHER.test:21": "xn--bcher-kva.test:21",
		"Host:21": "Host:21", "127.0.0.1:21": "127.0.0.1:21", "[::1]:21": "[::1]:21",
		"under_score:21": "under_score:21", "\xff:21": "\xff:21",
	} {
		if got := asciiHost(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}
