package audience

import (
	"slices"

	"github.com/google/uuid"
)

// The bounds of a person's own limits.
const (
	MaxOwnLimit    = 1000 // notifications a day or a week
	MaxMutedStores = 200
	minutesADay    = 24 * 60
)

// Check returns every fault of a person's own limits: topics must be among those of the brand, stores exist. nil: none.
func (l *Limits) Check(topics []string, isStore func(uuid.UUID) bool) error {
	var vs Violations
	vs.Check(l.PerDay >= 0 && l.PerDay <= MaxOwnLimit, "per_day", "must be 0 (no limit of one's own) to %d", MaxOwnLimit)
	vs.Check(l.PerWeek >= 0 && l.PerWeek <= MaxOwnLimit, "per_week", "must be 0 (no limit of one's own) to %d", MaxOwnLimit)
	for _, topic := range l.MutedTopics {
		vs.Check(slices.Contains(topics, topic), "muted_topics", "%q is no topic of the brand", clipped(topic))
	}
	vs.Check(len(l.MutedStores) <= MaxMutedStores, "muted_stores", "more than %d", MaxMutedStores)
	for _, id := range l.MutedStores {
		vs.Check(isStore(id), "muted_stores", "there is no such store")
	}
	vs.Check(l.QuietFrom >= 0 && l.QuietFrom < minutesADay, "quiet_from", "must be a time of day")
	vs.Check(l.QuietUntil >= 0 && l.QuietUntil < minutesADay, "quiet_until", "must be a time of day")
	return vs.Err()
}

// IsZero tells limits that limit nothing.
func (l *Limits) IsZero() bool {
	return l == nil || l.PerDay == 0 && l.PerWeek == 0 && len(l.MutedTopics) == 0 && len(l.MutedStores) == 0 && l.QuietFrom == l.QuietUntil
}
