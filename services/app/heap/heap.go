// Package heap fits Go's memory to a node that holds much in memory and is asked for all of it at random: large pages,
// where the system has them, and a collector that does not run for a few megabytes.
//
// It promises speed alone. What the operator asks for in the environment (GOGC, GOMEMLIMIT) stays as it is.
package heap

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// rest is how much is allocated, at least, between two collections, bytes. A node with little in memory would else
	// collect many times a second under load.
	rest = 384 << 20
	// again is how often the collector's pace is looked at. A node that starts fills hundreds of megabytes a second, and until
	// the pace has changed it may take many times of what it needs.
	again = 100 * time.Millisecond
	// looksAPages is after how many looks large pages are seen to.
	looksAPages = 20
)

// Fit fits the heap, and what it grows to, until ctx ends.
func Fit(ctx context.Context) {
	f := fitter{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, all: []metrics.Sample{{Name: "/memory/classes/total:bytes"}}}
	f.paces = os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == ""
	ticker := time.NewTicker(again)
	defer ticker.Stop()
	for n := 0; ; n++ {
		f.pace()
		if n%looksAPages == 0 {
			f.page()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

type fitter struct {
	live    []metrics.Sample
	all     []metrics.Sample
	paces   bool
	percent int
	total   uint64
}

func (f *fitter) pace() {
	if !f.paces {
		return
	}
	metrics.Read(f.live)
	if p := percentOf(f.live[0].Value.Uint64()); p > f.percent*5/4 || p < f.percent*4/5 {
		debug.SetGCPercent(p)
		f.percent = p
	}
}

func (f *fitter) page() {
	metrics.Read(f.all)
	if total := f.all[0].Value.Uint64(); total > f.total {
		largePages()
		f.total = total
	}
}

// percentOf is the GOGC that leaves rest between two collections; never less than Go's own.
func percentOf(live uint64) int { return int(max(100, min(2000, rest*100/max(live, 1)))) }
