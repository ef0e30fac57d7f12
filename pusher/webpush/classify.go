package webpush

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/dial"
)

// The waits that repetitions begin with where an answer carries no Retry-After.
const (
	quotaWait  = time.Minute
	serverWait = 10 * time.Second
)

// classify turns an attempt begun at started into what it means, as of now.
func classify(a *attempt, started, now time.Time) pusher.Result {
	switch {
	case errors.Is(a.err, dial.ErrPrivate):
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PUSH_SERVICE_NOT_PUBLIC", Quarantine: true}
	case a.err != nil:
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: silence(a.err), MaybeReceived: a.wrote}
	case !a.asked:
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "ADDRESS_MALFORMED", Quarantine: true}
	}
	r := classifyStatus(a, started)
	if r.Code == "" {
		r.Code = fmt.Sprintf("HTTP_%d", a.status)
	}
	if r.Outcome == pusher.OutcomeRetry {
		r.RetryAfter = pusher.RetryAfter(a.header, now)
	}
	return r
}

func classifyStatus(a *attempt, started time.Time) pusher.Result {
	switch {
	case a.status == http.StatusOK, a.status == http.StatusCreated, a.status == http.StatusAccepted:
		return pusher.Result{Outcome: pusher.OutcomeAccepted, Code: "OK", ProviderID: messageID(a.header.Get("Location"))}
	case a.status == http.StatusNotFound, a.status == http.StatusGone:
		return pusher.Result{Outcome: pusher.OutcomeAddressGone, GoneSince: started}
	case a.status == http.StatusRequestEntityTooLarge:
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PAYLOAD_TOO_LARGE"}
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		if otherKey(a.body) {
			return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "VAPID_KEY_MISMATCH", Quarantine: true}
		}
		return pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject}
	case a.status == http.StatusTooManyRequests:
		// A limit of the subscription, or of us at one of several push services: never of all of them.
		return pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeDevice, FirstWait: quotaWait}
	case a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout:
		return pusher.Result{Outcome: pusher.OutcomeRetry, FirstWait: serverWait, MaybeReceived: true}
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return pusher.Result{Outcome: pusher.OutcomeRetry, FirstWait: serverWait}
	}
	return pusher.Result{Outcome: pusher.OutcomeRejected}
}

// otherKey: push services say in prose that a subscription was made with another key than ours.
func otherKey(body []byte) bool {
	text := strings.ToLower(string(body))
	for _, words := range []string{"do not correspond", "mismatch", "unauthorizedregistration"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// messageID is the last part of the address that a push service gives a notification.
func messageID(location string) string {
	if location == "" {
		return ""
	}
	if i := strings.IndexAny(location, "?#"); i >= 0 {
		location = location[:i]
	}
	return path.Base(location)
}

// silence names an attempt without an answer.
func silence(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "CANCELLED"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "TIMEOUT"
	}
	return "CONNECTION"
}
