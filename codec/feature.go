package codec

import (
	"bytes"
	"strings"
)

// Features is a set of what a server of the status exchange can do, and is willing to.
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
	// FeatureReplace is a put, or a rename, to a name that exists.
	FeatureReplace
	// FeatureMkdir is mkdir.
	FeatureMkdir
	// FeatureChange is rmdir, rm, rnfr and rnto.
	FeatureChange
	// FeatureCommit says that a 226 follows the file's being on disk.
	FeatureCommit
	featureEnd
)

// featureWords are the features' words in a server's greeting, in the order in which they are sent.
var featureWords = []string{
	"get", "ls", "stat", "sum", "put", "parts", "partsum", "replace", "mkdir", "change", "commit",
}

// verbFeatures are the features that verbs need; the others are always there.
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
}

// Has says whether all of the wanted are there.
func (f Features) Has(wanted Features) bool { return f&wanted == wanted }

// Allows says whether a verb can be had.
func (f Features) Allows(v Verb) bool { return v < verbCount && f.Has(verbFeatures[v]) }

// String is the words, a space between each.
func (f Features) String() string {
	var words []string
	for i, word := range featureWords {
		if f.Has(1 << i) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// helloWord begins the text of the reply to hello. (PROTOCOL, Status exchange: "200 ferry/1".)
const helloWord = "ferry/"

// AppendHello appends the text of the reply to hello: "ferry/1" and the features, a word each.
func AppendHello(dst []byte, f Features) []byte {
	dst = append(dst, helloWord+"1"...)
	if f == 0 {
		return dst
	}
	return append(append(dst, ' '), f.String()...)
}

// ParseHello reads the text of the reply to hello: whether the server is one of ours, and its
// features as far as they are known here.
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
