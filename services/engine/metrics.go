package engine

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
)

// Metrics counts what the engine does. Every drop and every refusal has a counter with its reason; no label carries
// a person, a device, a place or an address.
type Metrics struct {
	pings        *prometheus.CounterVec
	taken        prometheus.Counter // of pings
	events       *prometheus.CounterVec
	transitions  *prometheus.CounterVec
	decisions    *prometheus.CounterVec
	commits      *prometheus.HistogramVec
	groupSize    prometheus.Histogram
	turns        *prometheus.CounterVec
	tokens       prometheus.Counter
	loops        *prometheus.CounterVec
	attempts     *prometheus.CounterVec
	attemptTime  *prometheus.HistogramVec
	deliveries   *prometheus.CounterVec
	age          *prometheus.HistogramVec
	deferred     *prometheus.CounterVec
	addresses    *prometheus.CounterVec
	lost         *prometheus.CounterVec
	outbox       *prometheus.CounterVec
	waiting      prometheus.Gauge
	inFlight     prometheus.Gauge
	breakers     *prometheus.GaugeVec
	withdrawn    prometheus.Counter // deliveries of cancelled sendings
	sendingAsked prometheus.Counter // people
}

func newMetrics(r prometheus.Registerer, e *Engine) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "wantgo", Name: name, Help: help}, labels)
	}
	fine := prometheus.ExponentialBuckets(0.0005, 2, 16)
	m := &Metrics{
		pings:       counter("pings_total", "Pings by verdict.", "verdict"),
		events:      counter("app_events_total", "AppEvents by verdict.", "verdict"),
		transitions: counter("transitions_total", "Transitions by kind and reason; retaken turns count again.", "kind", "reason"),
		decisions:   counter("decisions_total", "Decisions by reason code; retaken turns count again.", "reason"),
		commits: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "wantgo", Name: "commit_seconds",
			Help: "Time of one statement that writes many people.", Buckets: fine}, []string{"ok"}),
		groupSize: f.NewHistogram(prometheus.HistogramOpts{Namespace: "wantgo", Name: "commit_people",
			Help: "People written by one statement.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		turns:    counter("turns_total", "Turns that were lost to another decision, or failed.", "result"),
		tokens:   f.NewCounter(prometheus.CounterOpts{Namespace: "wantgo", Name: "presence_tokens_refused_total", Help: "Tokens that could not be used."}),
		loops:    counter("loop_rounds_total", "Rounds of background loops.", "loop", "ok"),
		attempts: counter("push_attempts_total", "Attempts by provider, outcome and code.", "provider", "outcome", "code"),
		attemptTime: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "wantgo", Name: "push_attempt_seconds",
			Help: "Time of one attempt.", Buckets: fine}, []string{"provider"}),
		deliveries: counter("deliveries_ended_total", "Deliveries by provider, state and reason.", "provider", "state", "reason"),
		age: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "wantgo", Name: "delivery_age_seconds",
			Help: "From the ping received to the delivery's end.", Buckets: fine}, []string{"provider", "state"}),
		addresses: counter("push_addresses_lost_total", "Push addresses that are used no more, by provider, state and the provider's code.",
			"provider", "state", "code"),
		deferred: counter("deliveries_deferred_total", "Deliveries given back without an attempt.", "reason"),
		lost:     counter("deliveries_lost_total", "Deliveries another node took first.", "op"),
		outbox:   counter("outbox_failures_total", "Failed calls of the outbox.", "op"),
		waiting:  f.NewGauge(prometheus.GaugeOpts{Namespace: "wantgo", Name: "deliveries_waiting", Help: "Deliveries waiting in this process."}),
		breakers: f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "wantgo", Name: "push_credential_refused",
			Help: "1 while a provider refuses a brand's credential and its deliveries wait: raise an alarm on it."}, []string{"brand", "provider"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{Namespace: "wantgo", Name: "deliveries_in_flight", Help: "Attempts under way."}),
	}
	m.withdrawn = f.NewCounter(prometheus.CounterOpts{Namespace: "wantgo", Name: "sending_deliveries_withdrawn_total", Help: "Waiting deliveries of cancelled sendings that were taken out."})
	m.sendingAsked = f.NewCounter(prometheus.CounterOpts{Namespace: "wantgo", Name: "sending_people_total", Help: "People that sendings asked about; a page taken again counts again."})
	m.taken = m.pings.WithLabelValues(string(Taken))
	f.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "wantgo", Name: "people_in_memory", Help: "Copies of people this node holds."},
		func() float64 { return float64(e.copies.len()) })
	return m
}

