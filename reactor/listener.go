package reactor

import (
	"fmt"

	"ferry/codec/ftp"
	"ferry/reactor/loop"
)

// exchange is an exchange with a control port of its own.
type exchange struct {
	name string
	// open returns the face of a new session.
	open func(s *Server) face
	// busy is what a client is sent that cannot be admitted now.
	busy []byte
	// port is the control port that the options ask for, or NoPort.
	port func(o *Options) int
	// flag is the option that a failure to bind is told with, if it has one of its own.
	flag string
	// bindData binds its own data ports; nil if it uses the shared ones.
	bindData func(s *Server) error
	// implicitTLS: its sessions begin with TLS, before the greeting.
	implicitTLS bool
	// firstOnly: it belongs to the first reactor, since its data ports do.
	firstOnly bool
}

// exchanges are all of them. Another one is added here.
var exchanges = []exchange{
	{name: "base", open: openBase, port: func(o *Options) int { return o.Port }},
	{
		name: "classic", open: openClassic, flag: "--classic-ports",
		bindData: (*Server).bindClassic, firstOnly: true,
		port: func(o *Options) int {
			if !o.Classic {
				return NoPort
			}
			return int(o.ClassicPorts.Control)
		},
	},
	{
		name: "ftp", open: openFTP, flag: "--ftp", busy: ftp.ReplyBusy.Text(),
		port: func(o *Options) int { return o.FTP.Port },
	},
	{
		name: "ftps", open: openFTP, flag: "--ftps", implicitTLS: true,
		port: func(o *Options) int { return o.FTP.ImplicitPort },
	},
}

// listener is a control port and the exchange with which sessions begin there.
type listener struct {
	*loop.Reservation
	exchange
}

// listen takes the control ports of all exchanges that are served, and their own data ports.
func (s *Server) listen() error {
	for _, e := range exchanges {
		port := e.port(&s.options)
		if port == NoPort {
			continue
		}
		reserved, err := reservePort(s.addresses, port)
		if err == nil {
			s.listeners = append(s.listeners, listener{reserved, e})
			if e.bindData != nil {
				err = e.bindData(s)
			}
		}
		if err != nil && e.flag != "" {
			err = fmt.Errorf("%s: %w", e.flag, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// portOf is the control port of an exchange, or NoPort.
func (s *Server) portOf(exchange string) int {
	for _, l := range s.listeners {
		if l.name == exchange {
			return l.Port
		}
	}
	return NoPort
}

// Port is where control connections of the base and status exchanges are accepted, or NoPort.
func (s *Server) Port() int { return s.portOf("base") }

// ClassicPort is where control connections of the classic exchange are accepted, or NoPort.
func (s *Server) ClassicPort() int { return s.portOf("classic") }

// FTPPort is where control connections of FTP are accepted, or NoPort.
func (s *Server) FTPPort() int { return s.portOf("ftp") }

// exchangeAt is the exchange of a control port.
func (s *Server) exchangeAt(port uint16) exchange {
	for _, l := range s.listeners {
		if l.Port == int(port) {
			return l.exchange
		}
	}
	return exchanges[0]
}

// bindClassic takes the two data ports of the classic exchange.
func (s *Server) bindClassic() error {
	p := s.options.ClassicPorts
	for kind, number := range map[poolKind]uint16{poolFiles: p.Files, poolMessages: p.Messages} {
		b, err := bindDataPort(s.addresses, number)
		if err != nil {
			return listenError(s.addresses, int(number), err)
		}
		s.reactors[0].adoptPort(kind, b)
		s.dataPorts = append(s.dataPorts, b.number)
	}
	return nil
}
