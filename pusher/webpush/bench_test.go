package webpush_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/pusher/webpush"
)

// Both ends run in this process and share its cores: one encrypts and signs, the other verifies and opens.
func BenchmarkSend(b *testing.B) {
	server, err := emulator.NewWebPush(emulator.WebPushOptions{})
	require.NoError(b, err)
	defer server.Close()
	services := pusher.PushServices{server.Addr()}
	sender, err := webpush.New([]byte(`{"private_key":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","subject":"https://example.com"}`),
		webpush.Options{Services: services, Transport: webpush.NewTransport(services, server.CertPool())})
	require.NoError(b, err)
	text, err := server.Subscribe("a", sender.PublicKey())
	require.NoError(b, err)
	to := pusher.Address{Provider: pusher.WebPush, Kind: pusher.KindSubscription, Value: text}
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if r := sender.Send(b.Context(), to, delivery()); r.Outcome != pusher.OutcomeAccepted {
				b.Error(r)
			}
		}
	})
}
