package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// AppEvents say what people do in apps, shops and online. Of the gates that are asked before anything is looked up, those
// that are about locations (the brand's filing, the pause of location, the consent to its use, the location-use record,
// sensitive places) are not asked of them: an AppEvent tells no place. A store in it is the one that was looked at, or
// that sold. Gate 2, the age, is asked; a sale that a till or server tells of is recorded all the same, but makes no
// moment. Whether what a person does may be used in advertising is for the gates of each campaign.

// AppOpened is the AppEvent of an app that came to the front. It makes no moment.
const AppOpened campaign.Kind = "opened"

// AppEvent is what an app, a till or a server says that a person did.
type AppEvent struct {
	// Event is what a moment tells of it. At is by the caller's clock.
	campaign.Event
	Kind    campaign.Kind // one that an AppEvent makes, or AppOpened
	StoreID uuid.UUID     // zero: of no store
	// Of Bought: what it was of; the till's own id of the sale, empty: the event's; and the coupon that was used.
	Lines      []EventLine
	PurchaseID string
	CouponCode string
}

// EventLine is one item of a purchase.
type EventLine struct {
	ItemID   string // the brand's own
	Quantity int
}

// EventReport is what one caller tells of one person in one call.
type EventReport struct {
	Who        PersonRef // a device, or a person by id or own id
	Events     []AppEvent
	Foreground bool      // the app is in front of the person now: a device reports
	SentAt     time.Time // the caller's clock when it sent; zero: the times are believed
	Received   time.Time // engine time
	// Server marks a trusted caller: it is told what was decided.
	Server bool
}

// EventVerdict says what became of one AppEvent.
type EventVerdict string

// The verdicts. All but EventTaken and EventRepeated leave no trace of the event; the codes of gate 2 are verdicts too.
const (
	EventTaken       EventVerdict = "TAKEN"
	EventRepeated    EventVerdict = "REPEATED" // this id was taken before: nothing is done twice
	EventInvalid     EventVerdict = "INVALID_FIELD"
	EventFuture      EventVerdict = "TIME_IN_FUTURE"
	EventTooOld      EventVerdict = "TOO_OLD"
	EventNobody      EventVerdict = "PERSON_UNKNOWN"
	EventNoStore     EventVerdict = "STORE_UNKNOWN"
	EventNoType      EventVerdict = "TYPE_UNKNOWN"
	EventNoProperty  EventVerdict = "PROPERTY_UNKNOWN"
	EventWrongType   EventVerdict = "PROPERTY_TYPE"
	EventGone        EventVerdict = "PERSON_GONE"
	EventNotRecorded EventVerdict = "TRY_AGAIN" // it could not be committed
)

// EventAnswer is the verdict on one AppEvent.
type EventAnswer struct {
	Verdict EventVerdict
	Field   string // which, such as "properties.score"
	Detail  string // what is wrong with it
	Late    bool   // taken, and too old to make a moment
}

// EventsAnswer is what a report brought about, all of it committed.
type EventsAnswer struct {
	Events []EventAnswer
	Offers []OfferAnswer // to be shown at once
	// Decisions name their AppEvents as MomentID; for trusted callers.
	Decisions []DecisionAnswer
	// Err refuses the report as a whole: ErrNotFound (nobody), ErrGone (erased or moved), or a fault of this one commit.
	Err error
}

const (
	// eventAge is how old an AppEvent may be that is taken at all.
	eventAge = 30 * 24 * time.Hour
	// openedEvery is how often it is written at most that an app was opened.
	openedEvery = time.Hour
)

// RecordEvents takes what people of a brand did, makes moments of it, decides, commits and answers, in the order of the
// reports. One that is refused as a whole, or whose person could not be committed, has Err set and costs no other. The
// error is a fault of ours that concerns all.
func (e *Engine) RecordEvents(ctx context.Context, brandID uuid.UUID, reports []EventReport) ([]EventsAnswer, error) {
	if e.catalogue.view(brandID) == nil {
		return nil, notFound("brand")
	}
	answers := make([]EventsAnswer, len(reports))
	pending := make([]int, len(reports))
	for i := range pending {
		pending[i] = i
	}
	for range 3 { // the copy of the old person, the copy of the new one, and one race
		if len(pending) == 0 {
			break
		}
		shares, err := e.eventShares(ctx, brandID, reports, answers, pending)
		if err != nil {
			return nil, err
		}
		if err := e.takeEvents(ctx, shares); err != nil {
			return nil, err
		}
		pending = pending[:0]
		for i := range answers {
			if errors.Is(answers[i].Err, ErrGone) {
				pending = append(pending, i)
				e.forgetOwner(brandID, &reports[i])
			}
		}
	}
	e.metrics.eventsAnswered(answers)
	return answers, nil
}

