package campaign

import "time"

// NextEdge is when the schedule of any campaign of the index next begins or ceases to hold by the wall clock of loc,
// after now and before until; until if none does. A change of the clocks counts as an edge: hours move with it.
func (x *Index) NextEdge(now, until time.Time, loc *time.Location) time.Time {
	local := now.In(loc)
	if _, change := local.ZoneBounds(); !change.IsZero() && change.After(now) && change.Before(until) {
		until = change
	}
	seen := map[*Campaign]struct{}{}
	look := func(list []*entry) {
		for _, e := range list {
			if _, again := seen[e.campaign]; !again {
				seen[e.campaign] = struct{}{}
				until = e.campaign.Schedule.nextEdge(local, until)
			}
		}
	}
	for _, list := range x.byStore {
		look(list)
	}
	for _, list := range x.byTag {
		look(list)
	}
	for _, list := range x.general {
		look(list)
	}
	return until
}

// nextEdge looks at the days from yesterday, whose stretches may reach into today, to the one until falls on.
func (s *Schedule) nextEdge(local, until time.Time) time.Time {
	if s.StartDate == "" && s.EndDate == "" && len(s.Weekly) == 0 {
		return until
	}
	year, month, date := local.Date()
	for day := -1; day <= 1+int(until.Sub(local)/(24*time.Hour)); day++ {
		at := func(minute int) time.Time { return time.Date(year, month, date+day, 0, minute, 0, 0, local.Location()) }
		until = s.edgeAt(at(0), local, until)
		for _, span := range s.Weekly {
			end := span.Until
			if end <= span.From {
				end += minutesOfDay
			}
			until = s.edgeAt(at(end), local, s.edgeAt(at(span.From), local, until))
		}
	}
	return until
}

// edgeAt is at, if the schedule changes there and that is before until.
func (s *Schedule) edgeAt(at, after, until time.Time) time.Time {
	if at.After(after) && at.Before(until) && s.At(at) != s.At(at.Add(-time.Minute)) {
		return at
	}
	return until
}
