package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

// Waits that Google's documentation asks for, to begin with, where an answer carries no Retry-After.
const (
	quotaWait  = time.Minute
	serverWait = 10 * time.Second
)

// answer is FCM's error body as far as it decides anything. Everything is empty for HTML or no body.
type answer struct {
	status  string // canonical, e.g. NOT_FOUND
	code    string // FcmError.errorCode
	reason  string // ErrorInfo.reason
	fields  []string
	request bool // BadRequest was there
	quota   string
}

func parseAnswer(body []byte) answer {
	var raw struct {
		Error struct {
			Status  string            `json:"status"`
			Message string            `json:"message"`
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &raw) != nil {
		return answer{}
	}
	a := answer{status: raw.Error.Status}
	for _, detail := range raw.Error.Details {
		a.add(detail)
	}
	if a.quota == "" {
		a.quota = raw.Error.Message // prose for people, and better than nothing
	}
	return a
}

func (a *answer) add(raw json.RawMessage) {
	var d struct {
		Type            string `json:"@type"`
		ErrorCode       string `json:"errorCode"`
		Reason          string `json:"reason"`
		FieldViolations []struct {
			Field string `json:"field"`
		} `json:"fieldViolations"`
		Violations []struct {
			Subject     string `json:"subject"`
			Description string `json:"description"`
		} `json:"violations"`
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return
	}
	switch {
	case strings.HasSuffix(d.Type, "google.firebase.fcm.v1.FcmError"):
		a.code = d.ErrorCode
	case strings.HasSuffix(d.Type, "google.rpc.ErrorInfo"):
		a.reason = d.Reason
		a.quota += " " + d.Metadata["quota_limit"] + " " + d.Metadata["quota_metric"]
	case strings.HasSuffix(d.Type, "google.rpc.BadRequest"):
		a.request = true
		for _, v := range d.FieldViolations {
			a.fields = append(a.fields, v.Field)
		}
	case strings.HasSuffix(d.Type, "google.rpc.QuotaFailure"):
		for _, v := range d.Violations {
			a.quota += " " + v.Subject + " " + v.Description
		}
	}
}

// refusedToken reports a 401 that a new access token may cure.
func (a *attempt) refusedToken() bool {
	return a.status == http.StatusUnauthorized && !thirdParty(parseAnswer(a.answer).code)
}

func thirdParty(code string) bool {
	return code == "THIRD_PARTY_AUTH_ERROR" || code == "APNS_AUTH_ERROR"
}

// classify turns an attempt begun at started into what it means, as of now.
func classify(a *attempt, started, now time.Time) pusher.Result {
	switch {
	case !a.asked:
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "INVALID_NOTIFICATION"}
	case a.tokenErr != nil:
		return classifyExchange(a.tokenErr)
	case a.err != nil:
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: silence(a.err), MaybeReceived: a.wrote}
	case a.status == http.StatusOK:
		return classifySuccess(a.answer)
	}
	e := parseAnswer(a.answer)
	r := classifyStatus(a.status, e, started)
	r.Code = e.name(a.status)
	if r.Outcome == pusher.OutcomeRetry {
		r.RetryAfter, r.FirstWait = pusher.RetryAfter(a.header, now), serverWait
		if a.status == http.StatusTooManyRequests {
			r.FirstWait = quotaWait
		}
	}
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" {
		r.Scope = pusher.ScopeProject // an overload that names its wait speaks to all of us
	}
	return r
}

var codePattern = regexp.MustCompile(`^[A-Z][A-Z_]{1,47}$`)

// name is the most telling code of an answer; what does not look like a code never becomes one.
func (a *answer) name(status int) string {
	switch {
	case codePattern.MatchString(a.code):
		return a.code
	case a.reason == "RATE_LIMIT_EXCEEDED":
		return a.reason
	case a.request:
		return "BAD_REQUEST"
	case codePattern.MatchString(a.status):
		return a.status
	}
	return fmt.Sprintf("HTTP_%d", status)
}

