package api

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// ImportPings takes pings of many devices from a trusted server, each device's as one report.
func (s *locationService) ImportPings(ctx context.Context, r *v1.ImportPingsRequest) (*v1.ImportPingsResponse, error) {
	c := callerOf(ctx)
	in := newPingImport(s, r)
	defer in.release()
	if err := in.check(ctx, c); err != nil {
		return nil, err
	}
	if len(in.reports) > 0 {
		in.fill()
		answers, err := s.engine.Handle(ctx, c.Brand, in.reports)
		if err != nil {
			return nil, err
		}
		for i := range answers {
			in.take(i, &answers[i])
		}
	}
	return &v1.ImportPingsResponse{Results: in.results, ServerTime: s.now()}, nil
}

// pingImport is one ImportPings on its way. A call brings up to a thousand pings and a server many calls: what is the same
// for all pings is made once, and in one piece.
type pingImport struct {
	*locationService
	request   *v1.ImportPingsRequest
	requestID uuid.UUID
	results   []*v1.PingResult
	// What no answer keeps is used again by another call.
	checked []importedPing
	reports []engine.Report
	pings   []engine.Ping     // report by report
	places  []int             // their positions in the request
	first   []int             // of each report, where it begins in pings
	at      map[uuid.UUID]int // device -> its report
}

var imports = sync.Pool{New: func() any { return &pingImport{at: map[uuid.UUID]int{}} }}

// importedPing is a ping that may be looked at. report -1: it may not.
type importedPing struct {
	id     uuid.UUID
	report int
}

func newPingImport(s *locationService, r *v1.ImportPingsRequest) *pingImport {
	n := len(r.GetPings())
	in := imports.Get().(*pingImport)
	in.locationService, in.request, in.requestID = s, r, parseID(r.GetRequestId())
	in.results, in.checked = make([]*v1.PingResult, n), slices.Grow(in.checked[:0], n)[:n]
	in.reports = slices.Grow(in.reports[:0], n)
	all := make([]v1.PingResult, n)
	for i := range all {
		in.results[i] = &all[i]
	}
	return in
}

// release lets another call use what this one did not give away: the engine keeps nothing of a report it has answered.
func (in *pingImport) release() {
	clear(in.reports)
	clear(in.at)
	in.locationService, in.request, in.results = nil, nil, nil
	imports.Put(in)
}

// check answers the faulty pings and gives every other one its device's report.
func (in *pingImport) check(ctx context.Context, c *Caller) error {
	named, err := in.devices(ctx, c)
	if err != nil {
		return err
	}
	sent := in.request.GetSentTime()
	blank := withSent(engine.Report{Import: true, Received: in.engine.Now()}, sent)
	for i, p := range in.request.GetPings() {
		id, f := readPing(p.GetPing())
		if f.code == 0 {
			f = checkAge(p.GetPing(), sent, blank.Received)
		}
		if id == uuid.Nil {
			id = in.madeID(i)
		}
		device, unknown := deviceOf(p, named)
		if f.code == 0 {
			f = unknown
		}
		if f.code != 0 {
			in.results[i], in.checked[i].report = in.refused(in.told(i, id), f), -1
			continue
		}
		at, known := in.at[device]
		if !known {
			at = len(in.reports)
			in.at[device], in.reports = at, append(in.reports, blank)
			in.reports[at].DeviceID = device
		}
		in.checked[i] = importedPing{id, at}
	}
	return nil
}

// deviceOf is whose a ping is.
func deviceOf(p *v1.ImportedPing, named map[string]uuid.UUID) (device uuid.UUID, f pingFault) {
	switch who := p.GetDevice().(type) {
	case nil:
		return uuid.Nil, invalidPing("device", "missing")
	case *v1.ImportedPing_DeviceId:
		device = parseID(who.DeviceId)
	case *v1.ImportedPing_DeviceExternalId:
		device = named[who.DeviceExternalId]
	}
	if device == uuid.Nil {
		f = pingFault{code: v1.PingRefusal_DEVICE_UNKNOWN, field: "device"}
	}
	return device, f
}

