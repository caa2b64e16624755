//go:build !linux

package main

// dropRights does nothing: the tests are not run as root here.
func dropRights() {}
