package api

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wantgo/wantgo/services/api/split"
)

// metrics count what comes through the door. No label carries an id.
type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	panics   prometheus.Counter
	pings    *prometheus.CounterVec
	port     atomic.Pointer[split.Splitter] // nil: nothing listens
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wantgo_api_calls_total", Help: "Calls by method and status code."}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wantgo_api_call_seconds", Help: "Time taken by calls; of a stream, by each message.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"method"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wantgo_api_refusals_total", Help: "Refused calls by reason."}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wantgo_api_panics_total", Help: "Handlers that panicked and were caught."}),
		pings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wantgo_api_pings_refused_total", Help: "Pings refused before the engine saw them, by reason."}, []string{"reason"}),
	}
	registry.MustRegister(m.calls, m.seconds, m.refusals, m.panics, m.pings)
	for kind, count := range map[string]func(split.Counts) uint64{
		"grpc":    func(c split.Counts) uint64 { return c.GRPC },
		"http":    func(c split.Counts) uint64 { return c.HTTP },
		"dropped": func(c split.Counts) uint64 { return c.Dropped },
	} {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "wantgo_api_connections_total", ConstLabels: prometheus.Labels{"kind": kind},
			Help: "Connections by who answers them: grpc-go's own transport, the HTTP server, or nobody, since they said nothing in time.",
		}, func() float64 {
			if port := m.port.Load(); port != nil {
				return float64(count(port.Counts()))
			}
			return 0
		}))
	}
	return m
}

// methodMetrics are what every call of a method counts.
type methodMetrics struct {
	taken   prometheus.Counter // calls that were answered with OK
	seconds prometheus.Observer
}

func (m *metrics) of(method string) methodMetrics {
	return methodMetrics{m.calls.WithLabelValues(method, codes.OK.String()), m.seconds.WithLabelValues(method)}
}

func (m *metrics) answered(of *method, began time.Time, err error) {
	of.metrics.seconds.Observe(time.Since(began).Seconds())
	if err == nil {
		of.metrics.taken.Inc()
		return
	}
	st := status.Convert(err)
	m.calls.WithLabelValues(of.name, st.Code().String()).Inc()
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			m.refusals.WithLabelValues(info.GetReason()).Inc()
		}
	}
}
