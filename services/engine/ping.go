package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/services/campaign"
)

const (
	// maxSkew is how far ahead of engine time a ping may be, once corrected by the call's sent time.
	maxSkew = 2 * time.Minute
	// maxOnTheWay is by how much a report of one phone may be older than another that was taken before it.
	maxOnTheWay = 2 * time.Second
	// recordCovers is how long one location-use record covers a person and purpose.
	recordCovers = 15 * time.Minute
	// sensitiveGrowth is how much a sensitive place is grown where the accuracy is unknown, metres.
	sensitiveGrowth = 25
)

// The times of observation that make sense at all. latest keeps a correction from overflowing.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// reporting is one report on its way through a turn.
type reporting struct {
	*turn
	report     *Report
	token      *statev1.Token // nil: none that is worth anything
	answer     *Answer
	device     *deviceState
	now        int64 // ms: when the report was received
	correction int64 // ms, added to the phone's times
	moments    []campaign.Moment
	// untouched: the only ping of the turn, of a device that is near nothing. Its state is not saved for an undo before
	// something may come of the ping: nothing else of it is ever undone.
	untouched bool
	sorted    []int
}

// report takes one report into the turn.
func (t *turn) report(report *Report, token *statev1.Token, answer *Answer) error {
	if !t.e.owns(t.p, report.DeviceID) { // asked at every try: a lost race may have been against a login or an erasure
		*answer = Answer{Err: ErrGone}
		return nil
	}
	verdicts := answer.Pings
	if len(verdicts) != len(report.Pings) {
		verdicts = make([]PingAnswer, len(report.Pings))
	}
	*answer = Answer{Pings: verdicts}
	r := &t.r
	*r = reporting{turn: t, report: report, token: token, answer: answer, now: report.Received.UnixMilli(), sorted: r.sorted[:0], moments: r.moments[:0]}
	if !report.SentAt.IsZero() {
		r.correction = r.now - report.SentAt.UnixMilli()
	}
	if err := r.run(); err != nil {
		return err
	}
	r.countPings()
	return nil
}

func (r *reporting) run() error {
	r.device = r.p.hot.deviceOf(r.report.DeviceID)
	if r.p.latest.Load() != r.device {
		r.p.latest.Store(r.device)
	}
	r.recallInside()
	gate := r.mayLook()
	if r.untouched = gate == "" && len(r.report.Pings) == 1 && r.token == nil && !r.dirty && r.device.presence.IsIdle(); !r.untouched {
		r.touch(r.device)
	}
	if gate == "" {
		r.takeToken()
	} else {
		r.device.presence.Forget() // who may not be looked at is not remembered either, and gets no token
	}
	repeatsUpTo := r.repeats()
	overtaken := repeatsUpTo < 0 && r.overtaken()
	r.tick(r.device, r.now, r.answer)
	if gate == "" { // else the visit is told, but nothing comes of it: no ping is looked at now either
		r.moments = r.timed
	}
	r.timed = nil
	for place, i := range r.order() {
		ping := &r.report.Pings[i]
		verdict, late := r.refuse(ping), false
		switch {
		case verdict != Taken:
		case place <= repeatsUpTo:
			verdict = Repeated
		case overtaken:
			verdict = NotInOrder
		case gate != "":
			verdict = gate
		case r.p.profile.WasPaused(time.UnixMilli(r.observed(ping))):
			verdict = Verdict(campaign.LocationPaused)
		default:
			verdict, late = r.take(ping)
		}
		r.answer.Pings[i] = PingAnswer{ID: ping.ID, Verdict: verdict, Late: late}
		if r.report.Import {
			if err := r.decide(); err != nil {
				return err
			}
		}
	}
	if err := r.decide(); err != nil {
		return err
	}
	if repeatsUpTo >= 0 {
		if err := r.answerAgain(repeatsUpTo); err != nil {
			return err
		}
	}
	r.rememberInside()
	return r.promise()
}

// recallInside makes the fences of the device's stays known to the turn.
func (r *reporting) recallInside() {
	if d := r.device; d.insideIn == r.v.serial && len(r.found) == 0 {
		r.found = append(r.found, d.inside...)
	}
}

