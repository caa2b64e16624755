package ftp

// Features is what a server has beyond what all have.
type Features struct {
	// Hash says that HASH and XSHA256 work, TLS that AUTH does.
	Hash, TLS bool
	// Facts are those that the session's MLSD and MLST give.
	Facts Facts
}

// AppendFEAT appends the reply to FEAT.
func AppendFEAT(dst []byte, f Features) []byte {
	dst = AppendFirst(dst, 211, "Features:")
	for _, line := range []string{"EPSV", "PASV", "MDTM", "MFMT"} {
		dst = AppendMore(dst, line)
	}
	dst = append(dst, " MLST "...)
	for i, name := range factNames {
		dst = append(dst, name...)
		if f.Facts&(1<<i) != 0 {
			dst = append(dst, '*')
		}
		dst = append(dst, ';')
	}
	dst = append(dst, "\r\n"...)
	for _, line := range []string{"REST STREAM", "SIZE", "TVFS", "UTF8"} {
		dst = AppendMore(dst, line)
	}
	if f.Hash {
		dst = AppendMore(dst, "HASH SHA-256*")
		dst = AppendMore(dst, "XSHA256")
	}
	if f.TLS {
		dst = AppendMore(dst, "AUTH TLS")
		dst = AppendMore(dst, "PBSZ")
		dst = AppendMore(dst, "PROT")
	}
	return AppendReply(dst, 211, "End")
}

// AppendOPTS appends the reply to OPTS MLST: the facts that are on now.
func AppendOPTS(dst []byte, facts Facts) []byte {
	dst = append(dst, "200 MLST OPTS"...)
	space := byte(' ')
	for i, name := range factNames {
		if facts&(1<<i) == 0 {
			continue
		}
		if space != 0 {
			dst = append(dst, space)
			space = 0
		}
		dst = append(append(dst, name...), ';')
	}
	return append(dst, "\r\n"...)
}

const verbsPerLine = 8

// AppendHELP appends the reply to HELP without an argument: every verb that works.
func AppendHELP(dst []byte, f Features) []byte {
	dst = AppendFirst(dst, 214, "These commands work:")
	listed := 0
	for v := VerbUnknown + 1; v < verbCount; v++ {
		if !v.works(f) {
			continue
		}
		if listed%verbsPerLine == 0 && listed > 0 {
			dst = append(dst, "\r\n"...)
		}
		dst = append(append(dst, ' '), verbs[v].Word...)
		listed++
	}
	return AppendReply(append(dst, "\r\n"...), 214, "End")
}

// AppendHELPOf appends the reply to HELP with an argument: the syntax of that command, or 502 or
// 501 if there is none.
func AppendHELPOf(dst, argument []byte, f Features) []byte {
	v := verbOf(argument)
	switch {
	case v == VerbUnknown:
		return ReplyArgument.Append(dst)
	case v == VerbSite:
		return AppendSITE(dst)
	case !v.works(f):
		return ReplyMissing.Append(dst)
	}
	text := "Syntax: " + verbs[v].Word
	if usage := verbs[v].Usage; usage != "" {
		text += " " + usage
	}
	return AppendReply(dst, 214, text)
}

// AppendSITE appends the reply to SITE HELP and to HELP SITE, which ncftp looks through for UTIME.
func AppendSITE(dst []byte) []byte {
	dst = AppendFirst(dst, 214, "These SITE commands work:")
	dst = AppendMore(dst, "CHMOD mode path")
	dst = AppendMore(dst, "UTIME YYYYMMDDHHMMSS path")
	dst = AppendMore(dst, "UTIME path accessed modified created UTC")
	dst = AppendMore(dst, "HELP")
	return AppendReply(dst, 214, "End")
}

// works says whether the verb does something in a server with these features.
func (v Verb) works(f Features) bool {
	p := &verbs[v]
	return !p.Missing && (!p.TLS || f.TLS) && (f.Hash || v != VerbHash && v != VerbXSHA256)
}
