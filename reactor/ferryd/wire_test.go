package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ferry/codec"
)

// wire is a connection that a script drives byte by byte.
type wire struct {
	conn *net.TCPConn
	// host is where data connections go.
	host string
	// reset says that the server reset it before it was connected.
	reset bool
	// port was told and not used yet, or is 0.
	port int64
	// offered is the port of the last offer that was read by knock.
	offered uint16
}

// wireVerb is a word behind wire, with the number of words that follow it.
type wireVerb struct {
	words int
	run   func(s *scene, ts *testscript.TestScript, args []string) error
}

// wireVerbs are the commands of the base exchange by hand. C and D name connections; TEXT has the
// escapes of Go, such as \n and \x00.
var wireVerbs = map[string]wireVerb{
	// dial C: make a control connection.
	"dial": {1, func(s *scene, ts *testscript.TestScript, args []string) error {
		return s.dial(args[0], ts.Getenv("HOST"), ts.Getenv("PORT"))
	}},
	// classic C: make a control connection of the classic exchange.
	"classic": {1, func(s *scene, ts *testscript.TestScript, args []string) error {
		return s.dial(args[0], ts.Getenv("HOST"), ts.Getenv("CLASSIC"))
	}},
	// ftp C: make a control connection of FTP, where the server has no other second port.
	"ftp": {1, func(s *scene, ts *testscript.TestScript, args []string) error {
		return s.dial(args[0], ts.Getenv("HOST"), ts.Getenv("CLASSIC"))
	}},
	// line C REGEXP: read a line that ends in CR LF.
	"line": {2, func(s *scene, _ *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		_, err = w.ftpLine(args[1])
		return err
	}},
	// epsv C: send EPSV and read the port, for data to connect to later.
	"epsv": {1, onWire(func(w *wire) error {
		_, err := io.WriteString(w.conn, "EPSV\r\n")
		if err != nil {
			return err
		}
		line, err := w.ftpLine(`^229 .*\(\|\|\|[0-9]+\|\)$`)
		if err == nil {
			_, text, _ := strings.Cut(line, "|||")
			w.port, err = strconv.ParseInt(strings.TrimSuffix(text, "|)"), 10, 64)
		}
		return err
	})},
	// conn C VAR: read a line CONN PORT from C, for data to connect to later, and keep PORT in VAR.
	"conn": {2, func(s *scene, ts *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		w.port, err = w.readConn()
		ts.Setenv(args[1], strconv.FormatInt(w.port, 10))
		return err
	}},
	// text D FILE: read to the end, in order, into a file.
	"text": {2, func(s *scene, ts *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		text, err := io.ReadAll(w.conn)
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(args[1]), text, 0o666)
	}},
	// command C TEXT: send the length and the text of a command in one write.
	"command": {2, (*scene).wireCommand},
	// send C TEXT: send just that.
	"send": {2, (*scene).wireSend},
	// port C: read a port from C, for data to connect to later.
	"port": {1, onWire(func(w *wire) (err error) {
		w.port, err = w.readPort()
		return err
	})},
	// data C D: read a port from C, unless there is one already, and connect D there.
	"data": {2, (*scene).wireData},
	// expect C TEXT: read just that.
	"expect": {2, (*scene).wireExpect},
	// reply C REGEXP: read a reply of the status exchange, code and text.
	"reply": {2, func(s *scene, _ *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		_, err = w.reply(args[1])
		return err
	}},
	// part C VAR: read the reply to newpart, and keep PART in VAR.
	"part": {2, func(s *scene, ts *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		text, err := w.reply(`^250 [0-9a-f]{16}$`)
		ts.Setenv(args[1], text)
		return err
	}},
	// knock C D VAR: read an offer of the status exchange from C, connect D there and say nothing;
	// keep its KEY in VAR.
	"knock": {3, (*scene).wireKnock},
	// stranger C D: connect D to the port of the offer that C read last, and say nothing.
	"stranger": {2, func(s *scene, _ *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		return s.dial(args[1], w.host, strconv.Itoa(int(w.offered)))
	}},
	// offer C D: read an offer from C, connect D there, and say its KEY.
	"offer": {2, func(s *scene, ts *testscript.TestScript, args []string) error {
		if err := s.wireKnock(ts, append(args, "KEY")); err != nil {
			return err
		}
		return s.write(args[1], []byte(ts.Getenv("KEY")))
	}},
	// take D FILE: read a size and that many bytes into a file.
	"take": {2, (*scene).wireTake},
	// records D FILE SIZE: send a file in records of that size.
	"records": {3, (*scene).wireRecords},
	// half C: end our sending side.
	"half": {1, onWire(func(w *wire) error { return w.conn.CloseWrite() })},
	// close C: close the connection in order.
	"close": {1, onWire(func(w *wire) error { return w.conn.Close() })},
	// reset C: close the connection with a reset.
	"reset": {1, onWire(func(w *wire) error {
		return errors.Join(w.conn.SetLinger(0), w.conn.Close())
	})},
	// eof C: the server sends nothing more and ends its side in order.
	"eof": {1, onWire(func(w *wire) error {
		rest, err := io.ReadAll(w.conn)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes more came: %.100q", len(rest), rest)
		}
		return err
	})},
	// cut C: the server resets the connection, whatever it sent before.
	"cut": {1, onWire(func(w *wire) error {
		if w.reset {
			return nil
		}
		n, err := io.Copy(io.Discard, w.conn)
		if !errors.Is(err, syscall.ECONNRESET) {
			return errors.Join(fmt.Errorf("no reset after %d bytes", n), err)
		}
		return nil
	})},
}