// rememberInside keeps them for the next ping.
func (r *reporting) rememberInside() {
	d := r.device
	if d.insideIn != r.v.serial || !sameFences(d.inside, d.presence.Stays) {
		clear(d.inside)
		d.inside, d.insideIn = d.inside[:0], r.v.serial
		for i := range min(len(d.presence.Stays), maxFound) {
			if f := r.fence(d.presence.Stays[i].Fence); f != nil {
				d.inside = append(d.inside, f)
			}
		}
	}
}

func sameFences(fences []*index.Fence, stays []presence.Stay) bool {
	if len(fences) != len(stays) {
		return false
	}
	for i := range stays {
		if fences[i].ID != stays[i].Fence {
			return false
		}
	}
	return true
}

// repeats finds the last ping, in order, that a write already tells of; every ping up to it was in that write's
// report too, or in an earlier one. -1: none.
func (r *reporting) repeats() int {
	order := r.order()
	for place := len(order) - 1; place >= 0; place-- {
		if r.device.recent.has(&r.report.Pings[order[place]].ID) {
			return place
		}
	}
	return -1
}

// overtaken tells whether the report was sent before pings that the row has been told of since. It lay somewhere, in a
// frozen node or on a broken line, while the phone repeated it elsewhere and went on; its ping ids may be forgotten by
// now. The phone says when it sent it, and the token by how much its clock is wrong; neither is asked of a report that
// brings the row's last word on the device, so that a phone whose clock is set back is not refused.
func (r *reporting) overtaken() bool {
	t := r.token
	if t == nil || t.CorrectionMs == nil || r.report.SentAt.IsZero() || t.ObservedMs >= r.device.heardWritten {
		return false
	}
	return r.report.SentAt.UnixMilli()+t.GetCorrectionMs()+maxOnTheWay.Milliseconds() < r.device.heardWritten
}

// order is the order in which the pings are taken: as they came under an exact brand and in imports, else by the time
// of observation, because a phone's buffer may come shuffled.
func (r *reporting) order() []int {
	if len(r.sorted) == len(r.report.Pings) {
		return r.sorted
	}
	for i := range r.report.Pings {
		r.sorted = append(r.sorted, i)
	}
	if !r.report.Import && r.v.brand.Settings.Device.Policy != presence.Exact {
		slices.SortStableFunc(r.sorted, func(a, b int) int {
			return cmp.Compare(r.report.Pings[a].At, r.report.Pings[b].At)
		})
	}
	return r.sorted
}

// refuse checks what no state is needed for.
func (r *reporting) refuse(p *Ping) Verdict {
	switch {
	case p.Place.Validate() != nil:
		return InvalidPlace
	case p.Accuracy < 0 || math.IsInf(p.Accuracy, 0):
		return InvalidAccuracy
	case p.Speed < 0 || math.IsInf(p.Speed, 0):
		return InvalidSpeed
	case p.At <= 0 || p.At > latest || p.At+r.correction < earliest:
		return InvalidTime
	case p.At+r.correction > r.now+maxSkew.Milliseconds():
		return FromTheFuture
	}
	return Taken
}

// observed is when a ping was observed, by engine time, Unix ms.
func (r *reporting) observed(p *Ping) int64 { return min(p.At+r.correction, r.now) }

// take puts one ping through record, sensitive place, index and presence.
func (r *reporting) take(p *Ping) (verdict Verdict, late bool) {
	at := r.observed(p)
	r.writeRecord()
	if r.isSensitive(p) {
		r.endAll(r.device, at, presence.SensitivePlace, r.answer)
		r.device.presence.Forget()
		return Verdict(campaign.SensitivePlace), false
	}
	r.match(p)
	if r.untouched && (r.dirty || len(r.candidates) > 0) {
		r.touch(r.device)
	}
	device := &r.v.brand.Settings.Device
	revision := r.device.presence.Revision
	var refusal presence.Refusal
	r.transitions, refusal = r.device.presence.Apply(presence.Ping{
		ID: p.ID, At: at, Place: p.Place, Accuracy: p.Accuracy, Speed: p.Speed, Mock: p.Mock,
	}, r.now, r.candidates, device, r.transitions[:0])
	if refusal != presence.None {
		return verdictOf(refusal), false
	}
	r.record(p, at, revision)
	return Taken, device.IsLate(at, r.now)
}

func verdictOf(refusal presence.Refusal) Verdict {
	switch refusal {
	case presence.Duplicate:
		return Repeated
	case presence.OutOfOrder:
		return NotInOrder
	case presence.AccuracyTooPoor:
		return Inaccurate
	case presence.Teleport:
		return Teleported
	default:
		return Mocked
	}
}

