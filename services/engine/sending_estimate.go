package engine

import (
	"context"
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// mostEstimated is how many people an estimate looks at. People's ids are random, so that those with the least ids are a
// fair sample of all.
const mostEstimated = 20_000

// estimate counts whom a sending of a campaign may reach, without deciding or locking anything. Beyond mostEstimated people,
// or when the time of ctx runs short, it scales what it has seen and says how far that may be off. Those with a coupon that
// ends come in another order: of them it then says how many there are at least.
func (e *Engine) estimate(ctx context.Context, v *view, c *campaign.Campaign, at time.Time) (*SendingEstimate, error) {
	now := e.clock.Now()
	if at.Before(now) {
		at = now
	}
	s := &Sending{ID: uuid.Nil, BrandID: v.brand.ID, CampaignID: c.ID, At: at, SendingBody: SendingBody{Kind: c.SendKind(), Cursor: SendingCursor{Fences: true}}}
	q := &question{e: e, s: s, c: c, v: v, now: at, local: at.In(e.zoneOf(v.brand.ID))}
	q.alone = e.alone(v.brand.ID, c)
	if s.Kind == campaign.Flashed {
		q.near = e.nearOf(v.brand.ID, c)
	}
	est := &SendingEstimate{At: now}
	for {
		found, cursor, err := e.addressees(ctx, s, c, pageOfPeople)
		if err != nil {
			return nil, err
		}
		if err := q.estimate(ctx, found, est); err != nil {
			return nil, err
		}
		s.Cursor = cursor
		byID := cursor.Ends.IsZero()
		switch {
		case cursor == (SendingCursor{}) || !byID && nearlyOver(ctx):
			est.People = est.Sample
			return est, nil
		case byID && (est.Sample >= mostEstimated || nearlyOver(ctx)):
			est.scale(shareBelow(cursor.Person))
			return est, nil
		}
	}
}

// alone is an index of a campaign that need not be stored.
func (e *Engine) alone(brandID uuid.UUID, c *campaign.Campaign) *campaign.Index {
	t := e.catalogue.tables(brandID)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.indexAlone(c)
}

// estimate adds some people to an estimate.
func (q *question) estimate(ctx context.Context, found []addressee, est *SendingEstimate) error {
	keys := make([]PersonKey, len(found))
	holds := make(map[PersonKey]bool, len(found))
	for i := range found {
		keys[i], holds[found[i].key] = found[i].key, found[i].couponEnds
	}
	rows, err := q.e.people.Load(ctx, keys)
	if err != nil {
		return err
	}
	for i := range rows {
		if rows[i].Status != PersonActive {
			continue
		}
		est.Sample++
		t, err := q.e.glance(ctx, &rows[i], q.v)
		if err != nil {
			continue
		}
		m, is := q.about(t, &addressee{key: rows[i].Key, couponEnds: holds[rows[i].Key]}, &outcome{})
		if !is {
			continue
		}
		est.add(campaign.Ask(q.viewOf(t), q.c, m))
	}
	return nil
}

// add counts one person by the gates that would refuse.
func (e *SendingEstimate) add(refusing campaign.Gates) {
	for _, step := range []struct {
		n     *int64
		gates []int
	}{{&e.Matching, []int{8, 9, 10}}, {&e.Consenting, []int{13}}, {&e.Reachable, []int{15}}, {&e.UnderCaps, []int{11}}} {
		if refusing.Has(step.gates...) {
			return
		}
		*step.n++
	}
}

// scale makes the counts of a sample those of all, of whom it is the given share. The margin is 1.96 standard deviations of
// the largest count, that of people: of n random ids below a point, their number varies as a binomial one does.
func (e *SendingEstimate) scale(share float64) {
	n := float64(e.Sample)
	e.Margin = int64(math.Ceil(1.96 * math.Sqrt(n*(1-share)) / share))
	for _, count := range []*int64{&e.Matching, &e.Consenting, &e.Reachable, &e.UnderCaps} {
		*count = int64(math.Round(float64(*count) / share))
	}
	e.People = int64(math.Round(n / share))
}

// shareBelow is which part of all random ids is not above one.
func shareBelow(id uuid.UUID) float64 {
	return (float64(binary.BigEndian.Uint64(id[:8])) + 1) / math.MaxUint64
}
