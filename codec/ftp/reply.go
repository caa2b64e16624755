package ftp

import (
	"net/netip"
	"slices"
	"strconv"
)

// Reply is a reply whose text is known. The zero Reply is none: the Parse functions return it if
// all is well.
type Reply uint8

// The replies. Those that speak of a name are written with AppendNamed.
const (
	ReplyOpening Reply = iota + 1
	ReplyOK
	ReplyUTF8
	ReplyAccount
	ReplySystem
	ReplyReady
	ReplyBye
	ReplyComplete
	ReplyAborted
	ReplyLoggedIn
	ReplyDone
	ReplyPassword
	ReplyEmail
	ReplyRenameTo
	ReplyBusy
	ReplyIdle
	ReplyClosing
	ReplyFlood
	ReplyNoConnection
	ReplyNoOffer
	ReplyNoPort
	ReplyConnectionLost
	ReplyTransferAborted
	ReplyFileBusy
	ReplyLocal
	ReplyListing
	ReplyNoSpace
	ReplyUnknown
	ReplyArgument
	ReplyControl
	ReplyOffset
	ReplyMissing
	ReplyUserFirst
	ReplyRenameFirst
	ReplyParameter
	ReplyProtocol
	ReplyProtocol4
	ReplyEPSVAll
	ReplyNotLoggedIn
	ReplyLoginFailed
	ReplyForbidden
	ReplyNotFound
	ReplyNotFile
	ReplyNotFolder
	ReplyNotEmpty
	ReplyExists
	ReplyASCIISize
	ReplyTooLarge
	ReplyBadName
	ReplyBeyondEnd
	ReplyStartTLS
	ReplyProtectionSize
	ReplyTLSFirst
	ReplyTLSAlready
	ReplyTLSRequired
	ReplyProtectFirst
	ReplyClearRefused
	ReplyProtectionLevel
	replyCount
)

type known struct {
	code int
	text string
}

var replies = [replyCount]known{
	ReplyOpening:         {150, "Opening data connection."},
	ReplyOK:              {200, "OK."},
	ReplyUTF8:            {200, "Names are always UTF-8."},
	ReplyAccount:         {202, "Not needed here."},
	ReplySystem:          {215, "UNIX Type: L8"},
	ReplyReady:           {220, "Service ready."},
	ReplyBye:             {221, "Goodbye."},
	ReplyComplete:        {226, "Transfer complete."},
	ReplyAborted:         {226, "ABOR complete."},
	ReplyLoggedIn:        {230, "Logged in."},
	ReplyDone:            {250, "Done."},
	ReplyPassword:        {331, "Send the password."},
	ReplyEmail:           {331, "Send your e-mail address as the password."},
	ReplyRenameTo:        {350, "Send RNTO with the new name."},
	ReplyBusy:            {421, "Too many connections; try again later."},
	ReplyIdle:            {421, "Idle for too long; closing the session."},
	ReplyClosing:         {421, "The server is shutting down."},
	ReplyFlood:           {421, "Command line too long or too many commands; closing."},
	ReplyNoConnection:    {425, "No data connection was made."},
	ReplyNoOffer:         {425, "Send PASV or EPSV first."},
	ReplyNoPort:          {425, "No data port is free; try again."},
	ReplyConnectionLost:  {426, "Data connection lost."},
	ReplyTransferAborted: {426, "Transfer aborted."},
	ReplyFileBusy:        {450, "File is busy."},
	ReplyLocal:           {451, "Local error."},
	ReplyListing:         {451, "Listing is too long."},
	ReplyNoSpace:         {452, "No space left."},
	ReplyUnknown:         {500, "Unknown command."},
	ReplyArgument:        {501, "Invalid or missing argument."},
	ReplyControl:         {501, "Control characters are not allowed."},
	ReplyOffset:          {501, "Invalid offset."},
	ReplyMissing:         {502, "Command not implemented."},
	ReplyUserFirst:       {503, "Send USER first."},
	ReplyRenameFirst:     {503, "Send RNFR first."},
	ReplyParameter:       {504, "Not implemented for that parameter."},
	ReplyProtocol:        {522, "Network protocol not supported, use (1,2)"},
	ReplyProtocol4:       {522, "Network protocol not supported, use (1)"},
	ReplyEPSVAll:         {503, "Only EPSV is allowed after EPSV ALL."},
	ReplyNotLoggedIn:     {530, "Log in first."},
	ReplyLoginFailed:     {530, "Login incorrect."},
	ReplyForbidden:       {550, "Permission denied."},
	ReplyNotFound:        {550, "No such file or directory."},
	ReplyNotFile:         {550, "Not a plain file."},
	ReplyNotFolder:       {550, "Not a directory."},
	ReplyNotEmpty:        {550, "Directory not empty."},
	ReplyExists:          {550, "File exists."},
	ReplyASCIISize:       {550, "SIZE is not available in type A."},
	ReplyTooLarge:        {552, "File too large."},
	ReplyBadName:         {553, "Name not allowed."},
	ReplyBeyondEnd:       {554, "Offset is beyond the end of the file."},
	ReplyStartTLS:        {234, "Starting TLS."},
	ReplyProtectionSize:  {200, "PBSZ=0"},
	ReplyTLSFirst:        {503, "Send AUTH TLS first."},
	ReplyTLSAlready:      {503, "The session is encrypted already."},
	ReplyTLSRequired:     {530, "TLS is required: send AUTH TLS first."},
	ReplyProtectFirst:    {522, "TLS is required: send PBSZ 0 and PROT P first."},
	ReplyClearRefused:    {534, "TLS is required: data connections cannot be in clear."},
	ReplyProtectionLevel: {536, "Only levels C and P are supported."},
}

