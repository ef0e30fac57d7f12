package cap

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// DefaultLongest is the longest window of a brand that set none.
const DefaultLongest = 30 * 24 * time.Hour

// The widest settings taken.
const (
	maxLimit = 10_000
	maxKey   = 128 // characters
)

// nominal is the length by which a calendar period is admitted under a brand's longest window: a month
// passes from 30 days on. Keep covers its longest form.
var nominal = map[Calendar]time.Duration{Day: 24 * time.Hour, Week: 7 * 24 * time.Hour, Month: 30 * 24 * time.Hour}

// Keep is how long history must be kept (as entries or folds) for caps of windows up to longest to be exact: a
// month may have 31 days, a change of zone may move its first midnight by up to 26 hours, and a folded
// day ends up to 25 hours after its first entry.
func Keep(longest time.Duration) time.Duration {
	if longest >= nominal[Month] {
		longest = max(longest, 31*24*time.Hour)
	}
	return longest + 51*time.Hour
}

// Validate refuses a cap that cannot mean anything, or whose window is longer than longest
// (0: DefaultLongest), naming the field.
func Validate(c Cap, longest time.Duration) error {
	if c.Scope < Brand || c.Scope > Campaign {
		return fmt.Errorf("scope: %d is unknown", c.Scope)
	}
	if c.Limit < 1 || c.Limit > maxLimit {
		return fmt.Errorf("limit: %d is not in 1..%d", c.Limit, maxLimit)
	}
	if err := validateKey(c); err != nil {
		return err
	}
	if longest == 0 {
		longest = DefaultLongest
	}
	return validateWindow(c.Window, longest)
}

func validateKey(c Cap) error {
	if c.Key == "" {
		return nil
	}
	switch c.Scope {
	case Brand:
		return fmt.Errorf("key: a brand cap has none, got %q", c.Key)
	case Store, Campaign:
		id, err := uuid.Parse(c.Key)
		if err != nil || id == uuid.Nil || id.String() != c.Key {
			return fmt.Errorf("key: %q is not the id of a %s in its canonical form", c.Key, c.Scope)
		}
	}
	if !utf8.ValidString(c.Key) || utf8.RuneCountInString(c.Key) > maxKey {
		return fmt.Errorf("key: not valid text of at most %d characters", maxKey)
	}
	return nil
}

func validateWindow(w Window, longest time.Duration) error {
	if (w.Rolling != 0) == (w.Calendar != 0) {
		return fmt.Errorf("window: exactly one of rolling and calendar must be set")
	}
	if w.Calendar != 0 {
		span, known := nominal[w.Calendar]
		if !known {
			return fmt.Errorf("window.calendar: %d is unknown", w.Calendar)
		}
		if span > longest {
			return fmt.Errorf("window.calendar: longer than the brand's longest window of %s", longest)
		}
		return nil
	}
	if w.Rolling < time.Minute {
		return fmt.Errorf("window.rolling: %s is shorter than a minute", w.Rolling)
	}
	if w.Rolling > longest {
		return fmt.Errorf("window.rolling: %s is longer than the brand's longest window of %s", w.Rolling, longest)
	}
	return nil
}
