package campaign

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/store"
)

// Campaign says which moments, which hours, which offer or notice, under which caps.
type Campaign struct {
	ID         uuid.UUID       `json:"id"`
	ExternalID string          `json:"external_id"`
	Name       string          `json:"name"`
	State      State           `json:"state"`
	Trigger    Trigger         `json:"trigger"`
	Schedule   Schedule        `json:"schedule"`
	Priority   int             `json:"priority"` // larger first
	Caps       []cap.Cap       `json:"caps,omitempty"`
	Cooldown   time.Duration   `json:"cooldown,omitempty"` // least time between two of this campaign for one person
	Deadline   time.Duration   `json:"deadline,omitempty"` // 1 to 60 min from the ping; 0: by the moment's kind
	Category   Category        `json:"category"`
	Offer      *Offer          `json:"offer,omitempty"` // nil: a notice without a coupon
	Texts      map[string]Text `json:"texts"`           // by locale
	DeepLink   string          `json:"deep_link,omitempty"`
	ImageURL   string          `json:"image_url,omitempty"`
	Tags       []string        `json:"tags,omitempty"`      // for caps by tag
	OpenOnly   bool            `json:"open_only,omitempty"` // only while the store is open
	// OpenLead is how long before the store opens OpenOnly holds already, OpenTail how long before it closes it ceases to.
	OpenLead time.Duration `json:"open_lead,omitempty"`
	OpenTail time.Duration `json:"open_tail,omitempty"`
	// Audience says in CEL which people, at which stores and moments; empty: all.
	Audience string      `json:"audience,omitempty"`
	Segments []uuid.UUID `json:"segments,omitempty"` // people in any of these; empty: all
	Excluded []uuid.UUID `json:"excluded,omitempty"` // and in none of these
	// Holdout is the share of people, 0 to 0.5, who are counted and told nothing.
	Holdout  float64   `json:"holdout,omitempty"`
	Variants []Variant `json:"variants,omitempty"` // empty: one, of the fields above
	// WrittenBy is who wrote what it says last, SubmittedBy who handed that in; neither may approve it.
	WrittenBy   string `json:"written_by,omitempty"`
	SubmittedBy string `json:"submitted_by,omitempty"`
	// InformationalReason says why the category informational is right, for the record.
	InformationalReason string    `json:"informational_reason,omitempty"`
	Revision            int64     `json:"revision,omitempty"` // grows with every change of what is decided by
	CreatedAt           time.Time `json:"created_at,omitzero"`
	UpdatedAt           time.Time `json:"updated_at,omitzero"`
	Version             int64     `json:"-"` // catalogue version of the last change; its etag
	DeletedAt           time.Time `json:"-"`
}

// State is where a campaign is in its life.
type State string

// The states of a campaign.
const (
	Draft    State = "draft"
	InReview State = "in_review" // somebody else is to look at it
	Ready    State = "scheduled" // approved; live when its schedule begins
	Live     State = "live"
	Paused   State = "paused"
	Ended    State = "ended"
	Archived State = "archived" // ended, and out of the lists
)

// Category tells advertisements from information. Whatever carries an offer, and whatever a fence triggers, is an advertisement.
type Category string

// The categories. The empty one is Ad.
const (
	Ad            Category = "ad"
	Informational Category = "informational"
	// Transactional is about what the person has: no cap counts it and none holds it back.
	Transactional Category = "transactional"
)

// Trigger names the moments that start the campaign.
type Trigger struct {
	Kinds []Kind `json:"kinds"` // any of these, each once
	// Dwell is the least stay for dwelled; 0: the fence's own dwell time.
	Dwell  time.Duration `json:"dwell,omitempty"`
	Stores []uuid.UUID   `json:"stores,omitempty"` // any of these stores
	Tags   []string      `json:"tags,omitempty"`   // or any store with one of these tags; both empty: every store
	// Districts, Inside and Sets choose further stores: of these districts, inside this GeoJSON polygon, of these of the
	// brand's saved sets.
	Districts []string        `json:"districts,omitempty"`
	Inside    json.RawMessage `json:"inside,omitempty"`
	Sets      []string        `json:"sets,omitempty"`
	Purposes  []store.Purpose `json:"purposes"`             // fence purposes; empty: visit and near
	Fences    []uuid.UUID     `json:"fences,omitempty"`     // or any of these fences, whatever their purpose
	FenceTags []string        `json:"fence_tags,omitempty"` // or with one of these tags
	// Radius, metres, is that of near fences of the campaign's own round the chosen stores; 0: none.
	Radius float64 `json:"radius,omitempty"`
	// Filter says in CEL which moments; empty: all.
	Filter     string   `json:"filter,omitempty"`
	Types      []string `json:"types,omitempty"`      // did: AppEvents of these declared types
	Items      []string `json:"items,omitempty"`      // about one of these items, by the brand's own id
	Categories []string `json:"categories,omitempty"` // or of one of these categories
	Keywords   []string `json:"keywords,omitempty"`   // searched: one of these; empty: any
	// Linger is the least time on an item for lingered; 0: any.
	Linger time.Duration `json:"linger,omitempty"`
	Nth    *Nth          `json:"nth,omitempty"`
	Remind *Remind       `json:"remind,omitempty"`
	// Related offers another item of the moment's item's category; without one there is no moment.
	Related bool  `json:"related,omitempty"`
	Send    *Send `json:"send,omitempty"` // for flashed, scheduled, dated and absent
}

