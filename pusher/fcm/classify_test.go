package fcm

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
)

var safeCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,47}$`)

// Whatever a body says, the code is fit for a counter's label, a wait is bounded, and an answer that is no
// success never counts as one.
func FuzzClassify(f *testing.F) {
	f.Add(404, "", `{"error":{"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`)
	f.Add(429, "Wed, 21 Oct 2015 07:28:00 GMT", `{"error":{"details":[{"@type":"x/google.rpc.QuotaFailure","violations":[{"subject":"device"}]}]}}`)
	f.Add(503, "99999999999999999999", `<html>`)
	f.Add(200, "", `{"name":"projects/p/messages/1"}`)
	f.Add(400, "-3", `{"error":{"details":[null,3,"x",{"@type":7}]}}`)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		if status < 100 || status > 999 {
			return
		}
		h := http.Header{"Retry-After": {retryAfter}}
		r := classify(&attempt{asked: true, status: status, header: h, answer: []byte(body)}, now, now)
		require.Regexp(t, safeCode, r.Code)
		require.True(t, r.RetryAfter >= 0 && r.RetryAfter <= pusher.LongestRetryAfter, "%v", r.RetryAfter)
		require.False(t, r.Outcome == pusher.OutcomeAccepted && (status != 200 || r.ProviderID == ""))
		require.False(t, r.Outcome == pusher.OutcomeAddressGone && status != 404 && status != 403)
	})
}

func BenchmarkClassify(b *testing.B) {
	body := []byte(`{"error":{"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`)
	now := time.Now()
	for b.Loop() {
		classify(&attempt{asked: true, status: 404, header: http.Header{}, answer: body}, now, now)
	}
}