func (m *Metrics) answered(answers []Answer) {
	taken := 0
	for i := range answers {
		if answers[i].Err != nil {
			m.pings.WithLabelValues("REPORT_REFUSED").Inc()
			continue
		}
		for j := range answers[i].Pings {
			if v := answers[i].Pings[j].Verdict; v == Taken {
				taken++
			} else {
				m.pings.WithLabelValues(string(v)).Inc()
			}
		}
	}
	m.taken.Add(float64(taken))
}

func (m *Metrics) transition(k presence.Kind, r presence.Reason) {
	m.transitions.WithLabelValues(k.String(), r.String()).Inc()
}

func (m *Metrics) decided(r campaign.Reason) { m.decisions.WithLabelValues(string(r)).Inc() }

func (m *Metrics) committed(people int, took time.Duration, err error) {
	m.commits.WithLabelValues(strconv.FormatBool(err == nil)).Observe(took.Seconds())
	m.groupSize.Observe(float64(people))
}

func (m *Metrics) turnLost()     { m.turns.WithLabelValues("lost").Inc() }
func (m *Metrics) turnFailed()   { m.turns.WithLabelValues("failed").Inc() }
func (m *Metrics) tokenRefused() { m.tokens.Inc() }

func (m *Metrics) loop(name string, err error) {
	m.loops.WithLabelValues(name, strconv.FormatBool(err == nil)).Inc()
}

// Attempt, Ended, Deferred, Lost, OutboxFailed, Waiting and InFlight make Metrics a pusher.Observer.
func (m *Metrics) Attempt(p pusher.Provider, o pusher.Outcome, code string, took time.Duration) {
	m.attempts.WithLabelValues(string(p), o.String(), code).Inc()
	m.attemptTime.WithLabelValues(string(p)).Observe(took.Seconds())
}

// Ended counts one end and how long after its ping it came.
func (m *Metrics) Ended(p pusher.Provider, s pusher.State, reason string, age time.Duration) {
	m.deliveries.WithLabelValues(string(p), string(s), reason).Inc()
	m.age.WithLabelValues(string(p), string(s)).Observe(age.Seconds())
}

// Deferred counts a delivery given back.
func (m *Metrics) Deferred(reason string) { m.deferred.WithLabelValues(reason).Inc() }

// Lost counts a delivery another node has.
func (m *Metrics) Lost(op string) { m.lost.WithLabelValues(op).Inc() }

// OutboxFailed counts a failed call.
func (m *Metrics) OutboxFailed(op string) { m.outbox.WithLabelValues(op).Inc() }

// Waiting and InFlight are gauges.
func (m *Metrics) Waiting(n int)  { m.waiting.Set(float64(n)) }
func (m *Metrics) InFlight(n int) { m.inFlight.Set(float64(n)) }

// Breaker makes Metrics a pusher.BreakerObserver: a refused credential is an alarm, by brand.
func (m *Metrics) Breaker(brandID uuid.UUID, p pusher.Provider, _ string, open bool) {
	if open {
		m.breakers.WithLabelValues(brandID.String(), string(p)).Set(1)
	} else {
		m.breakers.DeleteLabelValues(brandID.String(), string(p))
	}
}

// observers tells two observers of everything.
type observers struct{ a, b pusher.Observer }

func (o observers) Attempt(p pusher.Provider, out pusher.Outcome, code string, took time.Duration) {
	o.a.Attempt(p, out, code, took)
	o.b.Attempt(p, out, code, took)
}

func (o observers) Ended(p pusher.Provider, s pusher.State, reason string, age time.Duration) {
	o.a.Ended(p, s, reason, age)
	o.b.Ended(p, s, reason, age)
}
func (o observers) Deferred(reason string) { o.a.Deferred(reason); o.b.Deferred(reason) }
func (o observers) Lost(op string)         { o.a.Lost(op); o.b.Lost(op) }
func (o observers) OutboxFailed(op string) { o.a.OutboxFailed(op); o.b.OutboxFailed(op) }
func (o observers) Waiting(n int)          { o.a.Waiting(n); o.b.Waiting(n) }
func (o observers) InFlight(n int)         { o.a.InFlight(n); o.b.InFlight(n) }

func (o observers) Breaker(brandID uuid.UUID, p pusher.Provider, code string, open bool) {
	for _, each := range []pusher.Observer{o.a, o.b} {
		if b, ok := each.(pusher.BreakerObserver); ok {
			b.Breaker(brandID, p, code, open)
		}
	}
}
