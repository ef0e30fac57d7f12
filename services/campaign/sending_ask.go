package campaign

import "time"

// Gates is a set of gates by their numbers.
type Gates uint32

// Has tells whether one of some gates is in the set.
func (g Gates) Has(numbers ...int) bool {
	for _, n := range numbers {
		if g&(1<<n) != 0 {
			return true
		}
	}
	return false
}

// Ask is the set of gates that would refuse a moment of the campaign now, each asked by itself, other than Decide, which
// stops at the first. It decides, reserves and records nothing. What is not live yet is taken for live.
func Ask(v *View, c *Campaign, m *Moment) (refusing Gates) {
	asked := *v
	asked.Stock = hopeful{v.Stock}
	live := *c
	live.State, live.DeletedAt = Live, time.Time{}
	r := &round{view: &asked}
	var j judged
	r.begin(&j, &Candidate{Campaign: &live, Moment: m})
	for _, gates := range [][]gate{eligibility, admission} {
		for _, g := range gates {
			if reason, _ := g(&j); reason != "" {
				refusing |= 1 << reason.Gate()
			}
		}
	}
	return refusing
}

// PutOff is until when nobody may wake a person for a moment that could wait for the morning; ok=false: it need not wait,
// or the morning comes after its deadline.
func PutOff(v *View, c *Campaign, m *Moment) (until time.Time, ok bool) {
	r := &round{view: v}
	var j judged
	r.judge(&j, c, m)
	j.deadline = deadlineOf(c, m)
	reason, values := j.awake()
	if reason == "" {
		reason, values = j.undisturbed()
	}
	if reason == "" {
		return time.Time{}, false
	}
	until, err := time.Parse(time.RFC3339, values["until"])
	return until, err == nil && until.After(v.Now) && until.Before(j.deadline)
}
