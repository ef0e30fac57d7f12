package campaign

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// Violation is one fault of a campaign.
type Violation struct {
	Field  string // path in the campaign's JSON, e.g. "trigger.stores[2]"; "brand.…" for a setting of the brand
	Reason string // a code
	Text   string // for a person, in English
}

// The codes of violations.
const (
	FaultRequired      = "REQUIRED"
	FaultOutOfRange    = "OUT_OF_RANGE"
	FaultTooLong       = "TOO_LONG"
	FaultMalformed     = "MALFORMED"
	FaultUnknown       = "UNKNOWN"        // refers to what does not exist
	FaultNeverOccurs   = "NEVER_OCCURS"   // the campaign could never act
	FaultAlwaysAd      = "ALWAYS_AD"      // informational is not possible here
	FaultVariable      = "VARIABLE"       // unknown, or without a value here
	FaultLabel         = "LABEL"          // passes for the advertising label
	FaultBrandMissing  = "BRAND_SETTING"  // the brand lacks a setting that the campaign needs
	FaultContradiction = "CONTRADICTION"  // two fields do not go together
	FaultUnsafeAddress = "UNSAFE_ADDRESS" // a link that must not be opened
)

// Known is what a campaign is judged against.
type Known struct {
	Brand *brand.Brand
	// Store finds a store of the brand; nil: there is none of that id.
	Store func(uuid.UUID) *store.Store
	// FenceDwell: some fence of the brand has a dwell time of its own.
	FenceDwell bool
	// Now is engine time; schedules and offers must not be over by then.
	Now time.Time
}

// Limits of a campaign's fields. Lengths are in characters.
const (
	maxName        = 200
	maxExternalID  = 128
	maxPriority    = 1000
	maxStores      = 10_000
	maxTags        = 50
	maxTag         = 64
	maxCaps        = 20
	maxSpans       = 50
	maxTexts       = 50
	maxTitleText   = 80
	maxBodyText    = 300
	maxOfferTitle  = 80
	maxLink        = 512
	maxStock       = 1_000_000_000
	maxPerPerson   = 10_000
	maxDwell       = 24 * time.Hour
	minDeadline    = time.Minute
	maxDeadline    = time.Hour
	maxValidity    = 366 * 24 * time.Hour
	maxSender      = 40
	maxOptOutChars = 100
)

// review collects faults.
type review struct {
	c      *Campaign
	known  *Known
	faults []Violation
}

func (r *review) fault(field, reason, format string, args ...any) {
	r.faults = append(r.faults, Violation{field, reason, fmt.Sprintf(format, args...)})
}

// Validate names every fault of a campaign, in the order of its fields; none: it may be kept, and put live. A
// campaign that has ended is not asked whether it could still act. The sender of a Korean brand is asked for when
// the campaign is live.
func Validate(c *Campaign, known Known) []Violation {
	r := &review{c: c, known: &known}
	if known.Brand == nil {
		r.fault("brand", FaultBrandMissing, "the brand is not known")
		return r.faults
	}
	r.identity()
	r.trigger()
	r.schedule()
	r.limits()
	r.category()
	r.offer()
	r.texts()
	r.links()
	r.sender()
	return r.faults
}

func (r *review) identity() {
	if r.c.ID == uuid.Nil {
		r.fault("id", FaultRequired, "a campaign needs an id")
	}
	r.line("external_id", r.c.ExternalID, maxExternalID)
	if strings.TrimSpace(r.c.Name) == "" {
		r.fault("name", FaultRequired, "a campaign needs a name")
	}
	r.line("name", r.c.Name, maxName)
	switch r.c.State {
	case Draft, Live, Paused, Ended:
	default:
		r.fault("state", FaultUnknown, "state %q: want draft, live, paused or ended", clip(string(r.c.State), 32))
	}
}

