package brand

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Recipient is who gets what a webhook is told.
type Recipient string

// The recipients. A third party is never told a store or a time of day: that would need each person's consent to this
// very recipient, and a notice at once to the person's phone, of which there is neither. For the same reason it is told of no visit and no decision.
const (
	OwnSystem  Recipient = "own_system"
	Processor  Recipient = "processor"
	ThirdParty Recipient = "third_party"
)

// WebhookEvent is one type of what a webhook is told.
type WebhookEvent string

// The types.
const (
	VisitEntered   WebhookEvent = "visit.entered"
	VisitDwelled   WebhookEvent = "visit.dwelled"
	VisitExited    WebhookEvent = "visit.exited"
	DecisionMade   WebhookEvent = "decision.made"
	DeliveryEnded  WebhookEvent = "delivery.ended"
	CouponRedeemed WebhookEvent = "coupon.redeemed"
	PersonErased   WebhookEvent = "person.erased"
)

// WebhookEvents are all types.
var WebhookEvents = []WebhookEvent{VisitEntered, VisitDwelled, VisitExited, DecisionMade, DeliveryEnded, CouponRedeemed, PersonErased}

// MostWebhooks bounds a brand's: every one of them is written with every decision that it is told of.
const MostWebhooks = 20

// Webhook is an endpoint that is told what happens.
type Webhook struct {
	ID            uuid.UUID      `json:"id"`
	BrandID       uuid.UUID      `json:"brand_id"`
	Name          string         `json:"name,omitempty"`
	URL           string         `json:"url"`
	Events        []WebhookEvent `json:"events"`
	Recipient     Recipient      `json:"recipient"`
	RecipientName string         `json:"recipient_name"`
	Place         bool           `json:"place,omitempty"` // is told the store and the time of day
	Paused        bool           `json:"paused,omitempty"`
	// DisabledAt is when the endpoint said that it is gone; zero: it did not, or was written anew since.
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	// Sealed is the secret ("whsec_…") under the nodes' root secret; Previous signs beside it until PreviousUntil.
	Sealed        []byte    `json:"-"`
	Previous      []byte    `json:"-"`
	PreviousUntil time.Time `json:"-"`
	Version       int64     `json:"-"`
	DeletedAt     time.Time `json:"-"`
}

// Open tells whether the endpoint is told anything now.
func (w *Webhook) Open() bool { return !w.Paused && w.DisabledAt.IsZero() }

// Wants tells whether the endpoint is told of a type now.
func (w *Webhook) Wants(e WebhookEvent) bool { return w.Open() && slices.Contains(w.Events, e) }

// Validate returns every fault. private tells the addresses, host:port, that the operator lets webhooks reach although
// they may not be public; only these may go without TLS. nil: none.
func (w *Webhook) Validate(private func(address string) bool) error {
	var vs Violations
	checkWebhookURL(&vs, w.URL, private)
	vs.Check(len(w.Name) <= 200 && utf8.ValidString(w.Name), "name", "must be text of at most 200 bytes")
	vs.Check(len(w.Events) > 0, "events", "missing: what is it told?")
	for _, e := range w.Events {
		vs.Check(slices.Contains(WebhookEvents, e), "events", "unknown type %q", e)
	}
	vs.Check(slices.Contains([]Recipient{OwnSystem, Processor, ThirdParty}, w.Recipient), "recipient", "unknown")
	vs.Check(strings.TrimSpace(w.RecipientName) != "" && len(w.RecipientName) <= 200 && utf8.ValidString(w.RecipientName),
		"recipient_name", "missing, or more than 200 bytes: it stands in the records that people can read")
	vs.Check(!w.Place || w.Recipient != ThirdParty, "place", "a third party is not told where and when people were")
	for _, e := range w.Events {
		vs.Check(w.Recipient != ThirdParty || e == DeliveryEnded || e == CouponRedeemed || e == PersonErased, "events",
			"a third party is not told %s: it comes of where people were", e)
	}
	return vs.Err()
}

func checkWebhookURL(vs *Violations, text string, private func(string) bool) {
	u, err := url.Parse(text)
	if err != nil || len(text) > 2000 || u.Hostname() == "" || u.Opaque != "" {
		vs.Add("url", "not a URL of at most 2000 bytes")
		return
	}
	own := private != nil && private(WebhookAddress(u))
	vs.Check(u.Scheme == "https" || u.Scheme == "http" && own, "url", "must be https")
	vs.Check(u.User == nil && u.Fragment == "", "url", "must hold no user, password or fragment")
}

// WebhookAddress is host:port of a URL, the port being that of its scheme where it names none.
func WebhookAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]:" + port
	}
	return u.Hostname() + ":" + port
}

// NewWebhookSecret makes a secret of 32 random bytes, as the Standard Webhooks specification spells them.
func NewWebhookSecret() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(secret[:])
}
