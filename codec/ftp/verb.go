package ftp

// Verb is a command of FTP.
type Verb uint8

// The verbs. Those with an X in front of RFC 959's word (XPWD) are the same verb as without.
const (
	VerbUnknown Verb = iota
	VerbUser
	VerbPass
	VerbAcct
	VerbRein
	VerbQuit
	VerbNoop
	VerbSyst
	VerbFeat
	VerbOpts
	VerbHelp
	VerbStat
	VerbClnt
	VerbType
	VerbMode
	VerbStru
	VerbAllo
	VerbPwd
	VerbCwd
	VerbCdup
	VerbPasv
	VerbEpsv
	VerbPort
	VerbEprt
	VerbList
	VerbNlst
	VerbMlsd
	VerbMlst
	VerbSize
	VerbMdtm
	VerbMfmt
	VerbRest
	VerbRetr
	VerbStor
	VerbAppe
	VerbStou
	VerbDele
	VerbMkd
	VerbRmd
	VerbRnfr
	VerbRnto
	VerbAbor
	VerbSite
	VerbHash
	VerbXSHA256
	VerbAuth
	VerbPbsz
	VerbProt
	VerbCcc
	VerbAdat
	VerbMic
	VerbConf
	VerbEnc
	VerbSmnt
	VerbLang
	VerbHost
	VerbLprt
	VerbLpsv
	verbCount
)

// ArgumentRule says whether a verb takes an argument, and how spaces in it count.
type ArgumentRule uint8

const (
	// ArgumentNone forbids an argument.
	ArgumentNone ArgumentRule = iota
	// ArgumentOptional allows words: spaces at the end do not count.
	ArgumentOptional
	// ArgumentRequired is ArgumentOptional that must be there.
	ArgumentRequired
	// NameOptional allows a name, or what is as exact: each space counts.
	NameOptional
	// NameRequired is NameOptional that must be there.
	NameRequired
)

// Right is what a session must be allowed to do.
type Right uint8

const (
	// RightList allows to list folders and ask about files.
	RightList Right = 1 << iota
	// RightRead allows to read files.
	RightRead
	// RightWrite allows to write files and set their times and modes.
	RightWrite
	// RightDelete allows to delete files and folders.
	RightDelete
	// RightRename allows to rename files and folders.
	RightRename
	// RightMkdir allows to make folders.
	RightMkdir
	// RightReplace allows to write to files that exist already.
	RightReplace
	// RightPurge allows to delete what is in a folder, even where the folder itself stays.
	RightPurge

	// RightNone is needed by verbs that everybody may use.
	RightNone Right = 0
	// RightAll is every right.
	RightAll = RightPurge | (RightPurge - 1)
)

// Work says what a verb costs.
type Work uint8

const (
	// WorkNone is answered from the session's state.
	WorkNone Work = iota
	// WorkOffer prepares a data connection.
	WorkOffer
	// WorkFile looks at or changes files and answers on control.
	WorkFile
	// WorkSend is a transfer to the client.
	WorkSend
	// WorkReceive is a transfer from the client.
	WorkReceive
)

// Properties is what the table says about a verb.
type Properties struct {
	// Word is the verb on the wire, Usage its argument for HELP.
	Word, Usage string
	Argument    ArgumentRule
	Right       Right
	Work        Work
	// BeforeLogin says that the verb works without a login.
	BeforeLogin bool
	// Immediate says that the verb is acted on while a transfer runs.
	Immediate bool
	// TLS says that the verb belongs to RFC 4217: not implemented by a server without TLS.
	TLS bool
	// Missing says that the verb is known and not implemented: 502.
	Missing bool
}

// Properties returns the verb's line of the table. A verb of no command has none.
func (v Verb) Properties() Properties {
	if v >= verbCount {
		return Properties{}
	}
	return verbs[v]
}

// String is the verb's word.
func (v Verb) String() string { return v.Properties().Word }