// fill gives the reports their pings, in the order of the request.
func (in *pingImport) fill() {
	in.first = slices.Grow(in.first[:0], len(in.reports)+1)[:len(in.reports)+1]
	clear(in.first)
	for _, p := range in.checked {
		if p.report >= 0 {
			in.first[p.report+1]++
		}
	}
	for i := range in.reports {
		in.first[i+1] += in.first[i]
	}
	total := in.first[len(in.reports)]
	in.pings, in.places = slices.Grow(in.pings[:0], total)[:total], slices.Grow(in.places[:0], total)[:total]
	for i := range in.reports {
		in.reports[i].Pings = in.pings[in.first[i]:in.first[i]:in.first[i+1]]
	}
	for i, p := range in.checked {
		if p.report < 0 {
			continue
		}
		r := &in.reports[p.report]
		in.places[in.first[p.report]+len(r.Pings)] = i
		r.Pings = append(r.Pings, pingFrom(in.request.GetPings()[i].GetPing(), p.id))
	}
}

// devices resolves the brand's own ids of devices, all in one go.
func (in *pingImport) devices(ctx context.Context, c *Caller) (map[string]uuid.UUID, error) {
	var names map[string]struct{}
	var list []string
	for _, p := range in.request.GetPings() {
		name := p.GetDeviceExternalId()
		if name == "" || len(name) > 4*128 {
			continue
		}
		if names == nil {
			names = map[string]struct{}{}
		}
		if _, known := names[name]; !known {
			names[name], list = struct{}{}, append(list, name)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	devices, err := in.engine.DevicesByExternalID(ctx, c.Brand, list)
	if err != nil {
		return nil, err
	}
	found := make(map[string]uuid.UUID, len(devices))
	for name, d := range devices {
		found[name] = d.ID
	}
	return found, nil
}

// madeID is the id of a ping that has none: one that a repeat of the request makes again. Who counts request ids up must
// not get a ping's id twice, so it is a hash of both; not one to withstand a caller, who would deceive himself alone.
func (in *pingImport) madeID(i int) (id uuid.UUID) {
	var key [21]byte
	copy(key[:], in.requestID[:])
	binary.BigEndian.PutUint32(key[16:], uint32(i))
	binary.BigEndian.PutUint64(id[:], xxhash.Sum64(key[:]))
	key[20] = 1
	binary.BigEndian.PutUint64(id[8:], xxhash.Sum64(key[:]))
	id[6], id[8] = 0x80|id[6]&0x0f, 0x80|id[8]&0x3f // UUIDv8
	return id
}

// told is a ping's id as the caller knows it.
func (in *pingImport) told(i int, id uuid.UUID) string {
	if given := in.request.GetPings()[i].GetPing().GetId(); given != "" {
		return given
	}
	return id.String()
}

// take puts one device's answer where its pings stand.
func (in *pingImport) take(i int, a *engine.Answer) {
	places := in.places[in.first[i]:in.first[i+1]]
	if a.Err != nil {
		f := pingFault{code: v1.PingRefusal_TRY_AGAIN}
		switch {
		case errors.Is(a.Err, engine.ErrNotFound):
			f = pingFault{code: v1.PingRefusal_DEVICE_UNKNOWN, field: "device"}
		case errors.Is(a.Err, engine.ErrGone):
			f = pingFault{code: v1.PingRefusal_PERSON_GONE}
		}
		for _, at := range places {
			in.results[at] = in.refused(in.told(at, in.checked[at].id), f)
		}
		return
	}
	for j, p := range a.Pings {
		setResult(in.results[places[j]], in.told(places[j], p.ID), p)
	}
	if len(a.Transitions) == 0 {
		return
	}
	byID, order := map[uuid.UUID]*v1.PingResult{}, make([]*v1.PingResult, 0, len(a.Pings))
	for j, p := range a.Pings {
		result := in.results[places[j]]
		order = append(order, result)
		if byID[p.ID] == nil {
			byID[p.ID] = result
		}
	}
	placeTransitions(a.Transitions, byID, order)
}
