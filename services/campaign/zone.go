package campaign

import (
	"sync"
	"time"
	_ "time/tzdata" // the night of the law must be known on machines without zone files, too

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
)

// zones keeps loaded time zones; only names that loaded are kept, so it is bounded by the zones there are.
var zones sync.Map // string -> *time.Location

// zone is the named zone, or nil when there is none of that name.
func zone(name string) *time.Location {
	if name == "" || len(name) > 64 {
		return nil
	}
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location)
	}
	loc, err := cap.Zone(name)
	if err != nil {
		return nil
	}
	zones.Store(name, loc)
	return loc
}

// firstZone is the first of the names that is a zone, or nil.
func firstZone(names ...string) *time.Location {
	for _, name := range names {
		if loc := zone(name); loc != nil {
			return loc
		}
	}
	return nil
}

// Korea is the jurisdiction whose advertising rules are statutory.
const Korea = "KR"

// Quiet hours outside Korea, by the recipient's wall clock.
const (
	quietFrom  = 21 * time.Hour
	quietUntil = 8 * time.Hour
)

// nightOf is the brand's night; bare: that of the law alone.
func nightOf(s *brand.Settings, bare bool) (cap.Quiet, error) {
	if bare {
		law := brand.Settings{Jurisdiction: s.Jurisdiction}
		return Night(&law)
	}
	return Night(s)
}

type nightKey struct {
	korean      bool
	close, open time.Duration
}

// nights keeps the quiet hours of the settings seen. Margins are whole minutes of at most two hours, so they are few.
var nights sync.Map // nightKey -> cap.Quiet

// Night is the hours in which a brand's advertisements need a consent of their own. An error means that they
// are not known, and then it is night.
func Night(s *brand.Settings) (cap.Quiet, error) {
	key := nightKey{s.Jurisdiction == Korea, s.QuietCloseMargin, s.QuietOpenMargin}
	if q, ok := nights.Load(key); ok {
		return q.(cap.Quiet), nil
	}
	var q cap.Quiet
	var err error
	if key.korean {
		q, err = cap.KoreanNight(key.close, key.open)
	} else {
		q, err = cap.RecipientNight(quietFrom, quietUntil, key.close, key.open)
	}
	if err == nil {
		nights.Store(key, q)
	}
	return q, err
}
