package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeFTP is an FTP server that keeps files in memory.
type fakeFTP struct {
	listener net.Listener
	wg       sync.WaitGroup
	refuses  string // the reply to RETR, if not empty
	cut      bool   // sends half of a file and says that all went well

	mu     sync.Mutex
	files  map[string][]byte
	logins int
	open   map[net.Conn]bool
	closed bool
}

func startFakeFTP(t *testing.T, change func(*fakeFTP)) *fakeFTP {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeFTP{listener: listener, files: map[string][]byte{}, open: map[net.Conn]bool{}}
	if change != nil {
		change(f)
	}
	f.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.open[conn] = true
			if f.closed {
				conn.Close()
			}
			f.mu.Unlock()
			f.wg.Go(func() { f.session(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.mu.Lock()
		f.closed = true
		for c := range f.open {
			c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

// loggedIn is how many sessions said who they are.
func (f *fakeFTP) loggedIn() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins
}

func (f *fakeFTP) session(conn net.Conn) {
	defer conn.Close()
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220-a greeting\r\n220-of several\r\n220 lines")
	var passive net.Listener
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		verb, name, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "USER":
			say("331 who?")
		case "PASS":
			f.mu.Lock()
			f.logins++
			f.mu.Unlock()
			say("230 in")
		case "TYPE":
			say("200 binary")
		case "EPSV":
			var err error
			if passive, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			say(fmt.Sprintf("229 Entering (|||%d|)", passive.Addr().(*net.TCPAddr).Port))
		case "RETR", "STOR", "NLST":
			f.transfer(passive, verb, name, say)
		case "QUIT":
			say("221 out")
			return
		default:
			say("500 unknown")
		}
	}
}

func (f *fakeFTP) transfer(passive net.Listener, verb, name string, say func(string)) {
	defer passive.Close()
	if verb == "RETR" && f.refuses != "" {
		say(f.refuses)
		return
	}
	data, err := passive.Accept()
	if err != nil {
		return
	}
	say("150 here")
	f.mu.Lock()
	file := f.files[name]
	if verb == "NLST" {
		for name := range f.files {
			file = append(file, name+"\r\n"...)
		}
	}
	f.mu.Unlock()
	if verb == "STOR" {
		file, _ = io.ReadAll(data)
		f.mu.Lock()
		f.files[name] = file
		f.mu.Unlock()
	} else {
		if f.cut {
			file = file[:len(file)/2]
		}
		sendAndEnd(data, file)
	}
	data.Close()
	say("226 done")
}

// startFakeHTTP starts a server that keeps what is put to it. With closes it ends each connection
// after one answer.
func startFakeHTTP(t *testing.T, closes bool) (address string) {
	t.Helper()
	var mu sync.Mutex
	files := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closes {
			w.Header().Set("Connection", "close")
		}
		mu.Lock()
		file, found := files[r.URL.Path]
		mu.Unlock()
		switch {
		case r.Method == http.MethodPut:
			file, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			mu.Lock()
			files[r.URL.Path] = file
			mu.Unlock()
			w.WriteHeader(http.StatusCreated)
		case r.URL.Path == "/in/":
			_, _ = io.WriteString(w, "a listing")
		case !found:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Length", fmt.Sprint(len(file)))
			_, _ = w.Write(file)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
