package node

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/brand"
)

// safe is a vault whose secrets are not sealed.
type safe struct{ credentials []brand.Credential }

func (s *safe) Credentials(id uuid.UUID) (mine []brand.Credential) {
	for _, c := range s.credentials {
		if c.BrandID == id {
			mine = append(mine, c)
		}
	}
	return mine
}

func (s *safe) OpenCredential(c *brand.Credential) ([]byte, error) {
	if c.Sealed == nil {
		return nil, errors.New("cannot be opened")
	}
	return c.Sealed, nil
}

func delivery() *pusher.Delivery {
	now := time.Now()
	return &pusher.Delivery{ID: uuid.New(), CreatedAt: now, Deadline: now.Add(time.Minute),
		Notification: pusher.Notification{ID: uuid.New(), Title: "t", Body: "b"}}
}

func TestCredentialReplacedWhileRunning(t *testing.T) {
	fcm, err := emulator.NewFCM(emulator.FCMOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = fcm.Close() })
	s := newSenders(Providers{FCMEndpoint: fcm.URL()}, nil, time.Now, slog.New(slog.DiscardHandler))
	t.Cleanup(s.close)
	mine, to := uuid.New(), pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "phone"}
	attempt := func(of uuid.UUID) pusher.Result { return s.For(of, pusher.FCM).Send(t.Context(), to, delivery()) }
	require.Equal(t, misconfigured("CREDENTIAL_MISSING"), attempt(mine), "before credentials are known")

	v := &safe{}
	s.follow(v)
	require.Equal(t, misconfigured("CREDENTIAL_MISSING"), attempt(mine))
	credential := brand.Credential{ID: uuid.New(), BrandID: mine, Provider: pusher.FCM, Version: 1}
	v.credentials = []brand.Credential{credential}
	require.Equal(t, misconfigured("CREDENTIAL_BROKEN"), attempt(mine), "it cannot be opened")
	credential.Version, credential.Sealed = 2, []byte("{}")
	v.credentials = []brand.Credential{credential}
	require.Equal(t, misconfigured("CREDENTIAL_BROKEN"), attempt(mine), "it is no credential")
	credential.Sealed = fcm.ServiceAccountJSON()
	v.credentials = []brand.Credential{credential}
	require.Equal(t, misconfigured("CREDENTIAL_BROKEN"), attempt(mine), "the same version is not made twice")
	credential.Version = 3
	v.credentials = []brand.Credential{credential}
	require.Equal(t, pusher.OutcomeAccepted, attempt(mine).Outcome, "a new version works at once")
	require.Equal(t, misconfigured("CREDENTIAL_MISSING"), attempt(uuid.New()), "another brand has none of it")
	credential.Version, credential.DeletedAt = 4, time.Now()
	v.credentials = []brand.Credential{credential}
	require.Equal(t, misconfigured("CREDENTIAL_MISSING"), attempt(mine))
}

func TestCredentialFitsTheAddress(t *testing.T) {
	mine := uuid.New()
	v := &safe{}
	for i, c := range []brand.Credential{{Topic: "a"}, {Topic: "a", Sandbox: true}, {Topic: "b"}, {Topic: "a"}} {
		c.ID, c.BrandID, c.Provider, c.Version = uuid.New(), mine, pusher.APNs, int64(i+1)
		v.credentials = append(v.credentials, c)
	}
	s := newSenders(Providers{}, nil, time.Now, slog.New(slog.DiscardHandler))
	s.follow(v)
	for _, c := range []struct {
		to   pusher.Address
		want int64
	}{
		{pusher.Address{Topic: "a"}, 4},
		{pusher.Address{Topic: "a", Sandbox: true}, 2},
		{pusher.Address{Topic: "b", Sandbox: true}, 3},
		{pusher.Address{}, 4},
	} {
		got := brandSender{s, mine, pusher.APNs}.choose(c.to)
		require.Equal(t, c.want, got.Version, "%+v", c.to)
	}
	require.Nil(t, brandSender{s, mine, pusher.APNs}.choose(pusher.Address{Topic: "c"}))
	require.Nil(t, brandSender{s, mine, pusher.FCM}.choose(pusher.Address{}))
}
