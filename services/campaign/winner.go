package campaign

import (
	"bytes"
	"cmp"
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
	r := &round{view: v}
	ruledOut, ranked := r.rank(candidates)
	winner := r.admit(ranked)
	if r.needs != uuid.Nil {
		return Result{NeedsStock: r.needs}
	}
	decisions := make([]Decision, 0, len(candidates))
	for _, j := range slices.Concat(ruledOut, ranked) {
		decisions = append(decisions, j.decision)
	}
	result := Result{Decisions: decisions}
	if winner != nil {
		winner.fill(&result)
	}
	return result
}

// rank splits the candidates into those ruled out and those that stand in order.
func (r *round) rank(candidates []Candidate) (ruledOut, standing []*judged) {
	all := make([]judged, len(candidates))
	for i := range candidates {
		j := &all[i]
		*j = r.begin(&candidates[i])
		if j.refusedBy(eligibility) {
			ruledOut = append(ruledOut, j)
		} else {
			standing = append(standing, j)
		}
	}
	slices.SortFunc(standing, precedence)
	return ruledOut, standing
}

// admit finds the winner and gives all their reasons; nil: nobody won, or r.needs is set.
func (r *round) admit(standing []*judged) *judged {
	for i, j := range standing {
		if j.refusedBy(admission) || !j.reserve() {
			if r.needs != uuid.Nil {
				return nil
			}
			continue
		}
		j.win()
		outranked := map[string]string{"by": j.campaign.ID.String()}
		for _, after := range standing[i+1:] {
			after.decision.Reason, after.decision.Values = Outranked, outranked
		}
		return j
	}
	return nil
}

func (r *round) begin(c *Candidate) judged {
	m := c.Moment
	j := judged{View: r.view, round: r, campaign: c.Campaign, moment: m, seen: r.lastSeen(c.Campaign.ID)}
	j.decision = Decision{
		ID: r.view.NewID(), MomentID: m.ID, CampaignID: c.Campaign.ID, DeviceID: m.DeviceID, Kind: m.Kind, At: r.view.Now,
	}
	if m.Store != nil {
		j.decision.StoreID = m.Store.ID
	}
	if m.Fence != nil {
		j.decision.FenceID = m.Fence.ID
	}
	return j
}

// precedence is the order of those left standing. Ids come last so that the same input always gives the same
// winner; the moment's id tells two moments of one campaign apart.
func precedence(a, b *judged) int {
	return cmp.Or(
		cmp.Compare(b.campaign.Priority, a.campaign.Priority),
		cmp.Compare(finite(a.moment.Distance), finite(b.moment.Distance)),
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
