package bench

import (
	"io"
	"maps"
	"net"
	"strconv"
	"sync"
	"testing"

	"ferry/codec"
)

// fault is what a fake server does to a transfer.
type fault uint8

const (
	faultNone    fault = iota
	faultContent       // sends one byte wrong
	faultNothing       // announces a size of 0
	faultReset         // resets the data connection of a put, after its field
	faultCut           // ends half-way through the bytes
	faultField         // sends no field
	faultPort          // sends a port that refuses connections
	faultControl       // ends control
)

// fake is a server of the base exchange that keeps files in memory and goes wrong as told.
type fake struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	fault   func(verb codec.Verb, nth int64) fault // nil: none
	delay   func(nth int64)                        // waits before the nth get's data; nil: not
	files   map[string][]byte
	sources map[string]bool    // the addresses that control connections came from
	open    map[io.Closer]bool // control connections and data ports
	closed  bool
	puts    int64
	gets    int64
	bytes   int64
}

func newFake(listener net.Listener) *fake {
	f := &fake{
		listener: listener,
		files:    map[string][]byte{},
		sources:  map[string]bool{},
		open:     map[io.Closer]bool{},
	}
	f.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.wg.Go(func() { f.session(conn) })
		}
	})
	return f
}

// startFake starts one on a free port; it ends with the test.
func startFake(t *testing.T, fault func(verb codec.Verb, nth int64) fault) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(listener)
	f.mu.Lock()
	f.fault = fault
	f.mu.Unlock()
	t.Cleanup(f.close)
	return f
}

// saw is how many puts and gets were asked for.
func (f *fake) saw() (puts, gets int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.puts, f.gets
}

// kept are the files that it has now.
func (f *fake) kept() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.files)
}

func (f *fake) address() string { return f.listener.Addr().String() }

func (f *fake) close() {
	f.listener.Close()
	f.mu.Lock()
	f.closed = true
	for c := range f.open {
		c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// hold notes what close must close, and gives what closes it before.
func (f *fake) hold(c io.Closer) (drop func()) {
	f.mu.Lock()
	f.open[c] = true
	if f.closed {
		c.Close()
	}
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		delete(f.open, c)
		f.mu.Unlock()
		c.Close()
	}
}

// session serves one control connection.
func (f *fake) session(conn net.Conn) {
	defer f.hold(conn)()
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	f.mu.Lock()
	f.sources[host] = true
	f.mu.Unlock()
	d, buf := codec.NewDecoder(codec.Commands), make([]byte, 512)
	// One data port for all transfers of the session: to bind one takes the longer the more
	// connections this machine made before.
	var port net.Listener
	drop := func() {}
	defer func() { drop() }()
	var in []byte
	for {
		ev, n := d.Next(in)
		in = in[n:]
		switch ev.Kind {
		case codec.EventCommand:
			if port == nil {
				var err error
				if port, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
					return
				}
				drop = f.hold(port)
			}
			if !f.transfer(conn, port, codec.ParseCommand(ev.Data)) {
				return
			}
		case codec.EventNone:
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			in = buf[:n]
		default:
			return
		}
	}
}

// transfer answers one command, and says whether the session continues.
func (f *fake) transfer(control net.Conn, port net.Listener, c codec.Command) bool {
	if c.Verb == codec.VerbQuit {
		_, _ = control.Write(codec.AppendField(nil, 1024))
		return false
	}
	wrong, nth := f.plan(c.Verb)
	name := string(c.Name)
	switch wrong {
	case faultControl:
		return false
	case faultPort:
		// The client's own port is in use, so no other program can listen on it.
		_, err := control.Write(portField(control.RemoteAddr()))
		return err == nil
	default:
	}
	if _, err := control.Write(portField(port.Addr())); err != nil {
		return false
	}
	data, err := port.Accept()
	if err != nil {
		return true
	}
	defer data.Close()
	if wrong == faultReset {
		_ = data.(*net.TCPConn).SetLinger(0)
		return true
	}
	switch c.Verb {
	case codec.VerbGet:
		f.wait(nth)
		f.send(data, name, wrong)
	case codec.VerbPut:
		f.receive(data, name)
	default:
		return false
	}
	return true
}

func portField(a net.Addr) []byte {
	return codec.AppendField(nil, int64(a.(*net.TCPAddr).Port))
}

func (f *fake) plan(verb codec.Verb) (wrong fault, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	nth := &f.gets
	switch verb {
	case codec.VerbGet:
	case codec.VerbPut:
		nth = &f.puts
	default:
		return faultNone, 0
	}
	*nth++
	if f.fault == nil {
		return faultNone, *nth
	}
	return f.fault(verb, *nth), *nth
}

// delays has gets wait.
func (f *fake) delays(delay func(nth int64)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = delay
}

// wait waits as a get is told to.
func (f *fake) wait(nth int64) {
	f.mu.Lock()
	delay := f.delay
	f.mu.Unlock()
	if delay != nil {
		delay(nth)
	}
}

func (f *fake) send(data net.Conn, name string, wrong fault) {
	f.mu.Lock()
	file := append([]byte(nil), f.files[name]...)
	f.bytes += int64(len(file))
	f.mu.Unlock()
	answer := codec.AppendField(nil, int64(len(file)))
	switch wrong {
	case faultContent:
		file[len(file)/2] ^= 1
	case faultNothing:
		answer, file = codec.AppendField(nil, 0), nil
	case faultCut:
		file = file[:len(file)/2]
	case faultField:
		answer = []byte("no number!")
	default:
	}
	sendAndEnd(data, append(answer, file...))
}

// sendAndEnd sends everything and waits for the client to close. If this side closed first, a
// system that is short of TCP memory could reset the connection with bytes unsent.
func sendAndEnd(data net.Conn, content []byte) {
	_, _ = data.Write(content)
	_ = data.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, data)
}

func (f *fake) receive(data net.Conn, name string) {
	record, err := io.ReadAll(data)
	if err != nil || len(record) < codec.FieldSize {
		return
	}
	size, err := strconv.ParseInt(string(record[:codec.FieldSize]), 10, 64)
	if file := record[codec.FieldSize:]; err == nil && size == int64(len(file)) {
		f.mu.Lock()
		f.files[name] = file
		f.bytes += size
		f.mu.Unlock()
	}
}