func (s *scene) wire(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errors.New("give a word of wireVerbs")
	}
	v, ok := wireVerbs[args[0]]
	if args = args[1:]; !ok || len(args) != v.words {
		return errors.New("no such word, or not as many words behind it as it needs")
	}
	return v.run(s, ts, args)
}

// onWire makes a verb of what is done with one connection.
func onWire(f func(*wire) error) func(*scene, *testscript.TestScript, []string) error {
	return func(s *scene, _ *testscript.TestScript, args []string) error {
		w, err := s.named(args[0])
		if err != nil {
			return err
		}
		return f(w)
	}
}

// named finds a connection, and gives it time for what is done next.
func (s *scene) named(name string) (*wire, error) {
	w := s.wires[name]
	if w == nil {
		return nil, fmt.Errorf("no connection %s", name)
	}
	if w.reset {
		return w, nil
	}
	return w, w.conn.SetDeadline(time.Now().Add(patience))
}

func (s *scene) dial(name, host, port string) error {
	if old := s.wires[name]; old != nil {
		_ = old.conn.Close()
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), patience)
	if err != nil {
		return err
	}
	s.wires[name] = &wire{conn: conn.(*net.TCPConn), host: host}
	return nil
}

func (s *scene) wireCommand(_ *testscript.TestScript, args []string) error {
	text, err := unescape(args[1])
	if err != nil {
		return err
	}
	return s.write(args[0], append(codec.AppendField(nil, int64(len(text))), text...))
}

func (s *scene) wireSend(_ *testscript.TestScript, args []string) error {
	text, err := unescape(args[1])
	if err != nil {
		return err
	}
	return s.write(args[0], []byte(text))
}

func unescape(text string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
}

func (s *scene) write(name string, b []byte) error {
	w, err := s.named(name)
	if err != nil {
		return err
	}
	_, err = w.conn.Write(b)
	return err
}

func (s *scene) wireData(_ *testscript.TestScript, args []string) error {
	w, err := s.named(args[0])
	if err != nil {
		return err
	}
	port := w.port
	if w.port = 0; port == 0 {
		port, err = w.readPort()
	}
	if err != nil {
		return err
	}
	err = s.dial(args[1], w.host, strconv.FormatInt(port, 10))
	if errors.Is(err, syscall.ECONNRESET) {
		// The server's reset was so quick that it met the connect: cut has seen it.
		s.wires[args[1]] = &wire{conn: new(net.TCPConn), reset: true}
		return nil
	}
	return err
}

func (w *wire) readPort() (int64, error) {
	port, err := w.field()
	if err == nil && port < 1024 {
		err = fmt.Errorf("port %d is below 1024", port)
	}
	return port, err
}

