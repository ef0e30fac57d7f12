package demo

import (
	"cmp"
	"context"
	"fmt"
	"github.com/wantgo/wantgo/services/postgres"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/wantgo/wantgo/pusher"
)

// How often the view is drawn anew.
const (
	liveEvery  = time.Second
	plainEvery = 5 * time.Second
)

// glance is how the demo stands at one moment.
type glance struct {
	elapsed  time.Duration
	rate     float64 // pings a second, lately
	count    count
	facts    postgres.Tally
	accepted map[string]int
}

// refusals are all that was refused, pings and decisions, by reason. A campaign that another one of the same moment
// outranked was not refused.
func (g *glance) refusals() map[string]int {
	all := map[string]int{}
	maps.Copy(all, g.count.refused)
	for reason, n := range g.facts.Decisions {
		if reason != "WON" && reason != "OUTRANKED" {
			all[reason] += n
		}
	}
	return all
}

// line is a glance in one line, for logs and files.
func (g *glance) line() string {
	text := fmt.Sprintf("%4.0f s  pings %d (%.0f/s)  visits %d  coupons %d  accepted fcm %d apns %d  p50 %.1f ms p99 %.1f ms",
		g.elapsed.Seconds(), g.count.pings, g.rate, g.facts.Visits, g.facts.Coupons,
		g.accepted[string(pusher.FCM)], g.accepted[string(pusher.APNs)], milliseconds(g.count.p50), milliseconds(g.count.p99))
	if r := g.refusals(); len(r) > 0 {
		text += "  refused " + listed(r)
	}
	return text
}

// lines are a glance as a small table.
func (g *glance) lines() []string {
	rows := []string{
		fmt.Sprintf("  %-26s%10.0f s", "walking", g.elapsed.Seconds()),
		fmt.Sprintf("  %-26s%10d   %.0f a second", "pings", g.count.pings, g.rate),
		fmt.Sprintf("  %-26s%10d   %s", "transitions", total(g.facts.Transitions), listed(g.facts.Transitions)),
		fmt.Sprintf("  %-26s%10d", "visits", g.facts.Visits),
		fmt.Sprintf("  %-26s%10d", "coupons issued", g.facts.Coupons),
		fmt.Sprintf("  %-26s%10d", "accepted by FCM", g.accepted[string(pusher.FCM)]),
		fmt.Sprintf("  %-26s%10d", "accepted by APNs", g.accepted[string(pusher.APNs)]),
		fmt.Sprintf("  %-26s%10.1f ms  p99 %.1f ms", "ping to notification p50", milliseconds(g.count.p50), milliseconds(g.count.p99)),
		"  refused",
	}
	refused := g.refusals()
	for _, reason := range ordered(refused) {
		rows = append(rows, fmt.Sprintf("    %-24s%10d", reason, refused[reason]))
	}
	if g.count.faults > 0 {
		rows = append(rows, fmt.Sprintf("  %-26s%10d   last: %s", "calls failed", g.count.faults, g.count.fault))
	}
	return rows
}

// ordered are the names of counts, the largest first.
func ordered(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
}

func listed(counts map[string]int) string {
	var parts []string
	for _, name := range ordered(counts) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// view shows glances: drawn over the last one on a terminal, else line by line.
type view struct {
	out   io.Writer
	live  bool
	width int
	drawn int // lines on the terminal
	pings int
	last  time.Duration
}

// newView looks at what out is.
func newView(out io.Writer) *view {
	v := &view{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		v.live = true
	}
	return v
}

func (v *view) every() time.Duration {
	if v.live {
		return liveEvery
	}
	return plainEvery
}

// show draws one glance.
func (v *view) show(g glance) {
	if passed := (g.elapsed - v.last).Seconds(); passed > 0 {
		g.rate = float64(g.count.pings-v.pings) / passed
	}
	v.pings, v.last = g.count.pings, g.elapsed
	if !v.live {
		fmt.Fprintln(v.out, g.line())
		return
	}
	rows := g.lines()
	width := 120
	if f, ok := v.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	for _, row := range rows {
		b.WriteString("\r\x1b[K" + clipped(row, width-1) + "\n")
	}
	b.WriteString("\x1b[J")
	v.drawn = len(rows)
	_, _ = io.WriteString(v.out, b.String())
}

// clipped keeps a row on one line of the terminal; what is shown here is ASCII.
func clipped(row string, width int) string {
	if len(row) > width && width > 0 {
		return row[:width]
	}
	return row
}

// watch shows glances until ctx ends.
func (v *view) watch(ctx context.Context, look func(context.Context) (glance, error)) {
	tick := time.NewTicker(v.every())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if g, err := look(ctx); err == nil {
			v.show(g)
		}
	}
}