// Nth asks that an entry is a visit of a certain number. It reads the history that loc_retain allows, and nothing else.
type Nth struct {
	Visit  int  `json:"visit"`            // the first is 1
	Every  bool `json:"every,omitempty"`  // and each further Visit visits
	Within int  `json:"within,omitempty"` // days back in which visits count; 0: as far as kept
	// AnyStore counts visits to all stores of the brand together.
	AnyStore bool `json:"any_store,omitempty"`
}

// Remind says a notification is made some time after the moment, unless the person bought or removed the item meanwhile.
type Remind struct {
	After time.Duration `json:"after"` // a minute to 30 days
	// Keep does not let a purchase or removal stop it.
	Keep bool `json:"keep,omitempty"`
}

// Send is what a campaign sends by the clock, to an audience: a job that is estimated, paced, resumed and cancelled.
type Send struct {
	At time.Time `json:"at,omitzero"` // flashed and scheduled: when it begins
	// Repeat is how often scheduled begins again, by the wall clock of the brand's zone: "", "daily", "weekly", "monthly".
	Repeat string `json:"repeat,omitempty"`
	// Until ends the repeating; zero: the schedule's end.
	Until time.Time `json:"until,omitzero"`
	// TimeOfDay is when dated and absent begin, minutes after midnight in the brand's zone.
	TimeOfDay int `json:"time_of_day,omitempty"`
	// Date is what dated counts to: "birthday", "coupon_end", or an attribute of type date.
	Date string `json:"date,omitempty"`
	// Days is how many days before the date (dated), or without a sign of the person (absent).
	Days int `json:"days,omitempty"`
	// Without is what has been absent: "visit", "purchase" or "opening".
	Without string `json:"without,omitempty"`
	// PerMinute bounds how many notifications it makes a minute; 0: the brand's pace.
	PerMinute int `json:"per_minute,omitempty"`
}

// Variant is one way to say it. What it leaves empty is the campaign's.
type Variant struct {
	Name     string          `json:"name"`
	Weight   int             `json:"weight"` // its share is weight / sum of weights
	Texts    map[string]Text `json:"texts,omitempty"`
	DeepLink string          `json:"deep_link,omitempty"`
	ImageURL string          `json:"image_url,omitempty"`
}

// Schedule says when the campaign may act, in the store's zone.
type Schedule struct {
	StartDate string       `json:"start_date,omitempty"` // YYYY-MM-DD, first day; empty: at once
	EndDate   string       `json:"end_date,omitempty"`   // YYYY-MM-DD, last day; empty: no end
	Weekly    []store.Span `json:"weekly,omitempty"`     // empty: at all hours
	// Start and End are instants, beside the dates: from the one, until before the other.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Exceptions replace the weekly hours on their days.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// Holidays says what a public holiday of the store's country does: "" nothing, "skip" or "only".
	Holidays string `json:"holidays,omitempty"`
}

// What Schedule.Holidays may say.
const (
	HolidaysSkip = "skip"
	HolidaysOnly = "only"
)

// Exception is one day of a schedule with hours of its own.
type Exception struct {
	Date  string     `json:"date"`            // YYYY-MM-DD
	Hours []DayHours `json:"hours,omitempty"` // empty: not at all
}

// DayHours is a stretch of a day in minutes after its midnight; until may be up to 2880, past the next midnight.
type DayHours struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// Offer is the promise: what a coupon of this campaign is worth, how many there are and how long each lives.
type Offer struct {
	ID         uuid.UUID         `json:"id"`
	Titles     map[string]string `json:"titles"`          // by locale
	Stock      int64             `json:"stock,omitempty"` // coupons in all; 0: without limit
	PerPerson  int               `json:"per_person"`      // coupons a person may ever get; 0: without limit
	Validity   time.Duration     `json:"validity,omitempty"`
	ValidUntil time.Time         `json:"valid_until,omitzero"` // the earlier of the two ends a coupon
	// AnyStore lets the coupon be redeemed in every store of the brand; else only in those of the trigger.
	AnyStore bool `json:"any_store,omitempty"`
}

// Text is what is said in one locale. Variables: {store} {offer} {brand} {coupon_code} {expires} {item} {price} {keyword}
// and {person.<attribute>}; {name|otherwise} says what stands there without a value.
type Text struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}