// reply reads one reply, matches it, code and all, and returns its text.
func (w *wire) reply(pattern string) (text string, err error) {
	n, err := w.field()
	if err != nil {
		return "", err
	}
	frame := make([]byte, min(n, codec.ReplyMax))
	if _, err := io.ReadFull(w.conn, frame); err != nil {
		return "", err
	}
	if ok, err := regexp.Match(pattern, frame); err != nil || !ok {
		return "", errors.Join(fmt.Errorf("%q came, not %s", frame, pattern), err)
	}
	_, text, _ = strings.Cut(string(frame), " ")
	return text, nil
}

func (s *scene) wireKnock(ts *testscript.TestScript, args []string) error {
	w, err := s.named(args[0])
	if err != nil {
		return err
	}
	text, err := w.reply(`^150 `)
	if err != nil {
		return err
	}
	o, ok := codec.ParseOffer(codec.VerbPut, []byte(text))
	if !ok {
		return fmt.Errorf("%q is no offer", text)
	}
	ts.Setenv(args[2], o.Key.String())
	w.offered = o.Port
	return s.dial(args[1], w.host, strconv.Itoa(int(o.Port)))
}

// readLine reads a line byte by byte, since what follows it is another's. LF is cut off.
func (w *wire) readLine() ([]byte, error) {
	var line []byte
	for b := make([]byte, 1); b[0] != '\n'; line = append(line, b[0]) {
		if _, err := io.ReadFull(w.conn, b); err != nil {
			return nil, fmt.Errorf("%w after %q", err, line)
		}
	}
	return line[:len(line)-1], nil
}

// ftpLine reads a line of FTP and matches it.
func (w *wire) ftpLine(pattern string) (string, error) {
	line, err := w.readLine()
	if err != nil {
		return "", err
	}
	text, whole := strings.CutSuffix(string(line), "\r")
	if ok, err := regexp.MatchString(pattern, text); err != nil || !ok || !whole {
		return "", errors.Join(fmt.Errorf("%q came, not %s", line, pattern), err)
	}
	return text, nil
}

// readConn reads the line that tells a port.
func (w *wire) readConn() (int64, error) {
	line, err := w.readLine()
	if err != nil {
		return 0, err
	}
	port, ok := codec.ParseConn(line)
	if !ok {
		return 0, fmt.Errorf("%q tells no port", line)
	}
	return int64(port), nil
}

// field reads one field.
func (w *wire) field() (int64, error) {
	var b [codec.FieldSize]byte
	if _, err := io.ReadFull(w.conn, b[:]); err != nil {
		return 0, err
	}
	if i := bytes.IndexFunc(b[:], func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		return 0, fmt.Errorf("%q is not zero-padded", b)
	}
	return codec.ParseField(b[:])
}

func (s *scene) wireExpect(_ *testscript.TestScript, args []string) error {
	w, err := s.named(args[0])
	if err != nil {
		return err
	}
	want, err := unescape(args[1])
	if err != nil {
		return err
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(w.conn, got)
	if string(got[:n]) != want {
		return errors.Join(fmt.Errorf("%q came, not %q", got[:n], want), err)
	}
	return nil
}

func (s *scene) wireTake(ts *testscript.TestScript, args []string) error {
	w, err := s.named(args[0])
	if err != nil {
		return err
	}
	size, err := w.field()
	if err != nil {
		return err
	}
	content := make([]byte, size)
	if n, err := io.ReadFull(w.conn, content); err != nil {
		return fmt.Errorf("%d of %d bytes: %w", n, size, err)
	}
	return os.WriteFile(ts.MkAbs(args[1]), content, 0o666)
}

func (s *scene) wireRecords(ts *testscript.TestScript, args []string) error {
	content, err := os.ReadFile(ts.MkAbs(args[1]))
	if err != nil {
		return err
	}
	each, err := strconv.Atoi(args[2])
	if err != nil || each < 1 {
		return fmt.Errorf("record size %q", args[2])
	}
	for len(content) > 0 {
		n := min(each, len(content))
		record := append(codec.AppendField(nil, int64(n)), content[:n]...)
		if err := s.write(args[0], record); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}
