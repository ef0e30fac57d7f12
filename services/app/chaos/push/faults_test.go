package push

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// fault is something that goes wrong. before happens while the node is down, during once it works.
type fault struct {
	name      string
	providers []pusher.Provider
	before    func(w *world) error
	during    func(ctx context.Context, w *world) error
	doubles   func(n int) int // the most that the fault itself makes
}

var (
	firebase = []pusher.Provider{pusher.FCM}
	both     = []pusher.Provider{pusher.FCM, pusher.APNs}
)

// scripted has the next requests answered so, whatever their address.
func scripted(share float64, o emulator.Outcome) func(*world) error {
	return func(w *world) error {
		o.Times = max(1, int(share*float64(w.n)))
		return w.emulators.FCM.On("*", o)
	}
}

// resets has half of the requests at both providers end without an answer.
func resets(r emulator.Reset) func(*world) error {
	return func(w *world) error {
		o := emulator.Outcome{Reset: r, Times: max(1, w.n/4)}
		if err := w.emulators.APNs.On("*", o); err != nil {
			return err
		}
		return w.emulators.FCM.On("*", o)
	}
}

func none(int) int     { return 0 }
func half(n int) int   { return n / 2 }
func flying(n int) int { return min(n, 512) }

var faults = []fault{
	{"reset before accepting", both, resets(emulator.Before), nil, none},
	{"reset after accepting", both, resets(emulator.After), nil, half},
	{"500 storm", firebase, scripted(1, emulator.Outcome{Status: http.StatusInternalServerError, Code: "INTERNAL"}), nil, none},
	// For a time, and not for a number of requests: while a project pauses it makes hardly any.
	{"429 project", firebase, func(w *world) error {
		return w.emulators.FCM.On("*", emulator.Outcome{Status: http.StatusTooManyRequests, Shape: emulator.RateLimit, RetryAfter: "12", Times: -1})
	}, func(ctx context.Context, w *world) error {
		began := time.Now()
		if err := w.until(ctx, func() bool { return time.Since(began) > pick(5*time.Second, 40*time.Second) }); err != nil {
			return err
		}
		return w.emulators.FCM.On("*")
	}, none},
	{"429 device", firebase, scripted(0.5, emulator.Outcome{Status: http.StatusTooManyRequests, Code: "QUOTA_EXCEEDED", Shape: emulator.Quota, Field: "device",
		RetryAfter: "10"}), nil, none},
	// Every twentieth is accepted, and answered when nobody listens any more.
	{"slow provider", firebase, func(w *world) error {
		w.emulators.FCM.SetLatency(emulator.Latency{P50: emulator.Duration(300 * time.Millisecond)})
		return scripted(0.05, emulator.Outcome{Delay: emulator.Duration(15 * time.Second)})(w)
	}, nil, func(n int) int { return max(1, n/20) }},
	{"dead provider", firebase, func(w *world) error { w.emulators.FCM.Stall(); return nil }, func(ctx context.Context, w *world) error {
		began := time.Now()
		err := w.until(ctx, func() bool { return time.Since(began) > pick(12*time.Second, 2*time.Minute) })
		w.emulators.FCM.Release()
		return err
	}, none},
	{"credentials revoked and restored", firebase, func(w *world) error {
		return w.emulators.FCM.On("@token", emulator.Outcome{Status: http.StatusUnauthorized, Times: -1})
	}, restore, none},
	{"node killed mid-send", both, func(w *world) error {
		for _, c := range []*emulator.Control{w.emulators.FCM.Control, w.emulators.APNs.Control} {
			c.SetLatency(emulator.Latency{P50: emulator.Duration(300 * time.Millisecond)})
		}
		return nil
	}, func(ctx context.Context, w *world) error {
		if err := w.until(ctx, func() bool { return w.accepted() > w.n/4 }); err != nil {
			return err
		}
		w.kill()
		return w.serve(ctx)
	}, func(n int) int { return n }},
	{"database gone for 10 s", both, func(w *world) error {
		for _, c := range []*emulator.Control{w.emulators.FCM.Control, w.emulators.APNs.Control} {
			c.SetLatency(emulator.Latency{P50: emulator.Duration(300 * time.Millisecond)})
		}
		return nil
	}, func(ctx context.Context, w *world) error {
		if err := w.until(ctx, func() bool { return w.accepted() > 0 }); err != nil {
			return err
		}
		w.database.gone(10 * time.Second)
		return nil
	}, flying},
}

// restore waits while the credential is refused, lets the provider take it again and writes it anew, as an upload does.
func restore(ctx context.Context, w *world) error {
	began := time.Now()
	if err := w.until(ctx, func() bool { return time.Since(began) > pick(5*time.Second, 30*time.Second) }); err != nil {
		return err
	}
	if n := w.accepted(); n > 0 {
		return fmt.Errorf("%d were accepted without a credential", n)
	}
	if err := w.emulators.FCM.On("@token"); err != nil {
		return err
	}
	return w.quiet(ctx, func(n *node.Node) error {
		var again []brand.Credential
		for _, c := range n.Engine().Credentials(w.crowd.Brand) {
			if c.Provider == pusher.FCM {
				c.UpdatedAt = n.Engine().Now()
				again = append(again, c)
			}
		}
		_, err := n.Engine().Write(ctx, engine.CatalogueWrite{BrandID: w.crowd.Brand, Actor: "test", Credentials: again})
		return err
	})
}

