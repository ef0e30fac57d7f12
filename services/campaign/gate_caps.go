package campaign

import (
	"strconv"

	"github.com/wantgo/wantgo/pusher/cap"
)

// uncounted tells what caps, cooldowns and gaps neither count nor hold back: notices about what the person has, by their
// class, and whatever a test person gets.
func (j *judged) uncounted() bool { return j.class == Transactional || j.test }

// rested is gate 11, the campaign's own cooldown.
func (j *judged) rested() (Reason, map[string]string) {
	if j.campaign.Cooldown <= 0 || j.seen.IsZero() || j.uncounted() {
		return "", nil
	}
	free := j.seen.Add(j.campaign.Cooldown)
	if !j.Now.Before(free) {
		return "", nil
	}
	return Cooldown, map[string]string{"cooldown": j.campaign.Cooldown.String(), "free_at": instant(free)}
}

// entry is what the ledger would take. Both channels are planned for now.
func (j *judged) entry() cap.Entry {
	e := cap.Entry{At: j.Now, Campaign: j.campaign.ID, Channel: j.channel, Tags: j.campaign.Tags}
	if j.moment.Store != nil {
		e.Store = j.moment.Store.ID
	}
	return e
}

// underCaps is gate 11, the caps: the brand's in their order, then the campaign's.
func (j *judged) underCaps() (Reason, map[string]string) {
	j.channel = ChannelPush
	if j.inApp() {
		j.channel = ChannelInApp
	}
	if j.uncounted() {
		return "", nil
	}
	candidate := j.entry()
	for i := range j.Brand.Settings.Caps {
		if r := j.round.brandCap(i, candidate); r != nil {
			return CapReached, capValues("brand", r)
		}
	}
	if ok, r := cap.Check(j.campaign.Caps, j.History, candidate, j.Now); !ok {
		return CapReached, capValues("campaign", r)
	}
	return "", nil
}

// capValues leave out a store's id: reasons are kept longer than places are.
func capValues(of string, r *cap.Refusal) map[string]string {
	v := map[string]string{
		"of":     of,
		"scope":  r.Cap.Scope.String(),
		"limit":  strconv.Itoa(r.Cap.Limit),
		"window": windowName(r.Cap.Window),
		"count":  strconv.Itoa(r.Count),
	}
	if !r.FreeAt.IsZero() {
		v["free_at"] = instant(r.FreeAt)
	}
	if r.Key != "" && r.Cap.Scope != cap.Store {
		v["key"] = r.Key
	}
	return v
}

func windowName(w cap.Window) string {
	switch w.Calendar {
	case cap.Day:
		return "day"
	case cap.Week:
		return "week"
	case cap.Month:
		return "month"
	}
	return w.Rolling.String()
}

// spaced is gate 11, the brand's minimum gap.
func (j *judged) spaced() (Reason, map[string]string) {
	if j.uncounted() {
		return "", nil
	}
	if ok, free := j.round.gap(); !ok {
		return MinimumGap, map[string]string{"gap": j.Brand.Settings.MinGap.String(), "free_at": instant(free)}
	}
	return "", nil
}
