package chaos

import (
	"sync"
	"testing"
	"time"
)

// fault is something that goes wrong while phones walk. It returns how often it did.
type fault struct {
	name string
	do   func(w *world) int
}

// All faults leave two nodes and a database in working order behind: processFaults and lineFaults.
var processFaults = []fault{
	{"a node is killed", killNodes},
	{"the database is restarted", func(w *world) int {
		for range pick(1, 5) {
			w.database.stop()
			w.database.start()
			w.pause(300*time.Millisecond, time.Second)
		}
		return pick(1, 5)
	}},
	{"the database is killed", func(w *world) int {
		for range pick(1, 5) {
			w.database.crash()
			w.database.start()
			w.pause(300*time.Millisecond, time.Second)
		}
		return pick(1, 5)
	}},
}

var lineFaults = []fault{
	{"the database is frozen", func(w *world) int {
		for range pick(1, 2) {
			thaw := w.database.freeze()
			time.Sleep(pick(3*time.Second, 10*time.Second)) // longer than a phone waits for an answer
			thaw()
			w.pause(300*time.Millisecond, time.Second)
		}
		return pick(1, 2)
	}},
	{"connections are cut", func(w *world) int {
		before := w.proxy.cuts
		for range pick(8, 60) {
			w.pause(50*time.Millisecond, 250*time.Millisecond)
			w.proxy.cut()
		}
		return w.proxy.cuts - before
	}},
	{"answers are lost after commits", func(w *world) int {
		for range pick(4, 30) {
			w.pause(100*time.Millisecond, 400*time.Millisecond)
			w.proxy.loseAnswers(time.Duration(50+w.random.IntN(200)) * time.Millisecond)
		}
		return pick(4, 30)
	}},
}

func killNodes(w *world) int {
	n := pick(3, 20)
	for i := range n {
		w.pause(100*time.Millisecond, pick(500*time.Millisecond, 2*time.Second))
		victim := w.nodes[i%len(w.nodes)]
		victim.kill()
		w.pause(0, 200*time.Millisecond)
		victim.start()
	}
	return n
}

// pause is a random moment's wait.
func (w *world) pause(from, to time.Duration) {
	time.Sleep(from + time.Duration(w.random.Int64N(int64(to-from))))
}

// TestFaults does one thing after the other to two nodes and their database while phones walk, and then asks what was
// kept.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault{"of processes": processFaults, "of lines": lineFaults} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oneByOne(t, faults)
		})
	}
}

func oneByOne(t *testing.T, faults []fault) {
	w := newWorld(t, 2)
	var checks []func()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			fleet, times := w.during(t, pick(16, 100), f.do)
			fleet.told(t)
			checks = append(checks, func() { fleet.holds(t, f.name, times) })
		})
	}
	t.Run("and nothing is owed", func(t *testing.T) { // at the end: deliveries of a killed node wait for their leases
		w.dispatched(t)
		for _, check := range checks {
			check()
		}
	})
}

// during lets a fleet walk while something is done.
func (w *world) during(t *testing.T, phones int, do func(w *world) int, prepare ...func(f *fleet)) (f *fleet, times int) {
	t.Helper()
	f = w.fleet(phones, true)
	for _, p := range prepare {
		p(f)
	}
	f.each(func(h *phone) error { // every node knows of the consents, and every phone has its first token
		for h.presence == nil {
			if err := h.report(-1); err != nil {
				return err
			}
		}
		return nil
	})
	done := make(chan struct{})
	var walking sync.WaitGroup
	walking.Go(func() { f.walk(4, done) })
	w.pause(50*time.Millisecond, 300*time.Millisecond)
	times = do(w)
	w.pause(50*time.Millisecond, 300*time.Millisecond)
	close(done)
	walking.Wait()
	return f, times
}

// tried is a fault with a world of its own: a fleet walks while it happens, and everything is asked.
func (w *world) tried(t *testing.T, name string, phones int, do func(w *world) int, prepare ...func(f *fleet)) counts {
	t.Helper()
	f, times := w.during(t, phones, do, prepare...)
	f.told(t)
	w.dispatched(t)
	return f.holds(t, name, times)
}
