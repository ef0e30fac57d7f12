package api

import (
	"context"
	"strconv"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

type addressService struct {
	v1.UnimplementedAddressServiceServer
	*Server
}

// mostPaged is how many changes can be paged through.
const mostPaged = 10_000

var addressChanges = map[v1.PushAddressChange_Kind]string{
	v1.PushAddressChange_DROPPED: audience.ChangeDropped, v1.PushAddressChange_QUARANTINED: audience.ChangeQuarantined,
	v1.PushAddressChange_WITHDRAWN: audience.ChangeWithdrawn, v1.PushAddressChange_REPLACED: audience.ChangeReplaced,
	v1.PushAddressChange_RESTORED: audience.ChangeRestored,
}

// ListPushAddressChanges lists what became of addresses, the newest first.
func (s *addressService) ListPushAddressChanges(ctx context.Context, r *v1.ListPushAddressChangesRequest) (*v1.ListPushAddressChangesResponse, error) {
	query := "address changes " + r.GetDeviceId() + r.GetStartTime().String()
	from, err := readOffset(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := min(pageSize(r.GetPageSize(), smallPages), max(mostPaged-from, 0))
	list, err := s.engine.AddressHistory(ctx, callerOf(ctx).Brand, parseID(r.GetDeviceId()), instant(r.GetStartTime()), from+size+1)
	if err != nil {
		return nil, err
	}
	list = list[min(from, len(list)):]
	out := &v1.ListPushAddressChangesResponse{}
	if len(list) > size {
		if list = list[:size]; from+size < mostPaged {
			out.NextPageToken = pageToken(query, strconv.Itoa(from+size))
		}
	}
	for _, e := range list {
		out.Changes = append(out.Changes, &v1.PushAddressChange{
			DeviceId: e.DeviceID.String(), ChangeTime: stamp(e.At), Kind: keyOf(addressChanges, e.Change), Code: e.Code,
			Provider: keyOf(providers, pusher.Provider(e.Provider)), RegisterTime: stamp(e.RegisteredAt), LastSeenTime: stamp(e.LastSeenAt),
		})
	}
	return out, nil
}

// CountPushAddressChanges counts them by provider, change and code.
func (s *addressService) CountPushAddressChanges(ctx context.Context, r *v1.CountPushAddressChangesRequest) (*v1.CountPushAddressChangesResponse, error) {
	counts, err := s.engine.AddressCounts(ctx, callerOf(ctx).Brand, instant(r.GetStartTime()))
	if err != nil {
		return nil, err
	}
	out := &v1.CountPushAddressChangesResponse{}
	for _, c := range counts {
		out.Counts = append(out.Counts, &v1.CountPushAddressChangesResponse_Count{Provider: keyOf(providers, pusher.Provider(c.Provider)),
			Kind: keyOf(addressChanges, c.Change), Code: c.Code, Count: c.Count})
	}
	return out, nil
}

// RestorePushAddresses undoes wrong drops.
func (s *addressService) RestorePushAddresses(ctx context.Context, r *v1.RestorePushAddressesRequest) (*v1.RestorePushAddressesResponse, error) {
	wrong := audience.WrongDrops{From: instant(r.GetStartTime()), Until: instant(r.GetEndTime()), Code: r.GetCode(),
		Provider: string(providers[r.GetProvider()]), DeviceID: parseID(r.GetDeviceId()), Why: r.GetReason()}
	if wrong.Until.IsZero() {
		wrong.Until = s.engine.Now().Add(time.Minute) // changes are dated by the database's clock
	}
	if !wrong.From.Before(wrong.Until) {
		var fs faults
		fs.add("end_time", v1.ErrorReason_INVALID_FIELD, "must be after start_time")
		return nil, fs.err()
	}
	n, err := s.engine.RestoreAddresses(ctx, callerOf(ctx).Brand, wrong)
	return &v1.RestorePushAddressesResponse{Restored: int32(n)}, err
}