// patience is how long everything may take to end; nothing is concluded from it being quicker.
var patience = pick(100*time.Second, 20*time.Minute)

// until looks until something is so.
func (w *world) until(ctx context.Context, so func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// row is one line of the table.
type row struct {
	Fault      string  `json:"fault"`
	Deliveries int     `json:"deliveries"`
	Requests   int     `json:"requests"`
	Accepted   int     `json:"accepted_distinct"`
	Doubles    int     `json:"doubles"`
	Expired    int     `json:"expired"`
	Lost       int     `json:"lost"`
	Seconds    float64 `json:"seconds"`
	otherwise  map[string]int
}

// do lets one fault happen and counts what came of it.
func (f *fault) do(ctx context.Context, dir, databaseURL string, n int) (r row, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := newWorld(ctx, dir, databaseURL, n, f.providers...)
	defer w.close()
	if err != nil {
		return r, err
	}
	if f.before != nil {
		if err := f.before(w); err != nil {
			return r, err
		}
	}
	began := time.Now()
	if err := w.serve(ctx); err != nil {
		return r, err
	}
	if f.during != nil {
		if err := f.during(ctx, w); err != nil {
			return r, err
		}
	}
	if err := w.settled(ctx); err != nil {
		return r, err
	}
	r, err = w.count(ctx)
	r.Fault, r.Seconds = f.name, time.Since(began).Round(100*time.Millisecond).Seconds()
	return r, err
}

// settled waits until nothing is pending.
func (w *world) settled(ctx context.Context) error {
	for {
		ends, err := postgres.ReadDeliveryEnds(ctx, w.url, w.crowd.Brand)
		if err != nil {
			return fmt.Errorf("%w: %v, %v", err, ends.States, ends.Codes)
		}
		if ends.States["pending"] == 0 {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("still pending: %v, %v: %w", ends.States, ends.Codes, ctx.Err())
		}
	}
}

// count holds the database against the providers. Lost is what no provider accepted and whose deadline did not end it.
func (w *world) count(ctx context.Context) (r row, err error) {
	fcm, apns := w.emulators.FCM.Counts(), w.emulators.APNs.Counts()
	at := map[string]int{}
	for _, a := range w.emulators.Accepted() {
		at[a.Delivery]++
	}
	r = row{Deliveries: w.n, Requests: fcm.Requests + apns.Requests, Accepted: len(at), Doubles: fcm.Accepted + apns.Accepted - len(at),
		otherwise: map[string]int{}}
	seen := 0
	err = postgres.ReadDeliveries(ctx, w.url, w.crowd.Brand, func(d *pusher.Delivery) error {
		seen++
		switch accepted := at[d.ID.String()] > 0; {
		case d.State == pusher.Expired && !accepted:
			r.Expired++
		case !accepted:
			r.Lost++
			r.otherwise[string(d.State)+" "+d.Code]++
		}
		return nil
	})
	r.Lost += w.n - seen
	return r, err
}

// chosen are all faults, or those whose name holds what is asked for.
func chosen() (list []fault) {
	for _, f := range faults {
		if strings.Contains(f.name, os.Getenv("WANTGO_PUSH_FAULT")) {
			list = append(list, f)
		}
	}
	return list
}

// TestFaults does every fault to deliveries of its own, and prints the table: several at once, in the large run one after
// the other.
func TestFaults(t *testing.T) {
	faults := chosen()
	if testing.Short() {
		t.Skip("faults are done to the real program and a database server: not with -short")
	}
	rows, faulty := make([]row, len(faults)), make([]error, len(faults))
	var all sync.WaitGroup
	room := make(chan struct{}, pick(5, 1))
	dirs, urls := make([]string, len(faults)), make([]string, len(faults))
	for i := range faults {
		dirs[i], urls[i] = t.TempDir(), postgrestest.URL(t)
	}
	for i := range faults {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			rows[i], faulty[i] = faults[i].do(t.Context(), dirs[i], urls[i], deliveries())
			t.Logf("%s: %+v %v", faults[i].name, rows[i], faulty[i])
		})
	}
	all.Wait()
	tell(t, rows)
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			require.NoError(t, faulty[i], "%s", logged(dirs[i]))
			require.Zero(t, rows[i].Lost, "%v", rows[i].otherwise)
			require.Equal(t, rows[i].Deliveries, rows[i].Accepted+rows[i].Expired)
			if !full { // so many at once on a busy machine: some answers come after ten seconds
				require.LessOrEqual(t, rows[i].Doubles, f.doubles(rows[i].Deliveries))
			}
		})
	}
}

// logged is the end of what the node said.
func logged(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "serve.log"))
	return string(text[max(0, len(text)-2000):])
}

func tell(t *testing.T, rows []row) {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "fault\tdeliveries\trequests\taccepted\tdoubles\texpired\tlost\tseconds\t")
	for _, r := range rows {
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", r.Fault, r.Deliveries, r.Requests, r.Accepted, r.Doubles, r.Expired, r.Lost, r.Seconds)
	}
	_ = out.Flush()
	list, err := json.Marshal(rows)
	require.NoError(t, err)
	t.Logf("\n%s%s", text.String(), list)
}
