//go:build !unix

package app

import "runtime/debug"

// Harden lets panics print neither arguments nor stacks.
func Harden() { debug.SetTraceback("none") }
