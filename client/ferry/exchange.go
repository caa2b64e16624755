package main

import (
	"errors"

	"ferry/client"
)

// exchangeFlag is a flag that takes the name of an exchange; --classic has a flag of its own.
type exchangeFlag client.Exchange

var errExchange = errors.New("give auto, base or status")

// String is the flag's text.
func (e *exchangeFlag) String() string { return client.Exchange(*e).String() }

// Set parses the flag's text.
func (e *exchangeFlag) Set(text string) error {
	for _, x := range []client.Exchange{client.Auto, client.Base, client.Status} {
		if text == x.String() {
			*e = exchangeFlag(x)
			return nil
		}
	}
	return errExchange
}

// Type is the value's name in help.
func (e *exchangeFlag) Type() string { return "WHICH" }
