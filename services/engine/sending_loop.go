package engine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/services/campaign"
)

const (
	// sendingAhead is how long before its occurrence a sending is made, so that it is estimated when its time comes.
	sendingAhead = 10 * time.Minute
	// sendingLease is for how long a node has a sending without writing its next page.
	sendingLease = 30 * time.Second
	// sendingsAtOnce is how many a node works on side by side, sendingPages how many pages of each before it looks whether
	// others wait longer.
	sendingsAtOnce = 4
	sendingPages   = 40
	// pausedFor is how soon a paused sending is looked at again.
	pausedFor = time.Second
	// edited is how much earlier than a campaign's last change an occurrence may be and still count: clocks differ.
	edited = time.Minute
	// withdrawnAtOnce is how many deliveries of a cancelled sending one statement takes.
	withdrawnAtOnce = 500
	// cancelledFor is for how long after its cancelling deliveries of a sending are looked for.
	cancelledFor = 48 * time.Hour
)

// Why a sending ended before it was through.
const (
	CodeDeadline    = "DEADLINE"          // its time was over first
	CodeRescheduled = "RESCHEDULED"       // the campaign has another time now
	CodeOver        = "CAMPAIGN_OVER"     // the campaign ended or was deleted
	CodeCancelled   = "SENDING_CANCELLED" // of its deliveries
)

// sendings is what a node knows of sendings: which occurrences it has seen made, and which were cancelled lately.
type sendings struct {
	mu        sync.Mutex
	planned   map[uuid.UUID]time.Time // campaign -> occurrence
	cancelled map[uuid.UUID]uuid.UUID // sending -> brand
	emptied   map[uuid.UUID]time.Time // cancelled ones of which nothing waited: until when they are looked at all the same
	near      map[uuid.UUID]*nearness // by campaign
}

func (s *sendings) isCancelled(id uuid.UUID) bool {
	if id == uuid.Nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.cancelled[id]
	return is
}

// followSendings makes the sendings whose time comes, and takes out what waits of those that were cancelled.
func (e *Engine) followSendings(ctx context.Context) error {
	if !e.clock.Sane() {
		return nil
	}
	now := e.clock.Now()
	return errors.Join(e.followCancelled(ctx, now), e.planSendings(ctx, now))
}

// planSendings makes the sendings of all brands that fall due within sendingAhead.
func (e *Engine) planSendings(ctx context.Context, now time.Time) error {
	var faults []error
	for _, id := range e.catalogue.brandIDs() {
		t := e.catalogue.tables(id)
		for _, c := range t.sending() {
			faults = append(faults, e.planSending(ctx, t, c, now))
		}
	}
	return errors.Join(faults...)
}

// sending are the brand's live campaigns that the clock starts.
func (t *brandTables) sending() (list []*campaign.Campaign) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, c := range t.campaigns {
		if c.State == campaign.Live && c.Sends() {
			list = append(list, c)
		}
	}
	return list
}

// planSending makes the sending of a campaign's occurrence, unless it was seen made. What repeats and whose occurrence is
// earlier than the campaign's last change had no occurrence then: it is not sent after the event.
func (e *Engine) planSending(ctx context.Context, t *brandTables, c *campaign.Campaign, now time.Time) error {
	b := t.view.Load().brand
	at, ok := c.Occurrence(b, now.Add(sendingAhead))
	if !ok || b.Stopped && at.After(now) || !c.SendingDeadline(at).After(now) || c.SendRepeats() && at.Before(c.UpdatedAt.Add(-edited)) {
		return nil
	}
	e.sendings.mu.Lock()
	known := e.sendings.planned[c.ID].Equal(at)
	e.sendings.mu.Unlock()
	if known {
		return nil
	}
	_, err := e.storage.PlanSending(ctx, Sending{
		ID: SendingID(c.ID, at), BrandID: b.ID, CampaignID: c.ID, At: at, Deadline: c.SendingDeadline(at), State: SendingEstimating, NextAt: now,
		SendingBody: SendingBody{Kind: c.SendKind(), PerMinute: c.Trigger.Send.PerMinute, CreatedAt: now},
	})
	if err != nil {
		return err
	}
	e.sendings.mu.Lock()
	defer e.sendings.mu.Unlock()
	if e.sendings.planned == nil {
		e.sendings.planned = map[uuid.UUID]time.Time{}
	}
	e.sendings.planned[c.ID] = at
	return nil
}

// followCancelled learns which sendings were cancelled and withdraws what waits of them.
func (e *Engine) followCancelled(ctx context.Context, now time.Time) error {
	cancelled, err := e.storage.CancelledSendings(ctx, now.Add(-cancelledFor))
	if err != nil {
		return err
	}
	e.sendings.mu.Lock()
	e.sendings.cancelled = cancelled
	maps.DeleteFunc(e.sendings.emptied, func(id uuid.UUID, _ time.Time) bool { _, is := cancelled[id]; return !is })
	waiting := map[uuid.UUID]uuid.UUID{}
	for id, brandID := range cancelled {
		if until, empty := e.sendings.emptied[id]; !empty || now.Before(until) {
			waiting[id] = brandID
		}
	}
	e.sendings.mu.Unlock()
	var faults []error
	for id, brandID := range waiting {
		faults = append(faults, e.withdraw(ctx, brandID, id, now))
	}
	return errors.Join(faults...)
}

