package emulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// Duration is a time.Duration written as text: "1.5s".
type Duration time.Duration

// MarshalText writes d as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Shape is the form of an FCM error body.
type Shape string

// The shapes. An empty one is FcmError where there is a Code, and Plain where there is none.
const (
	FcmError   Shape = "fcm_error"   // google.firebase.fcm.v1.FcmError with Code; BadRequest beside it when Field is set
	Plain      Shape = "plain"       // status only
	BadRequest Shape = "bad_request" // google.rpc.BadRequest about Field
	Quota      Shape = "quota"       // google.rpc.QuotaFailure about Field, and FcmError when Code is set
	RateLimit  Shape = "rate_limit"  // google.rpc.ErrorInfo RATE_LIMIT_EXCEEDED of SendsPerMinutePerProject
	HTML       Shape = "html"        // a front end's page
	Empty      Shape = "empty"       // no body
)

// Reset is how a request ends without an answer.
type Reset string

// The resets. After means that the notification was accepted all the same.
const (
	Before           Reset = "before"
	After            Reset = "after"
	Refused          Reset = "refused"           // APNs: REFUSED_STREAM, never looked at
	ConnectionBefore Reset = "connection_before" // APNs: the connection with everything on it
	ConnectionAfter  Reset = "connection_after"
)

// Outcome is one scripted answer. The zero value accepts.
type Outcome struct {
	Status int    `json:"status,omitempty"` // HTTP status; 0 and 200 accept
	Code   string `json:"code,omitempty"`   // FCM: errorCode; APNs: reason
	Shape  Shape  `json:"shape,omitempty"`
	Field  string `json:"field,omitempty"` // of a violation
	// RetryAfter is the header as it stands, or "date:30s" for the date in 30 seconds.
	RetryAfter string `json:"retry_after,omitempty"`
	// TimestampMillis is APNs' timestamp of a 410; 0: now.
	TimestampMillis int64 `json:"timestamp_ms,omitempty"`
	// Delay holds the answer back. What is accepted is accepted before it.
	Delay  Duration `json:"delay,omitempty"`
	Reset  Reset    `json:"reset,omitempty"`
	GoAway bool     `json:"go_away,omitempty"` // APNs: GOAWAY after the answer, with Code as its reason
	// Times is how many requests get this outcome before the next one's turn; 0 is 1, -1 is all.
	Times int `json:"times,omitempty"`
}

func (o Outcome) accepts() bool {
	return (o.Status == 0 || o.Status == http.StatusOK) &&
		(o.Reset == "" || o.Reset == After || o.Reset == ConnectionAfter)
}

func (o Outcome) name() string {
	switch {
	case o.Reset != "":
		return "RESET_" + strings.ToUpper(string(o.Reset))
	case o.accepts():
		return "OK"
	case o.Code != "":
		return o.Code
	}
	return fmt.Sprintf("HTTP_%d", o.Status)
}

func (o Outcome) retryAfter(now time.Time) string {
	if in, ok := strings.CutPrefix(o.RetryAfter, "date:"); ok {
		if d, err := time.ParseDuration(in); err == nil {
			return now.Add(d).UTC().Format(http.TimeFormat)
		}
	}
	return o.RetryAfter
}

func (o Outcome) check() error {
	if o.Status != 0 && (o.Status < 200 || o.Status > 599) {
		return fmt.Errorf("status %d: want 200 to 599", o.Status)
	}
	switch o.Shape {
	case "", FcmError, Plain, BadRequest, Quota, RateLimit, HTML, Empty:
	default:
		return fmt.Errorf("shape %q is unknown", o.Shape)
	}
	switch o.Reset {
	case "", Before, After, Refused, ConnectionBefore, ConnectionAfter:
	default:
		return fmt.Errorf("reset %q is unknown", o.Reset)
	}
	if o.Delay < 0 || o.Times < -1 {
		return fmt.Errorf("delay and times must not be negative (times may be -1)")
	}
	return nil
}

// Latency is how long answers take: log-normal through the median and the 99th percentile. The zero value is
// no delay; P99 at or below P50 is a constant P50.
type Latency struct {
	P50 Duration `json:"p50"`
	P99 Duration `json:"p99"`
}

// z99 is the standard normal quantile of 0.99.
const z99 = 2.3263478740408408

func (l Latency) draw(random *rand.Rand) time.Duration {
	if l.P50 <= 0 {
		return 0
	}
	if l.P99 <= l.P50 {
		return time.Duration(l.P50)
	}
	sigma := math.Log(float64(l.P99)/float64(l.P50)) / z99
	return time.Duration(float64(l.P50) * math.Exp(sigma*random.NormFloat64()))
}

// Script says how every address is answered: its own outcomes one after the other, then Default. An address
// may be a pattern as in path.Match; an exact one comes first, then patterns, the longest first. The
// address "@token" is FCM's token endpoint.
type Script struct {
	Default   Outcome              `json:"default"`
	Addresses map[string][]Outcome `json:"addresses,omitempty"`
	Latency   Latency              `json:"latency"`
	// Streams are changes of APNs' stream limit while it runs.
	Streams []StreamSwitch `json:"streams,omitempty"`
}

// StreamSwitch sets the stream limit of all connections when so many requests have come.
type StreamSwitch struct {
	AtRequest int `json:"at_request"`
	Limit     int `json:"limit"`
}
