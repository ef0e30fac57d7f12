package engine

import (
	"google.golang.org/protobuf/proto"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/services/seal"
)

// maxToken is the largest token that is looked at, bytes.
const maxToken = 8 << 10

// takeToken gives the device's state what the phone brought back, when that is newer than what this node carries:
// the phone was served elsewhere meanwhile, or this node was started since. A token that cannot be opened, or is of
// another device or another history of the database, is worth nothing and does no harm.
func (r *reporting) takeToken() {
	if len(r.report.Token) == 0 || len(r.report.Token) > maxToken {
		return
	}
	plain, err := r.e.keeper.Open(seal.PresenceToken, r.report.Token, r.p.key.BrandID[:], r.device.id[:])
	if err != nil {
		r.e.metrics.tokenRefused()
		return
	}
	var m statev1.Token
	if proto.Unmarshal(plain, &m) != nil || m.Epoch != r.e.Epoch() || idFrom(m.DeviceId) != r.device.id {
		r.e.metrics.tokenRefused()
		return
	}
	if _, at, ok := r.device.presence.Last(); ok && at >= m.ObservedMs {
		return
	}
	if err := r.device.presence.UnmarshalCarried(m.Carried); err != nil {
		r.e.metrics.tokenRefused()
	}
}

// sealToken makes the token for the phone's next report. A state that carries nothing needs none.
func (r *reporting) sealToken() ([]byte, error) {
	_, at, ok := r.device.presence.Last()
	if !ok || r.report.Import {
		return nil, nil
	}
	plain, err := proto.Marshal(&statev1.Token{
		DeviceId: bytesOf(r.device.id), Version: r.p.version, Epoch: r.e.Epoch(), ObservedMs: at,
		Carried: r.device.presence.MarshalCarried(),
	})
	if err != nil {
		return nil, err
	}
	return r.e.keeper.Seal(seal.PresenceToken, plain, r.p.key.BrandID[:], r.device.id[:])
}
