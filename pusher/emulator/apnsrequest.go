package emulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	maxAPNsBytes  = 4096
	maxVoIPBytes  = 5120
	maxCollapseID = 64
	devicePath    = "/3/device/"
)

var pushTypes = []string{
	"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity",
	"pushtotalk", "controls", "widgets",
}

// apnsRequest is one request as it came over HTTP/2.
type apnsRequest struct {
	method, path string
	header       http.Header // keys in lower case
	body         []byte
	parsed       map[string]any // the body, once it was checked
}

func (r *apnsRequest) get(name string) string {
	if values := r.header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func reason(status int, code string) *Outcome { return &Outcome{Status: status, Code: code} }

// check goes through everything APNs looks at before it looks at the device; nil: nothing is wrong.
func (a *APNs) check(r *apnsRequest, auth *authState) *Outcome {
	if r.method != http.MethodPost {
		return reason(http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
	token, ok := strings.CutPrefix(r.path, devicePath)
	if !ok || strings.Contains(token, "/") {
		return reason(http.StatusNotFound, "BadPath")
	}
	if refusal := auth.check(r.get("authorization"), a.o); refusal != nil {
		return refusal
	}
	if token == "" {
		return reason(http.StatusBadRequest, "MissingDeviceToken")
	}
	if refusal := r.checkHeader(a.o.Topics); refusal != nil {
		return refusal
	}
	if refusal := r.checkBody(); refusal != nil {
		return refusal
	}
	if !hexPattern.MatchString(token) {
		return reason(http.StatusBadRequest, "BadDeviceToken")
	}
	return nil
}

var hexPattern = regexp.MustCompile(`^([0-9a-fA-F]{2})+$`)

func (r *apnsRequest) checkHeader(topics []string) *Outcome {
	for name, values := range r.header {
		if len(values) > 1 && (strings.HasPrefix(name, "apns-") || name == "authorization") {
			return reason(http.StatusBadRequest, "DuplicateHeaders")
		}
	}
	kind, priority := r.get("apns-push-type"), r.get("apns-priority")
	_, wholeTime := strconv.ParseInt(r.get("apns-expiration"), 10, 64)
	switch {
	case r.get("apns-id") != "" && !canonicalUUID(r.get("apns-id")):
		return reason(http.StatusBadRequest, "BadMessageId")
	case r.get("apns-expiration") != "" && wholeTime != nil:
		return reason(http.StatusBadRequest, "BadExpirationDate")
	case kind != "" && !slices.Contains(pushTypes, kind):
		return reason(http.StatusBadRequest, "InvalidPushType")
	case !slices.Contains([]string{"", "1", "5", "10"}, priority), kind == "background" && priority != "5":
		return reason(http.StatusBadRequest, "BadPriority")
	case len(r.get("apns-collapse-id")) > maxCollapseID:
		return reason(http.StatusBadRequest, "BadCollapseId")
	case r.get("apns-topic") == "":
		return reason(http.StatusBadRequest, "MissingTopic")
	case !slices.Contains(topics, r.get("apns-topic")):
		return reason(http.StatusBadRequest, "TopicDisallowed")
	}
	return nil
}

func canonicalUUID(id string) bool {
	_, err := uuid.Parse(id)
	return err == nil && len(id) == 36
}

func (r *apnsRequest) checkBody() *Outcome {
	limit := maxAPNsBytes
	if r.get("apns-push-type") == "voip" {
		limit = maxVoIPBytes
	}
	if len(r.body) > limit {
		return reason(http.StatusRequestEntityTooLarge, "PayloadTooLarge")
	}
	if json.Unmarshal(r.body, &r.parsed) != nil || len(r.parsed) == 0 {
		return reason(http.StatusBadRequest, "PayloadEmpty")
	}
	return nil
}

func (r *apnsRequest) address() string { return strings.TrimPrefix(r.path, devicePath) }

func (r *apnsRequest) accepted(id string, now time.Time) Accepted {
	a := Accepted{
		Address: r.address(), Topic: r.get("apns-topic"), ProviderID: id,
		CollapseKey: r.get("apns-collapse-id"), Priority: r.get("apns-priority"),
	}
	switch at, err := strconv.ParseInt(r.get("apns-expiration"), 10, 64); {
	case err == nil && at > 0:
		a.Expires = time.Unix(at, 0).UTC()
	case err == nil && at == 0:
		a.Expires = now.UTC()
	}
	keys := make(map[string]string, len(r.parsed))
	for key, value := range r.parsed {
		if text, ok := value.(string); ok && key != "aps" {
			keys[key] = text
		}
	}
	a.readKeys(keys)
	a.Title, a.Body = alertText(r.parsed["aps"])
	return a
}

// alertText reads aps.alert in both its forms.
func alertText(aps any) (title, body string) {
	in, _ := aps.(map[string]any)
	if text, ok := in["alert"].(string); ok {
		return "", text
	}
	alert, _ := in["alert"].(map[string]any)
	title, _ = alert["title"].(string)
	body, _ = alert["body"].(string)
	return title, body
}

const (
	oldestToken = time.Hour
	tokenApart  = 20 * time.Minute
	clockSkew   = time.Minute
)

// authState is what a connection remembers of provider tokens. Its fields belong to the connection's lock.
type authState struct {
	known map[string]time.Time // verified tokens and when they were signed
	last  time.Time            // when the newest was first seen
}

// check verifies a provider token: signature, key and team, age, and how often it changes.
func (s *authState) check(authorization string, o APNsOptions) *Outcome {
	scheme, token, _ := strings.Cut(authorization, " ")
	if token == "" || !strings.EqualFold(scheme, "bearer") {
		return reason(http.StatusForbidden, "MissingProviderToken")
	}
	now := o.Now()
	issued, known := s.known[token]
	if !known {
		var refusal *Outcome
		if issued, refusal = verify(token, o); refusal != nil {
			return refusal
		}
	}
	switch {
	case now.Sub(issued) > oldestToken:
		return reason(http.StatusForbidden, "ExpiredProviderToken")
	case issued.Sub(now) > clockSkew:
		return reason(http.StatusForbidden, "InvalidProviderToken")
	case known:
		return nil
	case len(s.known) > 0 && now.Sub(s.last) < tokenApart:
		return reason(http.StatusTooManyRequests, "TooManyProviderTokenUpdates")
	}
	if s.known == nil {
		s.known = map[string]time.Time{}
	}
	s.known[token], s.last = issued, now
	return nil
}

func verify(token string, o APNsOptions) (time.Time, *Outcome) {
	claims := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return &o.Key.PublicKey, nil })
	if err != nil || parsed.Header["kid"] != o.KeyID || claims["iss"] != o.TeamID {
		return time.Time{}, reason(http.StatusForbidden, "InvalidProviderToken")
	}
	issued, err := claims.GetIssuedAt()
	if err != nil || issued == nil {
		return time.Time{}, reason(http.StatusForbidden, "InvalidProviderToken")
	}
	return issued.Time, nil
}