// forgetOwner makes a device's person be looked up again.
func (e *Engine) forgetOwner(brandID uuid.UUID, r *EventReport) {
	if r.Who.DeviceID != uuid.Nil {
		e.seats.remove(deviceKey{brandID, r.Who.DeviceID})
	}
}

// eventShare is the part of a call that concerns one person, in the order of the call.
type eventShare struct {
	key     PersonKey
	reports []*EventReport
	answers []*EventsAnswer
}

// eventShares finds whose the reports are.
func (e *Engine) eventShares(ctx context.Context, brandID uuid.UUID, reports []EventReport, answers []EventsAnswer, which []int) ([]*eventShare, error) {
	var named []string
	for _, i := range which {
		if id := reports[i].Who.PersonExternalID; id != "" {
			named = append(named, id)
		}
	}
	people := map[string]uuid.UUID{}
	if len(named) > 0 {
		var err error
		if people, err = e.directory.PeopleByExternalID(ctx, brandID, named); err != nil {
			return nil, fmt.Errorf("people of events: %w", err)
		}
	}
	var shares []*eventShare
	at := map[PersonKey]*eventShare{}
	for _, i := range which {
		key, err := e.whose(ctx, brandID, &reports[i].Who, people)
		if isNotFound(err) {
			answers[i] = EventsAnswer{Err: ErrNotFound}
			continue
		}
		if err != nil {
			return nil, err
		}
		s := at[key]
		if s == nil {
			s = &eventShare{key: key}
			at[key], shares = s, append(shares, s)
		}
		s.reports, s.answers = append(s.reports, &reports[i]), append(s.answers, &answers[i])
	}
	return shares, nil
}

// whose is the person that a report means.
func (e *Engine) whose(ctx context.Context, brandID uuid.UUID, r *PersonRef, people map[string]uuid.UUID) (PersonKey, error) {
	switch {
	case r.DeviceID != uuid.Nil:
		key, _, err := e.owner(ctx, brandID, r.DeviceID)
		return key, err
	case r.PersonExternalID != "":
		if id := people[r.PersonExternalID]; id != uuid.Nil {
			return PersonKey{brandID, id}, nil
		}
		return PersonKey{}, ErrNotFound
	}
	person, err := e.PersonOf(ctx, brandID, *r)
	return PersonKey{brandID, person}, err
}

// takeEvents takes each person's share in a turn of its own.
func (e *Engine) takeEvents(ctx context.Context, shares []*eventShare) error {
	switch len(shares) {
	case 0:
		return nil
	case 1:
		shares[0].fail(e.fold(ctx, shares[0].key, shares[0].step))
		return nil
	}
	for len(shares) > 0 {
		some := shares[:min(len(shares), pageOfPeople)]
		if err := e.takeMany(ctx, some); err != nil {
			return err
		}
		shares = shares[len(some):]
	}
	return nil
}

func (e *Engine) takeMany(ctx context.Context, shares []*eventShare) error {
	keys := make([]PersonKey, len(shares))
	for i, s := range shares {
		keys[i] = s.key
	}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for _, s := range shares {
			if t := turns[s.key]; t != nil {
				t.attempt(ctx, s.step, s.fail)
			} else {
				s.fail(ErrGone)
			}
		}
		return nil
	})
	for _, s := range shares {
		if fault := failed[s.key]; fault != nil {
			s.fail(fault)
		}
	}
	return err
}

// step takes the reports one after the other, each a decision of its own.
func (s *eventShare) step(t *turn) error {
	for i, r := range s.reports {
		if err := t.events(r, s.answers[i]); err != nil {
			return err
		}
	}
	return nil
}

// fail gives every report of a share its error; nil is none.
func (s *eventShare) fail(err error) {
	for _, a := range s.answers {
		if err != nil {
			*a = EventsAnswer{Err: err}
		}
	}
}

func (m *Metrics) eventsAnswered(answers []EventsAnswer) {
	for i := range answers {
		if answers[i].Err != nil {
			m.events.WithLabelValues("REPORT_REFUSED").Inc()
		}
		for j := range answers[i].Events {
			m.events.WithLabelValues(string(answers[i].Events[j].Verdict)).Inc()
		}
	}
}
