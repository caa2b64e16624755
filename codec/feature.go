package codec

import (
	"bytes"
	"strings"
)

// Features is the set of optional commands that a server accepts. (PROTOCOL.md, Features.)
type Features uint16

const (
	// FeatureGet is get and getpart.
	FeatureGet Features = 1 << iota
	// FeatureList is ls.
	FeatureList
	// FeatureStat is stat.
	FeatureStat
	// FeatureSum is sum and sumpart.
	FeatureSum
	// FeaturePut is put.
	FeaturePut
	// FeatureParts is newpart, putpart, partsize and droppart.
	FeatureParts
	// FeaturePartSum is partsum.
	FeaturePartSum
	// FeatureReplace allows uploads and renames to replace files.
	FeatureReplace
	// FeatureMkdir is mkdir.
	FeatureMkdir
	// FeatureChange is rmdir, rm, rnfr and rnto.
	FeatureChange
	// FeatureCommit promises that changes are on disk when they are answered.
	FeatureCommit
	// FeatureAuth is auth.
	FeatureAuth
	// FeatureTLS accepts connections that begin with TLS.
	FeatureTLS
	featureEnd
)

// featureWords are the features' words, in the order of the constants.
var featureWords = []string{
	"get", "ls", "stat", "sum", "put", "parts", "partsum", "replace", "mkdir", "change", "commit",
	"auth", "tls",
}

// verbFeatures are the features that verbs require. Verbs that are not listed require none.
var verbFeatures = [verbCount]Features{
	VerbGet:        FeatureGet,
	VerbGetPart:    FeatureGet,
	VerbList:       FeatureList,
	VerbStat:       FeatureStat,
	VerbSum:        FeatureSum,
	VerbSumPart:    FeatureSum,
	VerbPut:        FeaturePut,
	VerbNewPart:    FeatureParts,
	VerbPutPart:    FeatureParts,
	VerbPartSize:   FeatureParts,
	VerbDropPart:   FeatureParts,
	VerbPartSum:    FeaturePartSum,
	VerbMkdir:      FeatureMkdir,
	VerbRmdir:      FeatureChange,
	VerbRemove:     FeatureChange,
	VerbRenameFrom: FeatureChange,
	VerbRenameTo:   FeatureChange,
	VerbAuth:       FeatureAuth,
}

// Has reports whether f includes all of wanted.
func (f Features) Has(wanted Features) bool { return f&wanted == wanted }

// Allows reports whether a server with these features accepts the verb.
func (f Features) Allows(v Verb) bool { return v < verbCount && f.Has(verbFeatures[v]) }

// String returns the features' words, separated by spaces.
func (f Features) String() string {
	var words []string
	for i, word := range featureWords {
		if f.Has(1 << i) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// helloWord begins the text of the reply to hello. (PROTOCOL.md, Hello.)
const helloWord = "ferry/"

// AppendHello appends the text of the reply to hello: "ferry/1" and the features.
func AppendHello(dst []byte, f Features) []byte {
	dst = append(dst, helloWord+"1"...)
	if f == 0 {
		return dst
	}
	return append(append(dst, ' '), f.String()...)
}

// ParseHello reads the text of the reply to hello. It reports whether the server speaks the status
// exchange, and the features known to this version.
func ParseHello(text []byte) (f Features, ok bool) {
	if !bytes.HasPrefix(text, []byte(helloWord)) {
		return 0, false
	}
	for _, word := range bytes.Fields(text)[1:] {
		for i, known := range featureWords {
			if string(word) == known {
				f |= 1 << i
			}
		}
	}
	return f, true
}
