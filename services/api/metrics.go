package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// metrics count what comes through the door. No label carries an id.
type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	panics   prometheus.Counter
	pings    *prometheus.CounterVec
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
	return m
}

func (m *metrics) answered(method string, began time.Time, err error) {
	st := status.Convert(err)
	m.calls.WithLabelValues(method, st.Code().String()).Inc()
	m.seconds.WithLabelValues(method).Observe(time.Since(began).Seconds())
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			m.refusals.WithLabelValues(info.GetReason()).Inc()
		}
	}
}
