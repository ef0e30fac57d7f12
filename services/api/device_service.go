package api

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type deviceService struct {
	v1.UnimplementedDeviceServiceServer
	*Server
}

// erasedScopes are what DeleteMe erases.
var erasedScopes = []string{"person", "devices", "consents", "coupons", "ledger", "decisions", "location_uses"}

// RegisterDevice makes a device with a person.
func (s *deviceService) RegisterDevice(ctx context.Context, r *v1.RegisterDeviceRequest) (*v1.RegisterDeviceResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	device, profile, err := newDeviceFrom(r, c, &b.Settings)
	if err != nil {
		return nil, err
	}
	done, err := s.engine.Register(ctx, engine.NewDevice{
		BrandID: c.Brand, Device: device, Profile: profile, PersonExternalID: r.GetPersonExternalId(),
	})
	if err != nil {
		return nil, err
	}
	return &v1.RegisterDeviceResponse{
		Device: deviceTo(&done.Device), PersonId: done.Device.PersonID.String(), DeviceToken: done.Token,
		DeviceTokenExpireTime: stamp(done.Expires), ServerTime: s.now(),
	}, nil
}

// RefreshDeviceToken mints a new token.
func (s *deviceService) RefreshDeviceToken(ctx context.Context, r *v1.RefreshDeviceTokenRequest) (*v1.RefreshDeviceTokenResponse, error) {
	c := callerOf(ctx)
	var fs faults
	fs.unsupported(r.GetLocale() != "", "locale", "it stays as registered")
	fs.unsupported(r.GetTimeZone() != "", "time_zone", "it stays as registered")
	if fs != nil {
		return nil, fs.err()
	}
	if build := r.GetAppBuild(); build != "" {
		if err := s.engine.PutPushAddress(ctx, c.Brand, c.Device, nil, nil, build, ""); err != nil {
			return nil, deviceMissing(err)
		}
	}
	token, expires, err := s.engine.RefreshToken(ctx, c.Brand, c.Device)
	if err != nil {
		return nil, deviceMissing(err)
	}
	return &v1.RefreshDeviceTokenResponse{DeviceToken: token, DeviceTokenExpireTime: stamp(expires), ServerTime: s.now()}, nil
}

// deviceMissing answers a phone whose device is gone.
func deviceMissing(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return unknownDevice()
	}
	return err
}

// deviceNotFound answers a server that named no device of the brand, or a phone whose device is gone.
func deviceNotFound(c *Caller, err error, id string) error {
	if c.Kind == v1.Access_PHONE {
		return deviceMissing(err)
	}
	return missing(err, v1.ErrorReason_DEVICE_NOT_FOUND, "device_id", id)
}

