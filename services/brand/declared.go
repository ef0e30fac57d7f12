package brand

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// What a brand may declare for its campaigns.
const (
	maxDeclared   = 200
	maxProperties = 50
	maxSetStores  = 10_000
	maxTopics     = 50
	maxDays       = 400
	// MaxHoldout is the largest share of people whom nothing is told.
	MaxHoldout = 0.5
)

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

// validateDeclared looks at types, attributes, store sets, topics and holidays.
func (s *Settings) validateDeclared(vs *Violations) {
	vs.Check(len(s.EventTypes) <= maxDeclared, "event_types", "more than %d", maxDeclared)
	seen := map[string]bool{}
	for i, e := range s.EventTypes {
		field := fmt.Sprintf("event_types[%d]", i)
		checkName(vs, field+".name", e.Name, seen)
		vs.Check(e.Kind == EventTask || e.Kind == EventContent, field+".way", "must be task or content")
		checkAttributes(vs, field+".properties", e.Properties, maxProperties)
	}
	checkAttributes(vs, "attributes", s.Attributes, maxDeclared)
	s.validateSets(vs)
	vs.Check(len(s.Topics) <= maxTopics, "topics", "more than %d", maxTopics)
	for i, topic := range s.Topics {
		field := fmt.Sprintf("topics[%d]", i)
		vs.Check(topic != "" && PlainText(topic, 64), field, "must be plain text of 1 to 64 characters")
		vs.Check(!slices.Contains(s.Topics[:i], topic), field, "twice")
	}
	vs.Check(s.Holdout >= 0 && s.Holdout <= MaxHoldout, "holdout", "must be 0 to %v", MaxHoldout)
	s.validateHolidays(vs)
}

func checkName(vs *Violations, field, name string, seen map[string]bool) {
	vs.Check(namePattern.MatchString(name), field, "must be a small letter and up to 63 small letters, digits and _")
	vs.Check(!seen[name], field, "twice")
	seen[name] = true
}

func checkAttributes(vs *Violations, field string, list []Attribute, most int) {
	vs.Check(len(list) <= most, field, "more than %d", most)
	seen := map[string]bool{}
	for i, a := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		checkName(vs, at+".name", a.Name, seen)
		vs.Check(slices.Contains([]string{TypeString, TypeNumber, TypeBool, TypeDate, TypeList}, a.Type), at+".type",
			"must be string, number, bool, date or list")
	}
}

func (s *Settings) validateSets(vs *Violations) {
	vs.Check(len(s.StoreSets) <= maxDeclared, "store_sets", "more than %d", maxDeclared)
	seen := map[string]bool{}
	for i, set := range s.StoreSets {
		field := fmt.Sprintf("store_sets[%d]", i)
		vs.Check(set.Name != "" && PlainText(set.Name, 64), field+".name", "must be plain text of 1 to 64 characters")
		vs.Check(!seen[set.Name], field+".name", "twice")
		seen[set.Name] = true
		vs.Check(len(set.Stores) <= maxSetStores, field+".store_external_ids", "more than %d", maxSetStores)
		parts := len(set.Stores) + len(set.Tags) + len(set.Districts) + len(set.Inside)
		vs.Check(parts > 0, field, "must choose stores by ids, tags, districts or an area")
	}
}

func (s *Settings) validateHolidays(vs *Violations) {
	for country, days := range s.Holidays {
		field := "holidays." + clip(country)
		vs.Check(countryPattern.MatchString(country), field, "not a country's two letters such as KR")
		for _, list := range []struct {
			field string
			days  []string
		}{{field + ".added", days.Added}, {field + ".removed", days.Removed}} {
			vs.Check(len(list.days) <= maxDays, list.field, "more than %d days", maxDays)
			for i, day := range list.days {
				_, err := time.Parse(time.DateOnly, day)
				vs.Check(err == nil, fmt.Sprintf("%s[%d]", list.field, i), "no day such as 2026-12-25")
			}
		}
	}
}
