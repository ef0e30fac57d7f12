package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

const (
	// buffered is how many pings a phone keeps while the server does not answer, the oldest go first.
	buffered = 100
	callTime = 10 * time.Second
	notice   = "demo-2026-1"
	terms    = "This text stands in for the one that people would read before they agree."
)

// phone is one installation of the app: it knows the app key it was built with, and from its registration on its own
// device token.
type phone struct {
	person   person
	devices  v1.DeviceServiceClient
	location v1.LocationServiceClient
	appKey   string
	zone     string // IANA
	token    string // device token
	presence []byte // presence token of the last answer
	unheard  []*v1.Ping
}

func newPhone(conn grpc.ClientConnInterface, appKey string, p person, zone string) *phone {
	return &phone{person: p, appKey: appKey, zone: zone,
		devices: v1.NewDeviceServiceClient(conn), location: v1.NewLocationServiceClient(conn)}
}

// call bounds a call and says who calls.
func (p *phone) call(ctx context.Context) (context.Context, context.CancelFunc) {
	pairs := []string{"wantgo-app-key", p.appKey}
	if p.token != "" {
		pairs = append(pairs, "authorization", "Bearer "+p.token)
	}
	return context.WithTimeout(metadata.AppendToOutgoingContext(ctx, pairs...), callTime)
}

// install registers the device and tells the server what its owner agreed to and where it is reached.
func (p *phone) install(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.register, p.consent, p.tellAddress, p.pause} {
		bounded, cancel := p.call(ctx)
		err := step(bounded)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *phone) register(ctx context.Context) error {
	platform, version := v1.Device_ANDROID, "15"
	if p.person.ios {
		platform, version = v1.Device_IOS, "18.1"
	}
	answer, err := p.devices.RegisterDevice(ctx, &v1.RegisterDeviceRequest{
		RequestId: uuid.NewString(), Platform: platform, OsVersion: version, AppBuild: "1.0.0+demo", Locale: p.person.locale,
		TimeZone: p.zone, Age: &v1.RegisterDeviceRequest_MinimumAgeReached{MinimumAgeReached: true},
		SentTime: timestamppb.Now(),
	})
	if err != nil {
		return fmt.Errorf("register a phone: %w", err)
	}
	p.token = answer.GetDeviceToken()
	return nil
}

func (p *phone) consent(ctx context.Context) error {
	hash := sha256.Sum256([]byte(terms))
	var consents []*v1.Consent
	agree := func(purpose v1.Consent_Purpose, yes bool) {
		if yes {
			consents = append(consents, &v1.Consent{
				Purpose: purpose, State: v1.Consent_GRANTED, NoticeVersion: notice, NoticeHash: hash[:], Locale: p.person.locale,
				Screen: "welcome", Actor: v1.Consent_SELF, OccurredTime: timestamppb.Now(),
			})
		}
	}
	agree(v1.Consent_LOC_USE, p.person.located)
	agree(v1.Consent_AD_PUSH, p.person.ads)
	agree(v1.Consent_AD_PUSH_NIGHT, p.person.night)
	if len(consents) == 0 {
		return nil
	}
	_, err := p.devices.RecordConsents(ctx, &v1.RecordConsentsRequest{RequestId: uuid.NewString(), Consents: consents, SentTime: timestamppb.Now()})
	if err != nil {
		return fmt.Errorf("record consents: %w", err)
	}
	return nil
}

func (p *phone) tellAddress(ctx context.Context) error {
	if p.person.deaf {
		return nil
	}
	to := &v1.PushAddress{Provider: v1.PushAddress_FCM, Kind: v1.PushAddress_TOKEN, Value: p.person.address, Permission: v1.PushAddress_GRANTED}
	if p.person.ios {
		to.Provider, to.Environment = v1.PushAddress_APNS, v1.PushAddress_PRODUCTION
	}
	_, err := p.devices.UpdatePushAddress(ctx, &v1.UpdatePushAddressRequest{RequestId: uuid.NewString(), PushAddress: to, SentTime: timestamppb.Now()})
	if err != nil {
		return fmt.Errorf("tell the push address: %w", err)
	}
	return nil
}

func (p *phone) pause(ctx context.Context) error {
	if !p.person.paused {
		return nil
	}
	_, err := p.devices.PauseLocation(ctx, &v1.PauseLocationRequest{RequestId: uuid.NewString(), SentTime: timestamppb.Now()})
	if err != nil {
		return fmt.Errorf("pause location: %w", err)
	}
	return nil
}

// report tells where the phone was at a time, with whatever earlier calls did not get an answer to.
func (p *phone) report(ctx context.Context, f fix, at time.Time) (*v1.ReportPingsResponse, error) {
	if len(p.unheard) >= buffered {
		p.unheard = p.unheard[1:]
	}
	speed := f.speed
	p.unheard = append(p.unheard, &v1.Ping{
		Id: uuid.NewString(), Latitude: f.at.Lat, Longitude: f.at.Lng, AccuracyMeters: f.accuracy, SpeedMps: &speed, ObservedTime: timestamppb.New(at),
	})
	state := v1.Ping_BACKGROUND
	if p.person.foreground {
		state = v1.Ping_FOREGROUND
	}
	bounded, cancel := p.call(ctx)
	defer cancel()
	answer, err := p.location.ReportPings(bounded, &v1.ReportPingsRequest{
		Pings: p.unheard, AppState: state, PresenceToken: p.presence, SentTime: timestamppb.Now(),
	})
	if err != nil {
		return nil, fmt.Errorf("report pings: %w", err)
	}
	p.unheard, p.presence = nil, answer.GetPresenceToken()
	return answer, nil
}

// shown tells that the app showed an in-app message, so that no push needs to follow.
func (p *phone) shown(ctx context.Context, notification string) error {
	bounded, cancel := p.call(ctx)
	defer cancel()
	_, err := p.devices.RecordReceipts(bounded, &v1.RecordReceiptsRequest{RequestId: uuid.NewString(), SentTime: timestamppb.Now(), Receipts: []*v1.Receipt{{
		Subject: &v1.Receipt_NotificationId{NotificationId: notification}, Kind: v1.Receipt_SHOWN, OccurredTime: timestamppb.Now(),
	}}})
	if err != nil {
		return fmt.Errorf("record a receipt: %w", err)
	}
	return nil
}
