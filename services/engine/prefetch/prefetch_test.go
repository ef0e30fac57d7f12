package prefetch

import "testing"

// What is hinted at stays as it was, and nil is no fault.
func TestObjectOnlyHints(t *testing.T) {
	var big [1000]byte
	big[999] = 7
	Object(&big, 5000)
	Object(&big, 1)
	Object((*int)(nil), 8)
	if big[999] != 7 {
		t.Fatal("changed")
	}
}

// Sums over scattered objects, without and with a hint some objects ahead.
func BenchmarkScattered(b *testing.B) {
	type object struct{ words [64]int }
	all := make([]*object, 100_000)
	for i := range all {
		all[(i*7919)%len(all)] = &object{}
	}
	for name, ahead := range map[string]int{"without": 0, "ahead": 16} {
		b.Run(name, func(b *testing.B) {
			sum := 0
			for n := range b.N {
				if ahead > 0 {
					Object(all[(n+ahead)%len(all)], 512)
				}
				for i := 0; i < 64; i += 8 {
					sum += all[n%len(all)].words[i]
				}
			}
			if sum != 0 {
				b.Fatal(sum)
			}
		})
	}
}