// line refuses what is not one clean line of at most limit characters.
func (r *review) line(field, s string, limit int) {
	switch {
	case !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\n"):
		r.fault(field, FaultMalformed, "not one line of valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		r.fault(field, FaultTooLong, "%d characters, at most %d", utf8.RuneCountInString(s), limit)
	}
}

func (r *review) trigger() {
	t := &r.c.Trigger
	r.kinds()
	r.dwell()
	if len(t.Stores) > maxStores {
		r.fault("trigger.stores", FaultTooLong, "%d stores, at most %d", len(t.Stores), maxStores)
	} else {
		for i, id := range t.Stores {
			if r.store(id) == nil {
				r.fault(fmt.Sprintf("trigger.stores[%d]", i), FaultUnknown, "the brand has no store %s", id)
			}
		}
	}
	r.tags("trigger.tags", t.Tags)
	for i, p := range t.Purposes {
		if p != store.Visit && p != store.Near && p != store.Other {
			r.fault(fmt.Sprintf("trigger.purposes[%d]", i), FaultUnknown, "purpose %q: want visit, near or other", clip(string(p), 32))
		}
	}
}

func (r *review) kinds() {
	kinds := r.c.Trigger.Kinds
	if len(kinds) == 0 {
		r.fault("trigger.kinds", FaultRequired, "want entered, dwelled, exited or approached, or some of them")
	}
	for i, kind := range kinds {
		field := fmt.Sprintf("trigger.kinds[%d]", i)
		if _, err := ParseKind(string(kind)); err != nil {
			r.fault(field, FaultUnknown, "want entered, dwelled, exited or approached")
		} else if slices.Contains(kinds[:i], kind) {
			r.fault(field, FaultContradiction, "%s stands there already", kind)
		}
	}
}

func (r *review) dwell() {
	t := &r.c.Trigger
	switch {
	case t.Dwell < 0 || t.Dwell > maxDwell || t.Dwell%time.Second != 0:
		r.fault("trigger.dwell", FaultOutOfRange, "%s is not whole seconds within 0..%s", t.Dwell, maxDwell)
	case t.Dwell > 0 && !t.On(Dwelled):
		r.fault("trigger.dwell", FaultContradiction, "only a dwelled trigger has a dwell time")
	case t.Dwell == 0 && t.On(Dwelled) && r.known.Brand.Settings.Presence.Dwell == 0 && !r.known.FenceDwell:
		r.fault("trigger.dwell", FaultNeverOccurs, "neither the campaign nor the brand's fences say how long a stay must last")
	}
}

func (r *review) store(id uuid.UUID) *store.Store {
	if r.known.Store == nil {
		return nil
	}
	return r.known.Store(id)
}

func (r *review) tags(field string, tags []string) {
	if len(tags) > maxTags {
		r.fault(field, FaultTooLong, "%d tags, at most %d", len(tags), maxTags)
		return
	}
	for i, tag := range tags {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(tag) == "" {
			r.fault(at, FaultRequired, "an empty tag")
		}
		r.line(at, tag, maxTag)
	}
}

func (r *review) limits() {
	if r.c.Priority < -maxPriority || r.c.Priority > maxPriority {
		r.fault("priority", FaultOutOfRange, "%d is not within %d..%d", r.c.Priority, -maxPriority, maxPriority)
	}
	longest := r.known.Brand.Settings.LongestCapWindow
	if longest == 0 {
		longest = cap.DefaultLongest
	}
	if len(r.c.Caps) > maxCaps {
		r.fault("caps", FaultTooLong, "%d caps, at most %d", len(r.c.Caps), maxCaps)
	} else {
		for i, c := range r.c.Caps {
			if err := cap.Validate(c, longest); err != nil {
				r.fault(fmt.Sprintf("caps[%d]", i), FaultOutOfRange, "%s", err)
			}
		}
	}
	if r.c.Cooldown < 0 || r.c.Cooldown > longest {
		r.fault("cooldown", FaultOutOfRange, "%s is not within 0..%s, the brand's longest window", r.c.Cooldown, longest)
	}
	if d := r.c.Deadline; d != 0 && (d < minDeadline || d > maxDeadline) {
		r.fault("deadline", FaultOutOfRange, "%s is not within %s..%s", d, minDeadline, maxDeadline)
	}
}

// category: whatever a fence triggers is an advertisement, and so is whatever carries an offer.
func (r *review) category() {
	switch r.c.Category {
	case "", Ad:
	case Informational:
		if r.c.Offer != nil {
			r.fault("category", FaultAlwaysAd, "a campaign with an offer is an advertisement")
		} else {
			r.fault("category", FaultAlwaysAd, "a campaign that a geofence triggers is an advertisement")
		}
	default:
		r.fault("category", FaultUnknown, "category %q: want ad or informational", clip(string(r.c.Category), 32))
	}
}

func (r *review) links() {
	if r.c.DeepLink != "" {
		u := r.link("deep_link", r.c.DeepLink)
		if u != nil && (u.Scheme == "javascript" || u.Scheme == "data" || u.Scheme == "file" || u.Scheme == "vbscript") {
			r.fault("deep_link", FaultUnsafeAddress, "scheme %q must not be opened", u.Scheme)
		}
	}
	if r.c.ImageURL != "" {
		u := r.link("image_url", r.c.ImageURL)
		if u != nil && (u.Scheme != "https" || u.Host == "") {
			r.fault("image_url", FaultMalformed, "an image needs an https address")
		}
	}
	r.tags("tags", r.c.Tags)
}

func (r *review) link(field, address string) *url.URL {
	if len(address) > maxLink {
		r.fault(field, FaultTooLong, "%d bytes, at most %d", len(address), maxLink)
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || tidy(address) != address || strings.ContainsRune(address, ' ') {
		r.fault(field, FaultMalformed, "not an address with a scheme")
		return nil
	}
	return u
}

func (r *review) sender() {
	s := &r.known.Brand.Settings
	if r.c.State != Live || s.Jurisdiction != Korea {
		return
	}
	for _, f := range []struct{ field, value string }{{"brand.sender_name", s.SenderName}, {"brand.sender_contact", s.SenderContact}} {
		if tidy(f.value) == "" {
			r.fault(f.field, FaultBrandMissing, "a Korean brand's advertisement names its sender and a contact; set it before going live")
		}
		r.line(f.field, f.value, maxSender)
	}
	for locale, text := range s.OptOutText {
		field := "brand.opt_out_text." + clip(tidy(locale), 35)
		r.line(field, text, maxOptOutChars)
		if language(canonical(locale)) == "ko" && !strings.Contains(tidy(text), refusalWord) {
			r.fault(field, FaultBrandMissing, "a Korean opt-out text must say %s", refusalWord)
		}
	}
}
