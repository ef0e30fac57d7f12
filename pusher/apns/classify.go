package apns

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

// DefaultServerErrorWait is what Apple asks for after InternalServerError and ServiceUnavailable. Most
// deliveries of a moment end before it is over and then count as expired.
const DefaultServerErrorWait = 15 * time.Minute

// answer is one response of APNs.
type answer struct {
	status    int
	id        string
	reason    string
	timestamp int64 // milliseconds, with 410 only
}

func parseAnswer(status int, header http.Header, body []byte) answer {
	a := answer{status: status, id: header.Get("apns-id")}
	var raw struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp"`
	}
	if json.Unmarshal(body, &raw) == nil {
		a.reason, a.timestamp = raw.Reason, raw.Timestamp
	}
	return a
}

type verdict struct {
	outcome pusher.Outcome
	scope   pusher.Scope
}

var (
	rejected      = verdict{outcome: pusher.OutcomeRejected}
	gone          = verdict{outcome: pusher.OutcomeAddressGone}
	again         = verdict{outcome: pusher.OutcomeRetry}
	againDevice   = verdict{pusher.OutcomeRetry, pusher.ScopeDevice}
	againProject  = verdict{pusher.OutcomeRetry, pusher.ScopeProject}
	misconfigured = verdict{pusher.OutcomeMisconfigured, pusher.ScopeProject}
)

// The reasons that decide more than their verdict.
const (
	badDeviceToken     = "BadDeviceToken"
	badTopic           = "BadTopic"
	missingTopic       = "MissingTopic"
	topicDisallowed    = "TopicDisallowed"
	idleTimeout        = "IdleTimeout"
	expiredToken       = "ExpiredProviderToken"
	unrelatedKey       = "UnrelatedKeyIdInToken"
	tooManyUpdates     = "TooManyProviderTokenUpdates"
	internalError      = "InternalServerError"
	serviceUnavailable = "ServiceUnavailable"
	shutdown           = "Shutdown"
)

// verdicts holds every reason Apple documents, and a second spelling that the service is reported to use.
var verdicts = map[string]verdict{
	badDeviceToken:           gone,
	"DeviceTokenNotForTopic": gone,
	"Unregistered":           gone,
	"ExpiredToken":           gone,

	"BadCollapseId":      rejected,
	"BadExpirationDate":  rejected,
	"BadMessageId":       rejected,
	"BadPriority":        rejected,
	"DuplicateHeaders":   rejected,
	"InvalidPushType":    rejected,
	"MissingDeviceToken": rejected,
	"PayloadEmpty":       rejected,
	"PayloadTooLarge":    rejected,
	"BadPath":            rejected,
	"MethodNotAllowed":   rejected,

	badTopic:                     misconfigured,
	missingTopic:                 misconfigured,
	topicDisallowed:              misconfigured,
	expiredToken:                 misconfigured,
	"InvalidProviderToken":       misconfigured,
	"MissingProviderToken":       misconfigured,
	"BadCertificate":             misconfigured,
	"BadCertificateEnvironment":  misconfigured,
	"Forbidden":                  misconfigured,
	unrelatedKey:                 misconfigured,
	"BadEnvironmentKeyIdInToken": misconfigured,
	"BadEnvironmentKeyInToken":   misconfigured,

	idleTimeout:        again,
	"TooManyRequests":  againDevice,
	tooManyUpdates:     againProject,
	internalError:      again,
	serviceUnavailable: again,
	shutdown:           again,
}

// byStatus is for answers without a reason, or with one that nobody knows yet.
func byStatus(status int) verdict {
	switch {
	case status == http.StatusForbidden, status >= 300 && status < 400:
		return misconfigured
	case status == http.StatusTooManyRequests:
		return againProject
	case status == http.StatusRequestTimeout, status >= 500, status < 300:
		return again
	}
	return rejected
}

// guess is what a sender adds to an address that came without it.
type guess struct {
	environment bool // the sender's setting, not the address's own word
	ownTopic    bool // the address named a topic other than the credential's
}

func classify(a answer, g guess, serverErrorWait time.Duration) pusher.Result {
	if a.status == http.StatusOK {
		return pusher.Result{Outcome: pusher.OutcomeAccepted, Code: "OK", ProviderID: a.id}
	}
	v, known := verdicts[a.reason]
	code := a.reason
	if !known {
		v, code = byStatus(a.status), "HTTP_"+strconv.Itoa(a.status)
	}
	r := pusher.Result{Outcome: v.outcome, Scope: v.scope, Code: code}
	switch {
	case a.status == http.StatusGone:
		if a.timestamp > 0 {
			r.GoneSince = time.UnixMilli(a.timestamp).UTC()
		}
	case code == badDeviceToken && g.environment:
		// The address may be good in the other environment.
		r.Outcome, r.Quarantine = pusher.OutcomeRejected, true
	case v == misconfigured && g.ownTopic && (code == badTopic || code == topicDisallowed):
		r.Outcome, r.Scope = pusher.OutcomeRejected, pusher.ScopeDelivery
	case code == internalError, code == serviceUnavailable:
		r.FirstWait = serverErrorWait
	case code == tooManyUpdates:
		r.RetryAfter = time.Minute
	}
	return r
}