// match collects the fences that this ping must be judged against: those that contain it, those the device is
// inside or about to enter, and those it may be closing in on.
func (r *reporting) match(p *Ping) {
	r.fences = r.device.follower.Match(r.v.fences, p.Place, r.fences[:0])
	r.candidates = r.candidates[:0]
	for _, f := range r.fences {
		r.learn(f)
		r.candidates = append(r.candidates, r.candidate(f, p.Place, true))
	}
	r.ids = r.device.presence.Fences(r.ids[:0])
	for _, id := range r.ids {
		if slices.ContainsFunc(r.fences, func(f *index.Fence) bool { return f.ID == id }) {
			continue
		}
		if f := r.fence(id); f != nil {
			r.candidates = append(r.candidates, r.candidate(f, p.Place, false))
		} else {
			r.end(r.device, id, r.observed(p), presence.FenceDeleted, r.answer)
		}
	}
	r.matchApproach(p)
}

func (r *reporting) candidate(f *index.Fence, place geo.Point, inside bool) presence.Candidate {
	fv := f.Value.(*fenceView)
	c := presence.Candidate{Fence: f.ID, Inside: inside, Radius: fv.circle, Rules: &fv.rules}
	if s := r.device.stay(f.ID); s != nil {
		c.Rules = fv.rulesAt(s)
	}
	if fv.rules.Policy != presence.Exact || fv.approaches() {
		c.Gap = f.Shape.Gap(place)
	}
	return c
}

// record turns the transitions of one ping into facts and moments.
func (r *reporting) record(p *Ping, at int64, revision uint32) {
	r.coarse(p.Place, at)
	r.answer.Transitions = slices.Grow(r.answer.Transitions, len(r.transitions))
	for i := range r.transitions {
		r.fact(r.device, &r.transitions[i], r.now, p, r.report.Foreground, r.answer, &r.moments)
	}
	d := r.device
	changed := len(r.transitions) > 0 || d.presence.Revision != revision
	if changed || r.visitUnheard(d) {
		r.dirty = true
	}
	if changed {
		d.recent.add(p.ID)
	}
}

// visitUnheard tells whether an open visit's last-heard time has aged by a quarter of its silence time in the row.
func (r *reporting) visitUnheard(d *deviceState) bool {
	find := r.rulesOf(d)
	for i := range d.presence.Stays {
		rules := find(d.presence.Stays[i].Fence)
		if rules != nil && rules.Policy != presence.Exact && rules.Silence > 0 &&
			d.presence.LastHeard-d.heardWritten > rules.Silence.Milliseconds()/4 {
			return true
		}
	}
	return false
}

// writeRecord makes the location-use record, when the last one no longer covers this moment. The record is in the
// same statement as what the use brings about: if it cannot be written, nothing was decided.
func (r *reporting) writeRecord() {
	if r.report.Import {
		r.recordUse(r.now, "import", "import")
	} else {
		r.recordUse(r.now, "ping", "os_api")
	}
}

// recordUse is writeRecord for any use.
func (t *turn) recordUse(now int64, method, path string) {
	if now < t.p.hot.usedUntil {
		return
	}
	from := time.UnixMilli(now).UTC()
	use := LocationUse{
		ID: newID(from), Purpose: "loc_use", Method: method, Path: path, Recipient: t.v.brand.Name,
		ConsentID: t.consentOfUse(), From: from, Until: from.Add(recordCovers),
	}
	t.write.Uses = append(t.write.Uses, use)
	t.p.hot.usedUntil = use.Until.UnixMilli()
	t.dirty = true
}

func (r *reporting) isSensitive(p *Ping) bool { return r.v.isSensitive(p.Place, p.Accuracy) }

// isSensitive tells whether a place may be a sensitive one. accuracy, metres; not above 0: unknown.
func (v *view) isSensitive(p geo.Point, accuracy float64) bool {
	if v.sensitive.Len() == 0 {
		return false
	}
	if !(accuracy > 0) {
		accuracy = sensitiveGrowth
	}
	nearest := v.sensitive.Nearest(p, 1, nil)
	return len(nearest) > 0 && nearest[0].Gap <= accuracy
}

// uuidOf gives a fence id its type.
func uuidOf(id presence.ID) uuid.UUID { return uuid.UUID(id) }
