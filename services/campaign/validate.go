package campaign

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/expression"
	"github.com/wantgo/wantgo/services/item"
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
	FaultExpression    = "EXPRESSION"     // not the CEL that this field takes; the text begins with line and column
)

// Known is what a campaign is judged against.
type Known struct {
	Brand *brand.Brand
	// Store finds a store of the brand; nil: there is none of that id.
	Store func(uuid.UUID) *store.Store
	// Fence finds a fence likewise. Nil: there are none.
	Fence func(uuid.UUID) *store.Fence
	// Item finds an item by the brand's own id; nil: items are not asked for.
	Item func(externalID string) *item.Item
	// Segment tells whether the brand has a segment; nil: segments are not asked for.
	Segment func(uuid.UUID) bool
	// Schema is what expressions may be about; nil: it is made of the brand's settings.
	Schema *expression.Schema
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
	maxReason      = 500
	maxVariants    = 10
	maxWeight      = 1000
	maxSegments    = 50
	maxHoldout     = brand.MaxHoldout
	maxRadius      = 50_000
	minRadius      = 10
	maxLinger      = 24 * time.Hour
	minRemind      = time.Minute
	maxRemind      = 30 * 24 * time.Hour
	maxNth         = 1000
	maxDays        = 365
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
	r.expressions()
	r.schedule()
	r.limits()
	r.category()
	r.offer()
	r.texts()
	r.links("", r.c.DeepLink, r.c.ImageURL)
	r.tags("tags", r.c.Tags)
	r.variants()
	r.people()
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
	case Draft, InReview, Ready, Live, Paused, Ended, Archived:
	default:
		r.fault("state", FaultUnknown, "state %q: want draft, in_review, scheduled, live, paused, ended or archived", clip(string(r.c.State), 32))
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

// category: whatever carries an offer, a fence triggers or a flash sends is an advertisement; what is not says why.
func (r *review) category() {
	c, t := r.c, &r.c.Trigger
	r.line("informational_reason", c.InformationalReason, maxReason)
	switch c.Category {
	case "", Ad:
		return
	case Informational, Transactional:
	default:
		r.fault("category", FaultUnknown, "category %q: want ad, informational or transactional", clip(string(c.Category), 32))
		return
	}
	switch {
	case c.Offer != nil:
		r.fault("category", FaultAlwaysAd, "a campaign with an offer is an advertisement")
	case slices.ContainsFunc(t.Kinds, func(k Kind) bool { return k.ByFence() || k == Flashed }):
		r.fault("category", FaultAlwaysAd, "a campaign that a geofence or a flash triggers is an advertisement")
	case c.Category == Transactional && slices.ContainsFunc(t.Kinds, Kind.ByClock):
		r.fault("category", FaultAlwaysAd, "what is about something the person has follows from what the person did, and is no sending")
	case strings.TrimSpace(c.InformationalReason) == "":
		r.fault("informational_reason", FaultRequired, "say why this is no advertisement")
	}
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
