package campaign

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"
)

// Decide gives every candidate its decision, in one of three ways. Those that moment, campaign, hours or caps rule
// out say so. The others stand in order (priority, then distance, then the campaign seen least recently, then id),
// and the first that also has a coupon left, consent, waking hours, a reachable device and a lawful text wins; only
// it reserves. Those before it name the gate that stopped them, those after it are Outranked.
//
// Decisions come in that order: first the ruled out, as the candidates stood, then the others as they were ranked.
// Values are shared between decisions and must not be changed. v is only read, its Stock apart.
func Decide(v *View, candidates []Candidate) Result {
	if v.Brand == nil || len(candidates) == 0 {
		return Result{}
	}
	r := newRound(v)
	defer r.release()
	ruledOut, ranked := r.rank(candidates)
	won := r.admit(ranked)
	if r.needs != uuid.Nil {
		return Result{NeedsStock: r.needs}
	}
	decisions := make([]Decision, 0, len(candidates))
	for _, j := range ruledOut {
		decisions = append(decisions, j.decision)
	}
	for _, j := range ranked {
		decisions = append(decisions, j.decision)
	}
	if v.Profile != nil && v.Profile.Test {
		mark(decisions)
	}
	result := Result{Decisions: decisions}
	if len(won) > 0 {
		won[0].fill(&result)
		result.join(won[1:])
	}
	return result
}

// mark says of a test person's decisions that they are, where only the values are kept, too.
func mark(decisions []Decision) {
	for i := range decisions {
		values := map[string]string{"test": "true"}
		maps.Copy(values, decisions[i].Values)
		decisions[i].Values = values
	}
}

// rank splits the candidates into those ruled out and those that stand in order.
func (r *round) rank(candidates []Candidate) (ruledOut, standing []*judged) {
	r.judged = slices.Grow(r.judged[:0], len(candidates))[:len(candidates)]
	ruledOut, standing = r.ruledOut[:0], r.standing[:0]
	for i := range candidates {
		j := &r.judged[i]
		r.begin(j, &candidates[i])
		if j.refusedBy(eligibility) {
			ruledOut = append(ruledOut, j)
		} else {
			standing = append(standing, j)
		}
	}
	slices.SortFunc(standing, precedence)
	r.ruledOut, r.standing = ruledOut, standing
	return ruledOut, standing
}

// admit finds the winner, and who stands in one notification with it, and gives all their reasons; nil: nobody won, or
// r.needs is set.
func (r *round) admit(standing []*judged) []*judged {
	for i, j := range standing {
		if j.refusedBy(admission) {
			if r.needs != uuid.Nil {
				return nil
			}
			continue
		}
		won := r.award(j, standing[i+1:])
		if r.needs != uuid.Nil {
			return nil
		}
		if len(won) == 0 {
			continue
		}
		outranked := map[string]string{"by": j.campaign.ID.String()}
		for _, after := range standing[i+1:] {
			if after.decision.Reason == "" {
				after.decision.Reason, after.decision.Values = Outranked, outranked
			}
		}
		return won
	}
	return nil
}

// award reserves for the first that passed all gates, and for those that join it; none: its coupon is gone, or r.needs is
// set. Nothing is reserved before all that is to be known is known.
func (r *round) award(first *judged, after []*judged) []*judged {
	joined := r.join(first, after)
	if r.needs != uuid.Nil || !first.reserve() {
		return nil
	}
	if won := r.digest(joined); won != nil {
		return won
	}
	first.win()
	return joined[:1]
}

func (r *round) begin(j *judged, c *Candidate) {
	m := c.Moment
	r.judge(j, c.Campaign, m)
	j.decision = Decision{
		ID: r.view.NewID(), MomentID: m.ID, CampaignID: c.Campaign.ID, DeviceID: m.DeviceID, Kind: m.Kind, At: r.view.Now,
		Send: m.Send, Test: j.test,
	}
	if m.Store != nil {
		j.decision.StoreID = m.Store.ID
	}
	if m.Fence != nil {
		j.decision.FenceID = m.Fence.ID
	}
}

// judge makes j a campaign and a moment before any gate. j is empty.
func (r *round) judge(j *judged, c *Campaign, m *Moment) {
	j.View, j.round, j.campaign, j.moment, j.seen, j.class = r.view, r, c, m, r.lastSeen(c.ID), c.class()
	j.distance = finite(m.distance())
	j.test = r.view.Profile != nil && r.view.Profile.Test
}

// precedence is the order of those left standing. Ids come last so that the same input always gives the same
// winner; the moment's id tells two moments of one campaign apart.
func precedence(a, b *judged) int {
	return cmp.Or(
		cmp.Compare(b.campaign.Priority, a.campaign.Priority),
		cmp.Compare(a.distance, b.distance),
		a.seen.Compare(b.seen),
		bytes.Compare(a.campaign.ID[:], b.campaign.ID[:]),
		bytes.Compare(a.moment.ID[:], b.moment.ID[:]),
	)
}

// finite puts an unknown distance behind every known one.
func finite(d float64) float64 {
	if math.IsNaN(d) || d < 0 {
		return math.Inf(1)
	}
	return d
}
