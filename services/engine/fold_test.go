package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// Reports of one person that come while the person is being written share the next write, each with a decision of its
// own in the order in which they came; one that is no longer waited for is left out, and costs no other.
func TestWaitingReportsShareAWrite(t *testing.T) {
	t.Parallel()
	const n = 30
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Calendar: cap.Day}}}
	})
	w.open(n, 60, nil)
	w.run(latte(false, nil))
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	first := w.phone(e)
	phones := append([]*phone{first}, first.more(n-1)...)
	answers := make([]engine.Answer, n)
	var calls sync.WaitGroup
	tell := func(ctx context.Context, i int) {
		r := phones[i].report(storePlace(i))
		calls.Go(func() {
			got, err := e.Handle(ctx, w.brand.ID, []engine.Report{r})
			if err != nil {
				got = []engine.Answer{{Err: err}}
			}
			answers[i] = got[0]
		})
	}
	until := func(waiting int) {
		for e.Waiting(first.who) != waiting {
			runtime.Gosched()
		}
	}
	written, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.before = func(op string) error {
		if op == "commit" {
			once.Do(func() { close(written); <-goOn })
		}
		return nil
	}
	tell(w.ctx, 0)
	<-written
	away, leave := context.WithCancel(w.ctx)
	tell(away, n-1)
	until(1)
	for i := 1; i < n-1; i++ {
		tell(w.ctx, i)
		until(i + 1)
	}
	leave()
	until(n - 2)
	close(goOn)
	calls.Wait()

	require.ErrorIs(t, answers[n-1].Err, context.Canceled)
	for i, a := range answers[:n-1] {
		require.NoError(t, a.Err)
		want := campaign.Won
		if i >= 2 {
			want = campaign.CapReached
		}
		require.Equal(t, []string{string(want)}, reasons(a.Decisions), "call %d", i)
	}
	require.Equal(t, 3, w.count(`SELECT version::int FROM person WHERE person_id = $1`, first.who.PersonID), "registered, the first, all others")
	require.Equal(t, n-1, w.count(`SELECT count(*) FROM open_visit`))
}

// 20 devices of one person at a time, each entering or leaving a store.
func BenchmarkHandleOnePerson(b *testing.B) {
	w := newWorld(b, presence.Exact, nil)
	w.open(20, 60, nil)
	w.run(latte(false, nil))
	e := w.node()
	first := w.phone(e)
	phones := append([]*phone{first}, first.more(19)...)
	round := 0
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(phones) {
		round++
		w.pass(1000)
		var calls sync.WaitGroup
		for i, p := range phones {
			r := p.report(nowhere)
			if round%2 == 0 {
				r = p.report(storePlace(i))
			}
			calls.Go(func() {
				if a, err := e.Handle(w.ctx, w.brand.ID, []engine.Report{r}); err != nil || a[0].Err != nil {
					panic(fmt.Sprint(err, a))
				}
			})
		}
		calls.Wait()
	}
	b.ReportMetric(float64(w.count(`SELECT version::int FROM person WHERE person_id = $1`, first.who.PersonID))/float64(b.N), "writes/ping")
}