// verbs is the table of commands.
var verbs = [verbCount]Properties{
	VerbUser: {Word: "USER", Usage: "name", Argument: ArgumentRequired, BeforeLogin: true},
	VerbPass: {Word: "PASS", Usage: "password", Argument: NameOptional, BeforeLogin: true},
	VerbAcct: {Word: "ACCT", Usage: "account", Argument: ArgumentRequired},
	VerbRein: {Word: "REIN"},
	VerbQuit: {Word: "QUIT", BeforeLogin: true, Immediate: true},
	VerbNoop: {Word: "NOOP", BeforeLogin: true, Immediate: true},
	VerbSyst: {Word: "SYST", BeforeLogin: true},
	VerbFeat: {Word: "FEAT", BeforeLogin: true},
	VerbOpts: {
		Word: "OPTS", Usage: "option [value]", Argument: ArgumentRequired, BeforeLogin: true,
	},
	VerbHelp: {Word: "HELP", Usage: "[command]", Argument: ArgumentOptional, BeforeLogin: true},
	VerbStat: {
		Word: "STAT", Usage: "[path]", Argument: NameOptional, Right: RightList, Work: WorkFile,
		Immediate: true,
	},
	VerbClnt: {Word: "CLNT", Usage: "client", Argument: ArgumentRequired, BeforeLogin: true},
	VerbType: {Word: "TYPE", Usage: "A|A N|I|L 8", Argument: ArgumentRequired},
	VerbMode: {Word: "MODE", Usage: "S", Argument: ArgumentRequired},
	VerbStru: {Word: "STRU", Usage: "F", Argument: ArgumentRequired},
	VerbAllo: {
		Word: "ALLO", Usage: "size [R size]", Argument: ArgumentRequired, Work: WorkFile,
	},
	VerbPwd:  {Word: "PWD"},
	VerbCwd:  file("CWD", "path", NameRequired, RightList),
	VerbCdup: file("CDUP", "", ArgumentNone, RightList),
	VerbPasv: {Word: "PASV", Work: WorkOffer},
	VerbEpsv: {Word: "EPSV", Usage: "[1|2|ALL]", Argument: ArgumentOptional, Work: WorkOffer},
	VerbPort: {
		Word: "PORT", Usage: "h1,h2,h3,h4,p1,p2", Argument: ArgumentRequired, Work: WorkOffer,
	},
	VerbEprt: {
		Word: "EPRT", Usage: "|protocol|address|port|", Argument: ArgumentRequired,
		Work: WorkOffer,
	},
	VerbList: transfer("LIST", "[path]", NameOptional, RightList, WorkSend),
	VerbNlst: transfer("NLST", "[path]", NameOptional, RightList, WorkSend),
	VerbMlsd: transfer("MLSD", "[path]", NameOptional, RightList, WorkSend),
	VerbMlst: file("MLST", "[path]", NameOptional, RightList),
	VerbSize: file("SIZE", "path", NameRequired, RightList),
	VerbMdtm: file("MDTM", "path", NameRequired, RightList),
	VerbMfmt: file("MFMT", "YYYYMMDDHHMMSS path", NameRequired, RightWrite),
	VerbRest: {Word: "REST", Usage: "offset", Argument: ArgumentRequired},
	VerbRetr: transfer("RETR", "path", NameRequired, RightRead, WorkSend),
	VerbStor: transfer("STOR", "path", NameRequired, RightWrite, WorkReceive),
	VerbAppe: transfer("APPE", "path", NameRequired, RightWrite, WorkReceive),
	VerbStou: transfer("STOU", "[path]", NameOptional, RightWrite, WorkReceive),
	VerbDele: file("DELE", "path", NameRequired, RightDelete),
	VerbMkd:  file("MKD", "path", NameRequired, RightMkdir),
	VerbRmd:  file("RMD", "path", NameRequired, RightDelete),
	VerbRnfr: file("RNFR", "path", NameRequired, RightRename),
	VerbRnto: file("RNTO", "path", NameRequired, RightRename),
	VerbAbor: {Word: "ABOR", Immediate: true},
	// What SITE needs depends on its word.
	VerbSite:    file("SITE", "CHMOD|UTIME|HELP", NameRequired, RightNone),
	VerbHash:    file("HASH", "path", NameRequired, RightRead),
	VerbXSHA256: file("XSHA256", "path [start end]", NameRequired, RightRead),

	VerbAuth: {
		Word: "AUTH", Usage: "TLS", Argument: ArgumentRequired, BeforeLogin: true, TLS: true,
	},
	VerbPbsz: {
		Word: "PBSZ", Usage: "0", Argument: ArgumentRequired, BeforeLogin: true, TLS: true,
	},
	VerbProt: {
		Word: "PROT", Usage: "C|P", Argument: ArgumentRequired, BeforeLogin: true, TLS: true,
	},

	VerbCcc:  missing("CCC"),
	VerbAdat: missing("ADAT"),
	VerbMic:  missing("MIC"),
	VerbConf: missing("CONF"),
	VerbEnc:  missing("ENC"),
	VerbSmnt: missing("SMNT"),
	VerbLang: missing("LANG"),
	VerbHost: missing("HOST"),
	VerbLprt: missing("LPRT"),
	VerbLpsv: missing("LPSV"),
}

func file(word, usage string, rule ArgumentRule, needs Right) Properties {
	return transfer(word, usage, rule, needs, WorkFile)
}

func transfer(word, usage string, rule ArgumentRule, needs Right, work Work) Properties {
	return Properties{Word: word, Usage: usage, Argument: rule, Right: needs, Work: work}
}

// missing is a verb that clients may send before login and learn about at once.
func missing(word string) Properties {
	return Properties{Word: word, Argument: NameOptional, BeforeLogin: true, Missing: true}
}

// aliases are the words of RFC 775 and what they mean today.
var aliases = map[string]Verb{
	"XPWD": VerbPwd, "XMKD": VerbMkd, "XCWD": VerbCwd, "XCUP": VerbCdup, "XRMD": VerbRmd,
}

// verbLongest is the length of the longest word.
const verbLongest = 7

var words = func() map[string]Verb {
	m := make(map[string]Verb, verbCount)
	for v := VerbUnknown + 1; v < verbCount; v++ {
		m[verbs[v].Word] = v
	}
	for word, v := range aliases {
		m[word] = v
	}
	return m
}()