// Code is the reply's code, 0 of no reply.
func (r Reply) Code() int { return r.known().code }

// Text is the reply as it is sent. It must not be changed.
func (r Reply) Text() []byte {
	if r >= replyCount {
		r = 0
	}
	return texts[r]
}

// texts holds the replies, so that those that are sent often need no memory.
var texts = func() (all [replyCount][]byte) {
	for r := ReplyOpening; r < replyCount; r++ {
		all[r] = slices.Clip(r.Append(nil))
	}
	return all
}()

func (r Reply) known() known {
	if r >= replyCount {
		r = 0
	}
	return replies[r]
}

// Append appends the reply.
func (r Reply) Append(dst []byte) []byte {
	known := r.known()
	return AppendReply(dst, known.code, known.text)
}

// AppendNamed appends the reply about a name: `550 NAME: No such file`.
func (r Reply) AppendNamed(dst []byte, name string) []byte {
	known := r.known()
	dst = appendCode(dst, known.code, ' ')
	dst = appendText(dst, name)
	dst = append(dst, ": "...)
	return appendLine(dst, known.text)
}

// AppendReply appends a reply of one line. Control characters of the text become question marks,
// so that a name cannot make a reply of its own, and 0xFF is doubled for telnet.
func AppendReply(dst []byte, code int, text string) []byte {
	return appendLine(appendCode(dst, code, ' '), text)
}

// AppendFirst appends the first line of a reply of several lines: `211-text`. AppendReply appends
// the last.
func AppendFirst(dst []byte, code int, text string) []byte {
	return appendLine(appendCode(dst, code, '-'), text)
}

// AppendMore appends a line between the first and the last. The space that it begins with keeps
// it from being taken for the last (RFC 2389, section 3.2).
func AppendMore(dst []byte, text string) []byte {
	return appendLine(append(dst, ' '), text)
}

// AppendPath appends `257 "path" text` with the quotes of the path doubled.
func AppendPath(dst []byte, path, text string) []byte {
	dst = append(dst, `257 "`...)
	for i := range len(path) {
		if path[i] == '"' {
			dst = append(dst, '"')
		}
		dst = appendByte(dst, path[i])
	}
	dst = append(dst, `" `...)
	return appendLine(dst, text)
}

// AppendPASV appends the reply to PASV. The address is of IPv4, also mapped into IPv6; it panics
// otherwise.
func AppendPASV(dst []byte, at netip.AddrPort) []byte {
	dst = append(dst, "227 Entering Passive Mode ("...)
	for _, b := range at.Addr().Unmap().As4() {
		dst = append(strconv.AppendUint(dst, uint64(b), 10), ',')
	}
	dst = append(strconv.AppendUint(dst, uint64(at.Port()>>8), 10), ',')
	dst = strconv.AppendUint(dst, uint64(at.Port()&0xff), 10)
	return append(dst, ").\r\n"...)
}

// AppendEPSV appends the reply to EPSV.
func AppendEPSV(dst []byte, port uint16) []byte {
	dst = append(dst, "229 Entering Extended Passive Mode (|||"...)
	dst = strconv.AppendUint(dst, uint64(port), 10)
	return append(dst, "|)\r\n"...)
}

// AppendSTOU appends the reply that begins STOU (RFC 1123, section 4.1.2.9).
func AppendSTOU(dst []byte, name string) []byte {
	return appendLine(append(dst, "150 FILE: "...), name)
}

// AppendNumber appends a reply that is a number: `213 4096`.
func AppendNumber(dst []byte, code int, n int64) []byte {
	dst = strconv.AppendInt(appendCode(dst, code, ' '), n, 10)
	return append(dst, "\r\n"...)
}

// AppendRestart appends the reply to REST.
func AppendRestart(dst []byte, offset int64) []byte {
	dst = append(dst, "350 Restarting at "...)
	dst = strconv.AppendInt(dst, offset, 10)
	return append(dst, ".\r\n"...)
}

// AppendMDTM appends the reply to MDTM for a time in Unix seconds.
func AppendMDTM(dst []byte, modified int64) []byte {
	return append(appendTime(append(dst, "213 "...), modified), "\r\n"...)
}

// AppendMFMT appends the reply to MFMT and to an MDTM that set a time.
func AppendMFMT(dst []byte, modified int64, name string) []byte {
	dst = append(appendTime(append(dst, "213 Modify="...), modified), "; "...)
	return appendLine(dst, name)
}

// AppendHASH appends the reply to HASH: `213 SHA-256 0-SIZE HEX NAME`.
func AppendHASH(dst []byte, size int64, hex, name string) []byte {
	dst = strconv.AppendInt(append(dst, "213 SHA-256 0-"...), size, 10)
	dst = append(append(append(dst, ' '), hex...), ' ')
	return appendLine(dst, name)
}

func appendCode(dst []byte, code int, mark byte) []byte {
	return append(strconv.AppendInt(dst, int64(code), 10), mark)
}

func appendLine(dst []byte, text string) []byte {
	return append(appendText(dst, text), "\r\n"...)
}

func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		dst = appendByte(dst, text[i])
	}
	return dst
}

func appendByte(dst []byte, b byte) []byte {
	switch {
	case isControl(b):
		b = '?'
	case b == telnetIAC:
		dst = append(dst, telnetIAC)
	}
	return append(dst, b)
}
