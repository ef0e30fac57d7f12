package api

import (
	"math"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wantgo/wantgo/geo"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// The contract's constraints on a ping, here by hand: this runs for every ping of every phone, and the general
// checker would cost more than all that follows. A test holds the two against each other.
const (
	maxAccuracy = 1_000_000 // metres
	maxSpeed    = 10_000    // m/s
)

// firstSecond is the Unix time before which no phone has observed anything: an unset clock.
var firstSecond = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// pingFault is what is wrong with one ping.
type pingFault struct {
	code          v1.PingRefusal_Code
	field, detail string
}

// readPing holds a ping against the contract and reads its id, if it has one; the zero fault when it keeps it.
func readPing(p *v1.Ping) (id uuid.UUID, f pingFault) {
	if p == nil {
		return id, invalidPing("ping", "missing")
	}
	if text := p.GetId(); text != "" {
		var err error // the canonical form alone, as the contract has it
		if id, err = uuid.Parse(text); err != nil || len(text) != 36 {
			return uuid.Nil, invalidPing("id", "not a UUID")
		}
	}
	return id, checkFix(p)
}

// checkPing is readPing where the id is not needed.
func checkPing(p *v1.Ping) pingFault {
	_, f := readPing(p)
	return f
}

// checkFix holds what a ping says of the place and the time against the contract.
func checkFix(p *v1.Ping) pingFault {
	if f := checkPlace(p); f.code != 0 {
		return f
	}
	if a := p.GetAccuracyMeters(); !finite(a) || a < 0 || a > maxAccuracy {
		return pingFault{v1.PingRefusal_INVALID_ACCURACY, "accuracy_meters", "not a number within 0 to 1000000"}
	}
	if p.SpeedMps != nil {
		if v := p.GetSpeedMps(); !finite(v) || v < 0 || v > maxSpeed {
			return pingFault{v1.PingRefusal_INVALID_SPEED, "speed_mps", "not a number within 0 to 10000"}
		}
	}
	switch at := p.GetObservedTime(); {
	case at == nil:
		return pingFault{v1.PingRefusal_INVALID_TIME, "observed_time", "missing"}
	case at.GetSeconds() < firstSecond || at.CheckValid() != nil:
		return pingFault{v1.PingRefusal_INVALID_TIME, "observed_time", "not a time since 2000"}
	}
	if _, known := v1.Ping_AppState_name[int32(p.GetAppState())]; !known {
		return invalidPing("app_state", "unknown")
	}
	return pingFault{}
}

func checkPlace(p *v1.Ping) pingFault {
	switch lat, lng := p.GetLatitude(), p.GetLongitude(); {
	case !finite(lat) || lat < -90 || lat > 90:
		return pingFault{v1.PingRefusal_INVALID_PLACE, "latitude", "not a number within -90 to 90"}
	case !finite(lng) || lng < -180 || lng > 180:
		return pingFault{v1.PingRefusal_INVALID_PLACE, "longitude", "not a number within -180 to 180"}
	case lat == 0 && lng == 0:
		return pingFault{code: v1.PingRefusal_PLACE_MISSING, field: "latitude", detail: "0,0: the phone had no fix"}
	}
	return pingFault{}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func invalidPing(field, detail string) pingFault {
	return pingFault{v1.PingRefusal_INVALID_FIELD, field, detail}
}

// checkAge refuses what is too old to be looked at, by the corrected time.
func checkAge(p *v1.Ping, sent *timestamppb.Timestamp, now time.Time) pingFault {
	if now.Sub(corrected(p.GetObservedTime(), sent, now)) > ageLimit {
		return pingFault{v1.PingRefusal_TOO_OLD, "observed_time", "older than pings are taken"}
	}
	return pingFault{}
}

// reportKeepsContract tells a report that surely keeps the contract, its pings apart: each of them is checked by itself.
// Of any other the general checker says what is wrong.
func reportKeepsContract(r *v1.ReportPingsRequest) bool {
	_, known := v1.Ping_AppState_name[int32(r.GetAppState())]
	return known && len(r.GetPings()) >= 1 && len(r.GetPings()) <= 100 && len(r.GetPresenceToken()) <= 8192 &&
		len(r.GetZoneVersion()) <= 128 && r.GetFenceSlots() >= 0 && r.GetFenceSlots() <= 100
}

// readReported holds a phone's own ping against the contract, its id and its age included, and reads the id.
func readReported(p *v1.Ping, sent *timestamppb.Timestamp, now time.Time) (uuid.UUID, pingFault) {
	id, f := readPing(p)
	if f.code == 0 && p.GetId() == "" {
		f = invalidPing("id", "missing: a repeat could not be recognised")
	}
	if f.code == 0 {
		f = checkAge(p, sent, now)
	}
	return id, f
}

// checkReported is readReported where the id is not needed.
func checkReported(p *v1.Ping, sent *timestamppb.Timestamp, now time.Time) pingFault {
	_, f := readReported(p, sent, now)
	return f
}

// pingFrom is a checked ping for the engine.
func pingFrom(p *v1.Ping, id uuid.UUID) engine.Ping {
	out := engine.Ping{
		ID: id, Place: geo.Point{Lat: p.GetLatitude(), Lng: p.GetLongitude()}, Accuracy: p.GetAccuracyMeters(),
		Speed: math.NaN(), At: p.GetObservedTime().GetSeconds()*1000 + int64(p.GetObservedTime().GetNanos()/1e6), Mock: p.GetMock(),
	}
	if out.Accuracy == 0 {
		out.Accuracy = math.NaN()
	}
	if p.SpeedMps != nil {
		out.Speed = p.GetSpeedMps()
	}
	return out
}

// refused is the result of a ping with a fault.
func (s *Server) refused(id string, f pingFault) *v1.PingResult {
	s.metrics.pings.WithLabelValues(f.code.String()).Inc()
	return &v1.PingResult{PingId: id, Outcome: v1.PingResult_REFUSED, Refusal: f.code, Field: f.field, Detail: f.detail}
}

// verdictFields are the fields that the engine's own verdicts are about.
var verdictFields = map[v1.PingRefusal_Code]string{
	v1.PingRefusal_INVALID_PLACE: "latitude", v1.PingRefusal_INVALID_ACCURACY: "accuracy_meters", v1.PingRefusal_INVALID_SPEED: "speed_mps",
	v1.PingRefusal_INVALID_TIME: "observed_time", v1.PingRefusal_TIME_IN_FUTURE: "observed_time",
}

// resultOf is what the engine said about a ping, by the same names. A verdict that the contract does not know is a
// refusal without a code.
func resultOf(id string, a engine.PingAnswer) *v1.PingResult {
	r := new(v1.PingResult)
	setResult(r, id, a)
	return r
}

func setResult(r *v1.PingResult, id string, a engine.PingAnswer) {
	r.PingId, r.Outcome, r.Late = id, v1.PingResult_TAKEN, a.Late
	switch a.Verdict {
	case engine.Taken:
	case engine.Repeated:
		r.Duplicate = true
	default:
		r.Outcome, r.Refusal = v1.PingResult_REFUSED, v1.PingRefusal_Code(v1.PingRefusal_Code_value[string(a.Verdict)])
		r.Field = verdictFields[r.Refusal]
	}
}
