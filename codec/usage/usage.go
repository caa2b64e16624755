// Package usage says what is wrong with the value of a flag, in the words of a program's help. It
// lies beneath codec because that is the one package that all programs share.
package usage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// wanted says of each type of flag what a value is not. Types that are not here say it themselves.
var wanted = map[string]string{
	"bool":         "neither true nor false",
	"duration":     "not a duration such as 30s or 5m",
	"float64":      "not a number such as 0.05",
	"float64Slice": "not numbers such as 100,2500.5",
	"int":          "not a whole number",
	"int64":        "not a whole number",
	"intSlice":     "not whole numbers such as 1,10,100",
}

// Error is an error of parsing a command line, as its one line says it:
//
//	--timeout 5x: not a duration such as 30s or 5m
//
// An error that is not about a value stays as it is.
func Error(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("--%s %s: %w", invalid.GetFlag().Name, shown(invalid.GetValue()), Reason(err))
}

// Reason is what is wrong with a flag's value, without the flag and the value.
func Reason(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	text, known := wanted[invalid.GetFlag().Value.Type()]
	switch {
	case !known:
		return errors.Unwrap(invalid)
	case errors.Is(err, strconv.ErrRange):
		text = "too large a number"
	}
	return errors.New(text)
}

// shown is a value as a person would have typed it.
func shown(value string) string {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' }) {
		return strconv.Quote(value)
	}
	return value
}
