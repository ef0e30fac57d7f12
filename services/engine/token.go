package engine

import (
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/services/seal"
)

// maxToken is the largest token that is looked at, bytes.
const maxToken = 8 << 10

// anotherHistory stands for the version in a token of another history of the database: whatever this node has of the
// person may be outdated, because the node that sealed it may have noticed before this one, and the row is to be read.
const anotherHistory = math.MaxInt64

// openToken reads what the phone brought back. A token that cannot be opened or is of another device is worth nothing and
// does no harm: nil. Of one of another history only the version remains, which is then anotherHistory.
func (e *Engine) openToken(brandID uuid.UUID, report *Report) *statev1.Token {
	if len(report.Token) == 0 {
		return nil
	}
	if len(report.Token) > maxToken {
		e.metrics.tokenRefused()
		return nil
	}
	plain, err := e.keeper.Open(seal.PresenceToken, report.Token, brandID[:], report.DeviceID[:])
	if err != nil {
		e.metrics.tokenRefused()
		return nil
	}
	var m statev1.Token
	if proto.Unmarshal(plain, &m) != nil || idFrom(m.DeviceId) != report.DeviceID {
		e.metrics.tokenRefused()
		return nil
	}
	if m.Epoch != e.Epoch() {
		e.metrics.tokenRefused()
		return &statev1.Token{Version: anotherHistory}
	}
	return &m
}

// takeToken gives the device's state what the phone brought back, when that is newer than what this node carries: the
// phone was served elsewhere meanwhile, or this node was started since. A token from before the row's last word on
// the device is too old: its evidence may be about an entry that has been told, or its positions from before a pause. So is
// one about other stays than the row's: a visit may have been ended elsewhere for a reason of ours.
func (r *reporting) takeToken() {
	if r.token == nil || r.token.Version == anotherHistory {
		return
	}
	p := &r.device.presence
	if _, at, ok := p.Last(); ok {
		own := max(at, p.LastHeard)
		// Pings may be of one instant: then what the phone has is the newer, unless it is what this node gave it last.
		if own > r.token.ObservedMs || own == r.token.ObservedMs && r.device.sealed == xxhash.Sum64(r.report.Token) {
			return
		}
	}
	if r.token.StaysRevision != p.Revision {
		return
	}
	if r.token.Version < r.p.version && r.token.ObservedMs <= max(p.ClosedAt, r.device.heardWritten-1) {
		return
	}
	if err := p.UnmarshalCarried(r.token.Carried); err != nil {
		r.e.metrics.tokenRefused()
		return
	}
	p.LastHeard = max(p.LastHeard, r.token.ObservedMs)
}

// sealToken makes the token for the phone's next report. A state that carries nothing needs none.
func (r *reporting) sealToken() ([]byte, error) {
	_, at, ok := r.device.presence.Last()
	if !ok || r.report.Import {
		return nil, nil
	}
	version := r.p.version
	if r.dirty {
		version++
	}
	token := &statev1.Token{
		DeviceId: bytesOf(r.device.id), Version: version, Epoch: r.e.Epoch(), ObservedMs: max(at, r.device.presence.LastHeard),
		Carried: r.device.presence.MarshalCarried(), StaysRevision: r.device.presence.Revision,
	}
	if !r.report.SentAt.IsZero() {
		token.CorrectionMs = &r.correction
	}
	plain, err := proto.Marshal(token)
	if err != nil {
		return nil, err
	}
	sealed, err := r.e.keeper.Seal(seal.PresenceToken, plain, r.p.key.BrandID[:], r.device.id[:])
	r.device.sealed = xxhash.Sum64(sealed)
	return sealed, err
}
