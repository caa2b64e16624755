package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
	"golang.org/x/crypto/bcrypt"
)

const (
	scramPrefix = "SCRAM-SHA-256$"
	// iterations make a guess at a stolen verifier cost some 30 ms. Clients pay that at each login.
	iterations = 100_000
	// Fewer than iterationsMin are refused by clients (RFC 7677); more than iterationsMax would
	// keep the one worker that checks passwords busy for seconds.
	iterationsMin = 4096
	iterationsMax = 10_000_000
	saltBytes     = 16
	saltMax       = 64
	// bcryptCostMax is 3 s of work for one check.
	bcryptCostMax = 15
)

// verifier is what is stored of a password. Exactly one of its fields is set, none for the user *.
type verifier struct {
	scram  *scram.StoredCredentials
	bcrypt []byte
}

var (
	errVerifier = errors.New("the verifier is neither bcrypt nor " +
		"SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER")
	errIterations = fmt.Errorf("SCRAM needs from %d to %d iterations", iterationsMin, iterationsMax)
	errCharacters = errors.New("the password holds characters that cannot be used")
	errCost       = fmt.Errorf("bcrypt may cost %d at most", bcryptCostMax)
)

// parseVerifier reads a verifier.
func parseVerifier(text string) (verifier, error) {
	rest, isScram := strings.CutPrefix(text, scramPrefix)
	if !isScram {
		cost, err := bcrypt.Cost([]byte(text))
		switch {
		case err != nil || len(text) != bcryptBytes:
			return verifier{}, errVerifier
		case cost > bcryptCostMax:
			return verifier{}, errCost
		}
		return verifier{bcrypt: []byte(text)}, nil
	}
	factors, keys, ok1 := strings.Cut(rest, "$")
	count, salt, ok2 := strings.Cut(factors, ":")
	stored, server, ok3 := strings.Cut(keys, ":")
	c := &scram.StoredCredentials{}
	var faults [4]error
	var s []byte
	c.Iters, faults[0] = strconv.Atoi(count)
	s, faults[1] = base64.StdEncoding.DecodeString(salt)
	c.StoredKey, faults[2] = base64.StdEncoding.DecodeString(stored)
	c.ServerKey, faults[3] = base64.StdEncoding.DecodeString(server)
	c.Salt = string(s)
	switch {
	case !ok1, !ok2, !ok3, errors.Join(faults[:]...) != nil, len(s) == 0, len(s) > saltMax,
		len(c.StoredKey) != sha256.Size, len(c.ServerKey) != sha256.Size:
		return verifier{}, errVerifier
	case c.Iters < iterationsMin, c.Iters > iterationsMax:
		return verifier{}, errIterations
	}
	return verifier{scram: c}, nil
}

// bcryptBytes is the length of every bcrypt hash.
const bcryptBytes = 60

// check reports whether the password is right. It takes tens of milliseconds of work.
func (v *verifier) check(name, password string) bool {
	if v.bcrypt != nil {
		return bcrypt.CompareHashAndPassword(v.bcrypt, []byte(password)) == nil
	}
	c, err := credentials(name, password, v.scram.KeyFactors)
	return err == nil && hmac.Equal(c.StoredKey, v.scram.StoredKey)
}

// NewVerifier returns a SCRAM verifier for a password, as a users file holds it.
func NewVerifier(name, password string) (string, error) {
	if password == "" || len(password) > passwordMax {
		return "", fmt.Errorf("a password has from 1 to %d bytes", passwordMax)
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it never fails
	c, err := credentials(name, password, scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, iterations, b64(salt), b64(c.StoredKey),
		b64(c.ServerKey)), nil
}

// passwordMax bounds a password in bytes, and what a guess can cost.
const passwordMax = 1024

func credentials(name, password string, f scram.KeyFactors) (scram.StoredCredentials, error) {
	client, err := scram.SHA256.NewClient(name, password, "")
	if err != nil {
		return scram.StoredCredentials{}, errCharacters
	}
	return client.GetStoredCredentialsWithError(f)
}
