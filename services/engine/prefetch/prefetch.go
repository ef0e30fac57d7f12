// Package prefetch asks the processor for memory that will be needed soon, so that waits for many places overlap
// instead of following one another.
//
// It promises nothing but speed: a hint reads nothing, changes nothing, and of an address that is no more valid comes no
// fault. Where there is no such instruction at hand it does nothing.
package prefetch

import "unsafe"

// line is how many bytes the processor fetches at once.
const line = 64

// Object hints at the first bytes of an object, at most its size.
func Object[T any](p *T, bytes uintptr) {
	for at := uintptr(0); at < min(bytes, unsafe.Sizeof(*p)); at += line {
		hint(unsafe.Add(unsafe.Pointer(p), at))
	}
}