// UpdatePushAddress notes where a device is reached.
func (s *deviceService) UpdatePushAddress(ctx context.Context, r *v1.UpdatePushAddressRequest) (*v1.UpdatePushAddressResponse, error) {
	c := callerOf(ctx)
	id, err := c.deviceFor(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	address, err := addressFrom(r.GetPushAddress(), s.engine.Now(), s.pushServices)
	if err != nil {
		return nil, err
	}
	refused := refusedByOS(r.GetPushAddress().GetPermission())
	if address == nil {
		if err := s.engine.DropPushAddress(ctx, c.Brand, id); err != nil {
			return nil, deviceNotFound(c, err, id.String())
		}
	}
	if err := s.engine.PutPushAddress(ctx, c.Brand, id, address, refused, "", ""); err != nil {
		return nil, deviceNotFound(c, err, id.String())
	}
	out := &v1.Device{Id: id.String(), PersonId: formatID(c.Person)}
	if address != nil {
		out.PushAddress = addressTo(address, refused != nil && *refused)
		out.PushAddress.Permission = r.GetPushAddress().GetPermission()
	}
	return &v1.UpdatePushAddressResponse{Device: out, ServerTime: s.now()}, nil
}

// RecordConsents appends to the ledger of consents, all or none.
func (s *deviceService) RecordConsents(ctx context.Context, r *v1.RecordConsentsRequest) (*v1.RecordConsentsResponse, error) {
	c := callerOf(ctx)
	id, err := c.deviceFor(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	list, err := consentsFrom(r, id, s.engine.Now())
	if err != nil {
		return nil, err
	}
	if _, err := s.engine.RecordConsents(ctx, c.Brand, id, list); err != nil {
		return nil, deviceNotFound(c, dependsFault(err), id.String())
	}
	standing, err := s.consentsTo(ctx, c.Brand, id)
	if err != nil {
		return nil, err
	}
	return &v1.RecordConsentsResponse{Consents: standing, ServerTime: s.now()}, nil
}

// ListConsents says what holds now.
func (s *deviceService) ListConsents(ctx context.Context, r *v1.ListConsentsRequest) (*v1.ListConsentsResponse, error) {
	c := callerOf(ctx)
	id, err := c.deviceFor(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	standing, err := s.consentsTo(ctx, c.Brand, id)
	return &v1.ListConsentsResponse{Consents: standing}, err
}

// IdentifyPerson joins the device to the person that the brand's token names.
func (s *deviceService) IdentifyPerson(ctx context.Context, r *v1.IdentifyPersonRequest) (*v1.IdentifyPersonResponse, error) {
	c := callerOf(ctx)
	person, _, token, expires, err := s.engine.Identify(ctx, c.Brand, c.Device, r.GetPersonJwt())
	if errors.Is(err, brand.ErrIdentity) {
		cause := err.Error()
		if at := strings.Index(cause, brand.ErrIdentity.Error()); at >= 0 {
			cause = strings.TrimPrefix(cause[at+len(brand.ErrIdentity.Error()):], ": ")
		}
		return nil, refuse(codes.Unauthenticated, v1.ErrorReason_PERSON_TOKEN_INVALID, "the token about the person is refused", "cause", cause)
	}
	if err != nil {
		return nil, deviceMissing(err)
	}
	return &v1.IdentifyPersonResponse{
		PersonId: person.String(), Joined: person != c.Person, DeviceToken: token, DeviceTokenExpireTime: stamp(expires), ServerTime: s.now(),
	}, nil
}

// Logout gives the device a fresh person.
func (s *deviceService) Logout(ctx context.Context, _ *v1.LogoutRequest) (*v1.LogoutResponse, error) {
	c := callerOf(ctx)
	token, expires, err := s.engine.Logout(ctx, c.Brand, c.Device)
	if err != nil {
		return nil, deviceMissing(err)
	}
	person, err := s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{DeviceID: c.Device})
	if err != nil {
		return nil, deviceMissing(err)
	}
	return &v1.LogoutResponse{PersonId: person.String(), DeviceToken: token, DeviceTokenExpireTime: stamp(expires), ServerTime: s.now()}, nil
}

// PauseLocation stops looking at the person's positions.
func (s *deviceService) PauseLocation(ctx context.Context, r *v1.PauseLocationRequest) (*v1.PauseLocationResponse, error) {
	c := callerOf(ctx)
	err := s.engine.PauseLocation(ctx, c.Brand, c.Device, corrected(r.GetUntilTime(), r.GetSentTime(), s.engine.Now()))
	if fs := faultsOf(err, fieldNames{names: map[string]string{"until": "until_time"}}); fs != nil {
		return nil, fs.err()
	}
	return &v1.PauseLocationResponse{ServerTime: s.now()}, deviceMissing(err)
}

// ResumeLocation ends that.
func (s *deviceService) ResumeLocation(ctx context.Context, _ *v1.ResumeLocationRequest) (*v1.ResumeLocationResponse, error) {
	c := callerOf(ctx)
	return &v1.ResumeLocationResponse{ServerTime: s.now()}, deviceMissing(s.engine.ResumeLocation(ctx, c.Brand, c.Device))
}

// DeleteMe erases the caller's person.
func (s *deviceService) DeleteMe(ctx context.Context, _ *v1.DeleteMeRequest) (*v1.DeleteMeResponse, error) {
	c := callerOf(ctx)
	asked := s.now()
	receipt, at, err := s.engine.Erase(ctx, c.Brand, c.Person)
	if err != nil {
		return nil, deviceMissing(err)
	}
	return &v1.DeleteMeResponse{ServerTime: s.now(), Receipt: &v1.ErasureReceipt{
		Id: receipt.String(), Scopes: erasedScopes, RequestTime: asked, EraseTime: stamp(at),
	}}, nil
}

var receiptKinds = map[v1.Receipt_Kind]string{v1.Receipt_SHOWN: engine.Shown, v1.Receipt_OPENED: engine.Opened, v1.Receipt_DISMISSED: engine.Dismissed}

// RecordReceipts takes what happened to notifications on the phone.
func (s *deviceService) RecordReceipts(ctx context.Context, r *v1.RecordReceiptsRequest) (*v1.RecordReceiptsResponse, error) {
	c := callerOf(ctx)
	now := s.engine.Now()
	var list []engine.Receipt
	for _, g := range r.GetReceipts() {
		if g.GetCouponId() != "" {
			continue // nothing is kept of coupons, and the count says so
		}
		list = append(list, engine.Receipt{
			NotificationID: parseID(g.GetNotificationId()), DeliveryID: parseID(g.GetDeliveryId()), Kind: receiptKinds[g.GetKind()],
			At: corrected(g.GetOccurredTime(), r.GetSentTime(), now),
		})
	}
	var taken int
	var err error
	if c.Kind == v1.Access_SERVER {
		taken, err = s.engine.RecordReceiptsOf(ctx, c.Brand, list)
	} else {
		taken, err = s.engine.RecordReceipts(ctx, c.Brand, c.Device, list)
	}
	if err != nil {
		return nil, deviceMissing(err)
	}
	return &v1.RecordReceiptsResponse{Recorded: int32(taken), ServerTime: s.now()}, nil
}

// mostUsesAtOnce is how many records of one person may begin at one instant.
const mostUsesAtOnce = 100

// ListLocationUses lists the person's own records of use, the latest first.
func (s *deviceService) ListLocationUses(ctx context.Context, r *v1.ListLocationUsesRequest) (*v1.ListLocationUsesResponse, error) {
	c := callerOf(ctx)
	from, to := instant(r.GetStartTime()), instant(r.GetEndTime())
	query := "uses " + from.String() + to.String()
	cursor, err := readPageToken(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	size, after, more := pageSize(r.GetPageSize(), smallPages), uuid.Max, 1
	if cursor != "" {
		at, id, _ := strings.Cut(cursor, " ")
		us, err := strconv.ParseInt(at, 10, 64)
		if after = parseID(id); err != nil || after == uuid.Nil {
			return nil, errPageToken()
		}
		to, more = time.UnixMicro(us).UTC(), 1+mostUsesAtOnce
	}
	list, err := s.engine.LocationUses(ctx, c.Brand, c.Device, from, to, size+more)
	if err != nil {
		return nil, deviceMissing(err)
	}
	if cursor != "" {
		list = slices.DeleteFunc(list, func(u engine.LocationUse) bool { return u.From.Equal(to) && bytes.Compare(u.ID[:], after[:]) >= 0 })
	}
	out := &v1.ListLocationUsesResponse{}
	if len(list) > size {
		list = list[:size]
		last := &list[size-1]
		out.NextPageToken = pageToken(query, strconv.FormatInt(last.From.UnixMicro(), 10)+" "+last.ID.String())
	}
	for _, u := range list {
		source := "phone"
		if u.Path == "import" {
			source = "import"
		}
		out.LocationUses = append(out.LocationUses, &v1.LocationUse{
			Id: u.ID.String(), Purpose: u.Purpose, Source: source, Recipient: u.Recipient, StartTime: stamp(u.From), EndTime: stamp(u.Until),
		})
	}
	return out, nil
}
