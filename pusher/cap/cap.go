// Package cap answers two questions about one person by arithmetic on a history and a time: may one more
// notification be planned for this moment (caps and the minimum gap), and does the clock allow it where the
// person is (quiet hours)?
//
// It promises: a cap counts a notification once, whatever the devices or requests; a planned time is refused
// whenever any window that holds it would hold more than the limit, reservations for later included; history
// folded into days may be counted for more than it was, never for less; calendar periods are the person's own,
// daylight saving included; a missing input refuses.
//
// It does not store, reserve or forget anything, reads no clock, and knows no other package of the project: who
// asks passes history and time, and writes what it decided under its own concurrency control.
package cap

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Scope says which notifications a cap counts together.
type Scope uint8

// The scopes.
const (
	Brand    Scope = iota + 1 // all of the brand's notifications to the person
	Channel                   // those of one channel, e.g. "push"
	Tag                       // those carrying one tag
	Store                     // those about one store
	Campaign                  // those of one campaign
)

var scopeNames = [...]string{Brand: "brand", Channel: "channel", Tag: "tag", Store: "store", Campaign: "campaign"}

// String is the scope's name in settings and reasons.
func (s Scope) String() string {
	if s < Brand || s > Campaign {
		return fmt.Sprintf("scope(%d)", uint8(s))
	}
	return scopeNames[s]
}

// ParseScope reads a scope's name.
func ParseScope(name string) (Scope, error) {
	for s := Brand; s <= Campaign; s++ {
		if scopeNames[s] == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("scope: %q is none of brand, channel, tag, store, campaign", name)
}

// Calendar is a calendar period in the person's zone.
type Calendar uint8

// The calendar periods. The zero value means that a window is rolling.
const (
	Day   Calendar = iota + 1 // midnight to midnight
	Week                      // Monday to Sunday
	Month                     // first to last
)

// Window is the span a cap counts over: exactly one of the two fields is set.
type Window struct {
	Rolling  time.Duration // the span (t-Rolling, t]: what is exactly Rolling old no longer counts
	Calendar Calendar      // the period that holds t, in History.Location
}

// Cap allows at most Limit notifications of its scope in its window.
type Cap struct {
	Scope Scope
	// Key is the channel, the tag, or the store's or campaign's id in its text form. A candidate with another
	// key is not concerned. Empty means the candidate's own: "each store at most once a day". A candidate with
	// several tags is then counted once per tag. A brand cap has no key.
	Key    string
	Limit  int
	Window Window
}

// Entry is one notification in a person's history, or the candidate for it.
type Entry struct {
	NotificationID  uuid.UUID
	At              time.Time // its planned sending
	Campaign, Store uuid.UUID // uuid.Nil: none
	Channel         string
	Tags            []string
	Released        bool // surely received by no device: counts no more
}

// Fold is how many notifications of one scope and key were planned in one day of the past, [From, Until).
// The instants are kept, not the date, so that a person's change of zone moves nothing.
type Fold struct {
	From, Until time.Time
	Scope       Scope
	Key         string
	Count       int
}

// History is what counts against one person's caps.
type History struct {
	Location *time.Location // the person's zone; nil refuses whatever a calendar window would count
	Entries  []Entry        // in any order; one notification may stand here several times
	Folds    []Fold         // older entries, see Compact
}

// keys lists the keys under which e counts in scope s.
func (e *Entry) keys(s Scope) []string {
	switch s {
	case Brand:
		return []string{""}
	case Channel:
		return nonEmpty(e.Channel)
	case Tag:
		return e.Tags
	case Store:
		return idKey(e.Store)
	case Campaign:
		return idKey(e.Campaign)
	}
	return nil
}

func nonEmpty(key string) []string {
	if key == "" {
		return nil
	}
	return []string{key}
}

func idKey(id uuid.UUID) []string {
	if id == uuid.Nil {
		return nil
	}
	return []string{id.String()}
}

// has tells whether e counts under key in scope s; it compares without building texts for the common scopes.
func (e *Entry) has(s Scope, key string, id uuid.UUID) bool {
	switch s {
	case Brand:
		return true
	case Channel:
		return e.Channel == key
	case Store:
		return e.Store == id
	case Campaign:
		return e.Campaign == id
	}
	for _, tag := range e.Tags {
		if tag == key {
			return true
		}
	}
	return false
}