// withdraw takes out all that waits of a sending. A page that was being written when it was cancelled may bring more: so
// it is looked for until that must be over.
func (e *Engine) withdraw(ctx context.Context, brandID, id uuid.UUID, now time.Time) error {
	for {
		gone, err := e.storage.WithdrawBatch(ctx, brandID, id, CodeCancelled, withdrawnAtOnce)
		for _, w := range gone {
			e.metrics.withdrawn.Inc()
			if w.SurelyNot {
				e.giveRoom(ctx, w.Key, w.Notification)
			}
		}
		if err != nil {
			return err
		}
		if len(gone) > 0 {
			continue
		}
		e.sendings.mu.Lock()
		defer e.sendings.mu.Unlock()
		if e.sendings.emptied == nil {
			e.sendings.emptied = map[uuid.UUID]time.Time{}
		}
		if _, known := e.sendings.emptied[id]; !known {
			e.sendings.emptied[id] = now.Add(4 * sendingLease)
		}
		return nil
	}
}

// runSendings works on the sendings that are due.
func (e *Engine) runSendings(ctx context.Context) error {
	if !e.clock.Sane() || e.draining.Load() {
		return nil
	}
	taken, err := e.storage.TakeSendings(ctx, e.node, sendingLease, e.clock.Now(), sendingsAtOnce)
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i := range taken {
		g.Go(func() error { return e.runSending(ctx, &taken[i]) })
	}
	return g.Wait()
}

// runSending takes a sending's next pages, and gives it up again. Where another took it, or it was cancelled, nothing of
// what was done since its last page counts, and it is theirs.
func (e *Engine) runSending(ctx context.Context, s *Sending) error {
	for range sendingPages {
		next := *s
		more, err := e.advanceSending(ctx, &next)
		if err == nil {
			next.Version, err = e.storage.PutSending(ctx, next, e.node, sendingLease)
		}
		switch {
		case errors.Is(err, ErrStale):
			return nil
		case err != nil:
			_, fault := e.storage.PutSending(ctx, *s, e.node, 0)
			return errors.Join(err, fault)
		}
		*s = next
		if s.State.Ended() {
			e.log.Info("a sending ended", "brand", s.BrandID, "campaign", s.CampaignID, "sending", s.ID, "state", s.State, "code", s.Code, "won", s.Counts.Won)
			return nil
		}
		if !more || ctx.Err() != nil || e.draining.Load() || nearlyOver(ctx) {
			break
		}
	}
	_, err := e.storage.PutSending(ctx, *s, e.node, 0)
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// nearlyOver tells whether the time of a loop's round is too short for another page.
func nearlyOver(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return bounded && time.Until(deadline) < 10*time.Second
}

// advanceSending takes one step of a sending; more: the next can be taken at once.
func (e *Engine) advanceSending(ctx context.Context, s *Sending) (more bool, err error) {
	now := e.clock.Now()
	t := e.catalogue.tables(s.BrandID)
	if t == nil {
		s.NextAt = now.Add(pausedFor)
		return false, nil
	}
	c, err := e.Campaign(s.BrandID, s.CampaignID)
	if err != nil { // another node made the sending, and may know of a newer campaign
		if err := e.followCatalogue(ctx); err != nil {
			return false, err
		}
		c, err = e.Campaign(s.BrandID, s.CampaignID)
	}
	v := t.view.Load()
	switch {
	case err != nil || c.State == campaign.Ended || c.State == campaign.Archived:
		s.end(SendingCancelled, CodeOver, now)
		return false, nil
	case !now.Before(s.Deadline):
		s.end(SendingDone, CodeDeadline, now)
		return false, nil
	case s.State == SendingEstimating:
		if s.Estimate, err = e.estimate(ctx, v, c, s.At); err != nil {
			return false, err
		}
		s.State, s.NextAt = SendingWaiting, s.At
		return !s.At.After(now), nil
	case s.State == SendingWaiting && !e.occurs(v, c, s.At):
		s.end(SendingCancelled, CodeRescheduled, now)
		return false, nil
	}
	if code := stopped(v, c); code != "" {
		s.State, s.Code, s.NextAt = SendingPaused, string(code), now.Add(pausedFor)
		return false, nil
	}
	s.State, s.Code = SendingRunning, ""
	if s.StartedAt.IsZero() {
		s.StartedAt = now
	}
	return e.sendPage(ctx, s, c, now)
}

// occurs tells whether a campaign still has an occurrence.
func (e *Engine) occurs(v *view, c *campaign.Campaign, at time.Time) bool {
	still, ok := c.Occurrence(v.brand, at)
	return ok && still.Equal(at)
}

func stopped(v *view, c *campaign.Campaign) campaign.Reason {
	switch {
	case v.brand.Stopped:
		return campaign.BrandStopped
	case c.State != campaign.Live:
		return campaign.CampaignNotLive
	}
	return ""
}

// end ends a sending; whom it would have gone on with is forgotten.
func (s *Sending) end(state SendingState, code string, now time.Time) {
	s.State, s.Code, s.EndedAt, s.NextAt, s.Cursor = state, code, now, now, SendingCursor{}
}
