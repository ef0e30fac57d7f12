package brand

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Recipient is who gets what a webhook is told.
type Recipient string

// The recipients. A third party is told a store or a time of day, and that there was a visit or a decision at all, only of
// people whose consent names this very recipient and what it is for.
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

// Locates tells the types of what comes of a person's location: that there is one at all says where somebody was.
func (e WebhookEvent) Locates() bool {
	return e == VisitEntered || e == VisitDwelled || e == VisitExited || e == DecisionMade
}

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
	// RecipientPurpose is, of a third party that is told places, what it has them for, as people agreed to it.
	RecipientPurpose string `json:"recipient_purpose,omitempty"`
	Place            bool   `json:"place,omitempty"` // is told the store and the time of day
	Paused           bool   `json:"paused,omitempty"`
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
	w.checkThirdParty(&vs)
	return vs.Err()
}

// checkThirdParty: a third party is told places by consents that name it and what for, or not at all.
func (w *Webhook) checkThirdParty(vs *Violations) {
	if w.Recipient != ThirdParty {
		vs.Check(w.RecipientPurpose == "", "recipient_purpose", "only of a third party")
		return
	}
	vs.Check(ValidRecipient(w.RecipientName), "recipient_name", RecipientRule)
	vs.Check(ValidRecipient(w.RecipientPurpose), "recipient_purpose", RecipientRule)
	vs.Check(!w.Place || w.RecipientPurpose != "", "recipient_purpose",
		"missing: a third party is told where and when people were by consents that name it and what for")
	for _, e := range w.Events {
		vs.Check(w.Place || !e.Locates(), "events", "a third party is told %s only with place: it comes of where people were", e)
	}
}

// RecipientRule says what ValidRecipient asks for.
const RecipientRule = "must be plain text of at most 200 bytes without blanks at its ends"

// ValidRecipient tells whether a text can name a recipient, or what it has something for, so that it is compared letter by
// letter. Empty text can.
func ValidRecipient(text string) bool {
	return len(text) <= 200 && utf8.ValidString(text) && text == strings.TrimSpace(text) && !strings.ContainsFunc(text, unicode.IsControl)
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