func classifySuccess(body []byte) pusher.Result {
	var ok struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &ok) != nil || ok.Name == "" {
		// Something between us and Google answered, or Google did and it was cut.
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: "ANSWER_UNREADABLE", MaybeReceived: true}
	}
	return pusher.Result{Outcome: pusher.OutcomeAccepted, ProviderID: ok.Name, Code: "OK"}
}

func classifyStatus(status int, e answer, started time.Time) pusher.Result {
	project := pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject}
	switch {
	case status == http.StatusBadRequest:
		return pusher.Result{Outcome: pusher.OutcomeRejected, Quarantine: e.blamesAddress()}
	case thirdParty(e.code), status == http.StatusUnauthorized:
		return project
	case status == http.StatusForbidden && e.code == "SENDER_ID_MISMATCH",
		status == http.StatusNotFound && e.code == "UNREGISTERED":
		return pusher.Result{Outcome: pusher.OutcomeAddressGone, GoneSince: started}
	case status == http.StatusForbidden, status == http.StatusNotFound, status >= 300 && status < 400:
		return project
	case status == http.StatusTooManyRequests:
		return pusher.Result{Outcome: pusher.OutcomeRetry, Scope: e.quotaScope()}
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		// A gateway answered for a server that did not.
		return pusher.Result{Outcome: pusher.OutcomeRetry, MaybeReceived: true}
	case status >= 500, status == http.StatusRequestTimeout:
		return pusher.Result{Outcome: pusher.OutcomeRetry}
	}
	return pusher.Result{Outcome: pusher.OutcomeRejected}
}

// blamesAddress: INVALID_ARGUMENT stands for a malformed address and for a faulty request alike. It is the
// address's unless the answer names another field or carries no FcmError at all.
func (a *answer) blamesAddress() bool {
	if a.code != "INVALID_ARGUMENT" {
		return false
	}
	for _, field := range a.fields {
		if !strings.HasSuffix(field, kindToken) && !strings.HasSuffix(field, kindFID) {
			return false
		}
	}
	return true
}

// quotaScope tells a topic's and one device's limit from the project's. An answer that names none of them and carries
// no FcmError comes from the front end and means everybody.
func (a *answer) quotaScope() pusher.Scope {
	quota := strings.ToLower(a.quota)
	switch {
	case strings.Contains(quota, "topic"):
		return pusher.ScopeTopic
	case strings.Contains(quota, "device"), strings.Contains(quota, "token"):
		return pusher.ScopeDevice
	case strings.Contains(quota, "project"):
		return pusher.ScopeProject
	case a.code == "QUOTA_EXCEEDED":
		return pusher.ScopeDevice
	}
	return pusher.ScopeProject
}

func classifyExchange(err error) pusher.Result {
	var e *exchangeError
	r := pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeProject, Code: "TOKEN_UNAVAILABLE"}
	if !errors.As(err, &e) {
		return r
	}
	if e.status == 0 && errors.Is(e.cause, context.DeadlineExceeded) {
		r.Scope = pusher.ScopeDelivery
	}
	if e.status >= 400 && e.status < 500 && e.status != http.StatusTooManyRequests && e.status != http.StatusRequestTimeout {
		r.Outcome, r.Code = pusher.OutcomeMisconfigured, "TOKEN_REFUSED"
		if known := oauthCodes[e.code]; known != "" {
			r.Code = known
		}
	}
	return r
}

// oauthCodes keeps a hostile token endpoint from naming our counters.
var oauthCodes = map[string]string{
	"invalid_grant":       "TOKEN_INVALID_GRANT",
	"invalid_client":      "TOKEN_INVALID_CLIENT",
	"unauthorized_client": "TOKEN_UNAUTHORIZED_CLIENT",
	"invalid_scope":       "TOKEN_INVALID_SCOPE",
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
