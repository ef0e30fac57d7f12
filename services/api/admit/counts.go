package admit

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// waits are the upper bounds of the histogram of waiting, in seconds.
var waits = [...]float64{.001, .0025, .005, .01, .02, .03, .04, .05, .075, .1}

// Counts is what became of a class's calls, since the beginning.
type Counts struct {
	Offered  uint64 // those refused unread are not among them
	Admitted uint64
	Pings    uint64 // of the admitted
	Full     uint64 // refused: too many waited
	Waited   uint64 // refused: no room came in time
	Unread   uint64 // refused before they were read
	Gone     uint64 // went away while they waited

	waits    [len(waits)]uint64
	queued   uint64
	waitTime float64
	pressure float64
}

func (n *Counts) waited(took time.Duration) {
	s := took.Seconds()
	n.queued++
	n.waitTime += s
	for i := range waits {
		if s <= waits[i] {
			n.waits[i]++
			return
		}
	}
}

// Now is how things stand.
type Now struct {
	Limits  [classes]int // what a class and those after it may hold
	Held    [classes]int
	Calls   [classes]int
	Waiting [classes]int // calls
	Shed    [classes]float64
	Counts  [classes]Counts
}

// Look tells how things stand.
func (l *Limiter) Look() Now {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := Now{Held: l.held, Calls: l.calls, Counts: l.counts}
	for c := range n.Counts {
		n.Counts[c].Unread = l.unread[c].Load()
		n.Limits[c] = int(l.limits[c])
		n.Waiting[c] = l.queues[c].calls
		n.Shed[c] = math.Float64frombits(l.shed[c].Load())
	}
	return n
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wantgo_admission_"+name, help, labels, nil)
}

var (
	offeredDesc  = describe("offered_total", "Calls that wanted to be served, by class.", "class")
	admittedDesc = describe("admitted_total", "Calls that were given room, by class.", "class")
	pingsDesc    = describe("admitted_pings_total", "Weight of the calls that were given room, in pings, by class.", "class")
	refusedDesc  = describe("refused_total", "Calls refused for want of room, by class and reason: UNREAD at the door, FULL queue, WAITED too long; GONE by themselves.", "class", "reason")
	waitDesc     = describe("wait_seconds", "Time that calls waited which found no room at once, by class.", "class")
	limitDesc    = describe("limit_pings", "Pings that a class and those after it may have in the works, as found from what calls take.", "class")
	heldDesc     = describe("pings_in_flight", "Pings in the works, by class; a call counts five more than it has.", "class")
	callsDesc    = describe("calls_in_flight", "Calls in the works, by class.", "class")
	waitingDesc  = describe("calls_waiting", "Calls that wait for room, by class.", "class")
	shedDesc     = describe("shed_ratio", "Share of a class's calls that is refused unread.", "class")
)

// Describe and Collect make a Limiter a prometheus.Collector.
func (l *Limiter) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, to) }

// Collect reads everything at one moment.
func (l *Limiter) Collect(to chan<- prometheus.Metric) {
	now := l.Look()
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for c := range now.Counts {
		n, name := &now.Counts[c], Class(c).String()
		count(offeredDesc, n.Offered+n.Unread, name)
		count(admittedDesc, n.Admitted, name)
		count(pingsDesc, n.Pings, name)
		count(refusedDesc, n.Unread, name, "UNREAD")
		count(refusedDesc, n.Full, name, "FULL")
		count(refusedDesc, n.Waited, name, "WAITED")
		count(refusedDesc, n.Gone, name, "GONE")
		gauge(limitDesc, float64(now.Limits[c]), name)
		gauge(heldDesc, float64(now.Held[c]), name)
		gauge(callsDesc, float64(now.Calls[c]), name)
		gauge(waitingDesc, float64(now.Waiting[c]), name)
		gauge(shedDesc, now.Shed[c], name)
		buckets, sum := make(map[float64]uint64, len(waits)), uint64(0)
		for i, bound := range waits {
			sum += n.waits[i]
			buckets[bound] = sum
		}
		to <- prometheus.MustNewConstHistogram(waitDesc, n.queued, n.waitTime, buckets, name)
	}
}
