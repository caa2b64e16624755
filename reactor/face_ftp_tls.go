package reactor

import (
	"fmt"
	"strings"

	"ferry/codec/ftp"
	"ferry/reactor/loop"
)

// FTP over TLS, RFC 4217: AUTH encrypts control in mid-session, PROT says whether data connections
// are encrypted too. Each session has a ticket key of its own, so that a data connection which
// resumes proves that it is the same client's.

// protect answers AUTH, PBSZ and PROT.
func (f *ftpFace) protect(s *session, c ftp.Command) decision {
	argument := strings.ToUpper(string(c.Argument))
	switch {
	case c.Verb == ftp.VerbAuth && s.secure():
		return say(ftp.ReplyTLSAlready)
	case c.Verb == ftp.VerbAuth:
		return f.auth(s, argument)
	case !s.secure():
		return say(ftp.ReplyTLSFirst)
	case c.Verb == ftp.VerbPbsz:
		return say(ftp.ReplyProtectionSize)
	}
	switch argument {
	case "P":
		s.tls.data = true
	case "C":
		if f.requiresTLS() {
			return say(ftp.ReplyClearRefused)
		}
		s.tls.data = false
	case "S", "E":
		return say(ftp.ReplyProtectionLevel)
	default:
		return say(ftp.ReplyParameter)
	}
	s.dropOffer() // it was made for the other kind
	return say(ftp.ReplyOK)
}

// auth begins TLS behind its reply. Nothing that was said in clear counts from then on.
func (f *ftpFace) auth(s *session, mechanism string) decision {
	switch mechanism {
	case "TLS", "TLS-C", "SSL":
	default:
		return say(ftp.ReplyParameter)
	}
	f.reinitialize(s)
	f.seen = 0 // startTLS drops what was searched
	s.write(ftp.ReplyStartTLS.Text())
	s.startTLS(f.server.ftpTLS(), false)
	return decision{kind: decideNothing}
}

// ftpTLS is how a session of FTP is encrypted.
func (s *Server) ftpTLS() sessionTLS {
	return sessionTLS{
		settings: s.tls.PerSession(), mustResume: s.options.FTP.Resume == ResumeRequire,
	}
}

func (f *ftpFace) requiresTLS() bool { return f.server.options.TLS.Mode == TLSRequire }

// inClear reports whether a command needs an encryption that the server requires and the session
// does not have.
func (f *ftpFace) inClear(s *session, v ftp.Verb, p ftp.Properties) bool {
	switch {
	case !f.requiresTLS():
		return false
	case v == ftp.VerbUser || v == ftp.VerbPass:
		return !s.secure()
	}
	return p.Work == ftp.WorkOffer && !s.secureData()
}

// clearReply says what is missing.
func (f *ftpFace) clearReply(s *session) ftp.Reply {
	if !s.secure() {
		return ftp.ReplyTLSRequired
	}
	return ftp.ReplyProtectFirst
}

// Resume says whether a data connection in TLS must resume the session of control.
type Resume string

const (
	// ResumePrefer takes those that do not, since some clients never do.
	ResumePrefer Resume = "prefer"
	// ResumeRequire refuses them.
	ResumeRequire Resume = "require"
)

// Serves says whether FTP is served at all.
func (p *FTPOptions) Serves() bool { return p.Port != NoPort || p.ImplicitPort != NoPort }

// validateTLS returns every fault.
func (p *FTPOptions) validateTLS(o *Options) (faults []error) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	n := p.ImplicitPort
	bad(n >= NoPort && n <= 65535, "--ftps %d: give a port from 0 to 65535", n)
	bad(n <= 0 || n != o.Port && n != p.Port, "--ftps %d: the port is another one as well", n)
	bad(n == NoPort || o.TLS.Mode != TLSOff, "--ftps goes with --tls allow or --tls require")
	bad(p.Resume == ResumePrefer || p.Resume == ResumeRequire,
		"--ftp-resume %s: give prefer or require", p.Resume)
	return faults
}

// connectTLS encrypts a connection that the server has made to a client. The server of FTP is the
// server of TLS here too. (RFC 4217, section 10.)
func (o *offer) connectTLS(c loop.Channel) {
	s := o.session
	send := o.transfer != nil && !o.transfer.isPut()
	over := false
	pending := o.r.secureData(c, s.address.ip, s.tls.settings, nil, send, func(c loop.Channel) {
		over, o.data = true, nil
		if c != nil && s.welcomes(c.TLS()) {
			o.take(c)
			return
		}
		if c != nil {
			c.Close()
		}
		o.transfer.endAs(outcomeUnused, nil)
	})
	if !over {
		o.data = pending
	}
}
